"""A learned head of a text encoder, and the encoder with it as a model of its own.

The head is a matrix that the token states are multiplied by before they are pooled. Pooling by a mean or by
one token is linear, so that is the same as to multiply the vector, and token vectors have the head as well.
The new model is a folder with a graph, and a card like those of other folders (docs/own-models.md): it is
exported, quantised and served as any text encoder, and nothing of what made it is needed for that.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath, at
from tieback_contract.vectors import VectorKind

from tieback.artifacts import Artifact, Kind, file_digest
from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import InvalidInput
from tieback.models.reference import IDS, MASK
from tieback.models.store import Store
from tieback.models.text.transformer_text import GRAPH, TOKENIZER, TOKENS
from tieback.recipes.adapt.cards import base_of, places, write_card

HEAD = Kind("encoder_head", "encoder head", 1, "train it again: tieback train")
MATRIX = "head"
"""The array: `[width, width]`."""

BASE, TURNED = "base/", "turned_states"
"""What names of the old graph begin with in the new one, and the tensor that is pooled there."""

NOT_TAKEN = {
    "sources", "directory", "hashes", "options", "precisions", "kinds", "widths", "role", "runtime",
}  # fmt: skip
"""Fields of the base's card that are written anew or left out."""


def check_adaptable(card: EncoderCard, *, field: FieldPath) -> None:
    """InvalidInput, with the reason, where no head can be put into that card's encoder."""
    reason = ""
    if not isinstance(card.options, TransformerText) or VectorKind.DENSE not in card.kinds:
        reason = "it is no transformer text encoder with dense vectors"
    elif card.options.tokens_tensor == TURNED:
        reason = "it has one already; train from the encoder without it, which TIEBACK_CARDS names no card of"
    elif card.shares is not None:
        reason = f"other encoders share its space {card.shares!r}, and their vectors would not compare"
    elif card.pooling is None:
        reason = "its card names no pooling, so it is not known what stands behind the token states"
    elif not _is_linear(card):
        reason = f"it pools by {card.pooling.name}, which is not linear, and the head is put before that"
    if reason:
        raise InvalidInput(f"{card.name} cannot have a head: {reason}", field=field)


def adapt(
    artifact: Artifact,
    cards: Mapping[str, EncoderCard],
    store: Store,
    output: Path,
    say: Callable[[str], None],
) -> Path:
    """Writes the model and its card into `output`, and returns the card's file.

    OtherWeights where the encoder is not the one that the head was made for; AlreadyExists where `output` has
    another card of that name.
    """
    card = base_of(artifact, cards)
    check_adaptable(card, field=at("space"))
    path, folder = places(artifact, card.name, output, is_ours=_is_turned)
    say(f"putting the head into the graph of {card.name}")
    served = store.open(card)
    shutil.copyfile(served.path(TOKENIZER), folder / TOKENIZER)  # the folder is the user's to change
    write_turned_graph(served.path(GRAPH), artifact.arrays[MATRIX], folder / GRAPH)
    fields = _card(card, folder, tuple(artifact.facts["widths"]))
    return write_card(path, fields)


def write_turned_graph(source: Path, head: Array, path: Path) -> None:
    """The graph of an exported text encoder up to its token states, multiplied by `head` `[width, width]`."""
    import onnx

    from tieback.recipes.graphs.edits import keep_needed, load_graph, rename_input, replace_outputs
    from tieback.recipes.graphs.external_data import save_graph

    model = onnx.compose.add_prefix(load_graph(source), BASE)
    graph = model.graph
    for name in (IDS, MASK):
        rename_input(graph, f"{BASE}{name}", name)
    states, matrix = f"{BASE}{TOKENS}", "turn/matrix"
    graph.initializer.append(onnx.numpy_helper.from_array(head, matrix))
    graph.node.append(onnx.helper.make_node("MatMul", [states, matrix], [TURNED], name="turn/states"))
    replace_outputs(graph, {TURNED: ["batch", "tokens", head.shape[1]]})
    keep_needed(graph)
    save_graph(model, path)


def _card(card: EncoderCard, folder: Path, widths: tuple[int, ...]) -> dict[str, Any]:
    """The base's card with the new folder and widths. What a lower precision costs is the base's own."""
    fields = card.model_dump(
        mode="json",
        exclude_defaults=True,
        exclude=NOT_TAKEN,
    )
    options = card.options.model_dump(mode="json", include={"prompts", "prompt"}, exclude_defaults=True)
    lower = {name: {"smallest_cosine": one.smallest_cosine} for name, one in card.precisions.items()}
    return {
        **fields,
        "role": "encoder",
        "runtime": "transformer_text",
        "description": f"{card.description} Turned so that its vectors may be cut.",
        "directory": folder.name,
        "hashes": {name: file_digest(folder / name) for name in (GRAPH, TOKENIZER)},
        "widths": list(widths),
        "kinds": sorted(kind.value for kind in card.kinds),
        **({"precisions": lower} if lower else {}),
        "options": {"weights": GRAPH, "tokens_tensor": TURNED, **options},
    }


def _is_turned(card: Any) -> bool:
    return bool(getattr(getattr(card, "options", None), "tokens_tensor", "") == TURNED)


def _is_linear(card: EncoderCard) -> bool:
    """Whether it is the same to multiply states and then to pool them, and to pool first."""
    import torch

    from tieback.methods.pooling import poolings

    if card.pooling is None:
        return False
    pooling = poolings.configure(card.pooling.name, card.pooling.parameters, field="pooling")
    draw = torch.Generator().manual_seed(0)
    states, head = torch.randn(3, 5, 4, generator=draw), torch.randn(4, 4, generator=draw)
    sizes = (torch.arange(5)[None] < torch.tensor([5, 3, 1])[:, None]).float()
    return torch.allclose(pooling([states @ head], sizes), pooling([states], sizes) @ head, atol=1e-4)
