"""The graphs of the lower precisions that a card names, beside the float32 one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from onnxruntime.transformers.float16 import convert_float_to_float16
from tieback_contract.arrays import Array

from tieback.catalog.card import EncoderCard
from tieback.catalog.precision import Precision
from tieback.core.types.encoding import Truncation
from tieback.models.reference import IDS, MASK, Reference
from tieback.models.session import Session
from tieback.models.text.tokenization import TextTokenizer
from tieback.models.text.transformer_text import (
    GRAPH,
    GRAPHS,
    REFERENCE,
    TOKENIZER,
    padded,
)
from tieback.recipes.graphs.edits import load_graph
from tieback.recipes.graphs.external_data import LARGEST_FILE, save_graph
from tieback.recipes.graphs.quantise import quantise
from tieback.training.data.texts import SAMPLE

Maker = Callable[[Path, Path, Mapping[str, Array]], None]


def halve(source: Path, target: Path, sample: Mapping[str, Array]) -> None:  # noqa: ARG001 - nothing is measured for it
    """Writes the float16 graph, whose inputs and outputs stay as they are."""
    graph = load_graph(source)
    # Shapes are inferred on a copy in one protobuf, which a large graph has no room in.
    small = sum(tensor.ByteSize() for tensor in graph.graph.initializer) <= LARGEST_FILE
    save_graph(convert_float_to_float16(graph, keep_io_types=True, disable_shape_infer=not small), target)


MAKERS: Mapping[Precision, Maker] = {"float16": halve, "int8": quantise}


def add_lower_precisions(card: EncoderCard, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes them into `out`, where the float32 graph lies; returns how near each is to it.

    One that is not near enough on this machine is kept: it may be on the one that serves it, which looks for
    itself. StartupError where the graph has nothing to quantise.
    """
    if not card.precisions:
        return {}
    ids, mask = sample(card, out / TOKENIZER)
    reference = Reference.made_with(Session(out / GRAPH), ids, mask)
    reference.save(out / REFERENCE)
    smallest = {}
    for precision, lower in card.precisions.items():
        report(f"making {precision}")
        graph = out / GRAPHS[precision]
        MAKERS[precision](out / GRAPH, graph, {IDS: ids, MASK: mask})
        smallest[precision] = float(reference.cosines(Session(graph)).min())
        if not smallest[precision] >= lower.smallest_cosine:
            report(
                f"{precision} has a cosine of {smallest[precision]:.3f} to float32 on this machine, and the "
                f"card asks for {lower.smallest_cosine}: it will not be served here"
            )
    return {"smallest_cosine": smallest}


def sample(card: EncoderCard, tokenizer: Path) -> tuple[Array, Array]:
    """The sample's paragraphs as token numbers and mask, `[texts, tokens]`."""
    read = TextTokenizer(tokenizer, max_tokens=card.max_tokens, special_tokens=True)
    texts = [text for text in SAMPLE.splitlines() if text]
    return padded([read(text, Truncation.END)[0].ids for text in texts])
