"""The parts of a transformer of BERT's build, by the names of its tensors: which neurons a tensor has.

Behind the blocks, and in a model without any, are linear layers in a chain, as of a head or a perceptron.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tieback_contract.arrays import Array

from tieback.core.errors import InvalidInput

WEIGHT, BIAS = ".weight", ".bias"
QUERY, KEY, VALUE = (f"attention.self.{name}" for name in ("query", "key", "value"))
MIXED, MIXED_NORM = "attention.output.dense", "attention.output.LayerNorm"
WIDENED, NARROWED, NORM = "intermediate.dense", "output.dense", "output.LayerNorm"
OF_BLOCK = (QUERY, KEY, VALUE, MIXED, MIXED_NORM, WIDENED, NARROWED, NORM)
TABLES = ("word_embeddings", "position_embeddings", "token_type_embeddings")
TABLES_NORM = "LayerNorm"
_IN_BLOCK = re.compile(rf"((?:.*\.)?layer\.\d+)\.(?:{'|'.join(map(re.escape, OF_BLOCK))})$")
_EMBEDDINGS = re.compile(r"(?:^|\.)embeddings$")


@dataclass(frozen=True, slots=True)
class Parts:
    """Names of modules: what holds the tables of the embeddings, the tables, the blocks, the chain behind."""

    embeddings: str | None
    tables: tuple[str, ...]
    blocks: tuple[str, ...]
    chain: tuple[str, ...]


def parts_of(weights: Mapping[str, Array]) -> Parts:
    """The parts of a model. InvalidInput, with a tensor, where it is neither of BERT's build nor a chain."""
    modules = {name.removesuffix(WEIGHT).removesuffix(BIAS) for name in weights}
    found = {match[1] for name in modules if (match := _IN_BLOCK.match(name))}
    blocks = sorted(found, key=_numbers)
    tables = [name for name in modules if name.rpartition(".")[2] in TABLES]
    rooms = {name.rpartition(".")[0] for name in tables}
    taken = {f"{block}.{part}" for block in blocks for part in OF_BLOCK} | set(tables)
    taken |= {f"{room}.{TABLES_NORM}" for room in rooms}
    if blocks or tables:
        if len(rooms) != 1 or not _EMBEDDINGS.search(next(iter(rooms))):
            raise _no_transformer("embeddings.word_embeddings.weight")
        for module in sorted(taken):
            if module + WEIGHT not in weights:
                raise _no_transformer(module + WEIGHT)
    chain = sorted(modules - taken, key=_numbers)
    return Parts(next(iter(rooms), None), tuple(sorted(tables)), tuple(blocks), tuple(chain))


def check_chain(weights: Mapping[str, Array], chain: tuple[str, ...], width: int | None) -> None:
    """InvalidInput where layers do not follow each other, the first behind neurons of that number."""
    shapes = [weights[layer + WEIGHT].shape if layer + WEIGHT in weights else () for layer in chain]
    fits = all(len(shape) == 2 for shape in shapes)
    if fits and shapes and width is not None:
        fits = shapes[0][1] == width
    if not fits or any(after[1] != before[0] for before, after in itertools.pairwise(shapes)):
        raise InvalidInput(
            "optimal_transport aligns transformers of BERT's build and chains of linear layers, and "
            f"{', '.join(chain)} are none; take another method",
            field="base",
        )


def _no_transformer(tensor: str) -> InvalidInput:
    return InvalidInput(
        f"optimal_transport aligns transformers of BERT's build, and these weights lack {tensor}; take "
        "another method",
        field="base",
    )


def _numbers(name: str) -> list[tuple[int, str]]:
    """Names in the order of the numbers within them: layer 10 behind layer 9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
