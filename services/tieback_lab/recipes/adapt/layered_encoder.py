"""Weights of a text encoder that were trained, as exits or for a domain, and the encoder as a model of its
own.

The new model is a folder of safetensors weights, with a card like those of other folders
(docs/own-models.md): it is exported, cut at its layers, quantised and served as any text encoder. Its space
is its own, and the encoder that it was made of is served beside it as before.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tieback.artifacts import Artifact, Kind, file_digest
from tieback.catalog.card import CardMethod, EncoderCard
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import InvalidInput
from tieback.models.store import Store
from tieback.recipes.adapt.cards import base_of, places, write_card
from tieback_contract.field_path import FieldPath, at

LAYERED = Kind(
    "layered_encoder", "encoder of trained layers", 1, "train it again: tieback train matryoshka2d"
)
FINETUNED = Kind(
    "finetuned_encoder", "fine-tuned encoder", 1, "train it again: tieback train finetune, or fusionsent"
)
LEARNED_MERGE = Kind("learned_merge", "learned merge", 1, "learn it again: tieback models merge --learn")
SUFFIX = "2d"
NO_WEIGHTS = "learned."
"""Before the names of arrays of an artifact that are no weights of the model."""
WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
NOT_TAKEN = {
    "name", "description", "sources", "directory", "hashes", "options", "precision", "precisions", "widths",
    "joint", "optional", "role", "runtime", "kinds",
}  # fmt: skip
"""Fields of the base's card that are written anew or left out."""


def check_trainable(card: EncoderCard, *, field: FieldPath) -> CardMethod:
    """The card's pooling. InvalidInput, with the reason, where its layers cannot be trained as exits."""
    from tieback_lab.recipes.adapt.layer_states import check_layered

    check_layered(card, field=field)
    if card.pooling is None:
        raise InvalidInput(
            f"the layers of {card.name} cannot be trained with: its card names no pooling, so it is not "
            "known what stands behind them",
            field=field,
        )
    return card.pooling


def adapt(
    artifact: Artifact,
    cards: Mapping[str, EncoderCard],
    store: Store,
    output: Path,
    say: Callable[[str], None],
) -> Path:
    """Writes the model and its card into `output`, and returns the card's file.

    OtherWeights where the encoder is not the one that the weights were trained from; AlreadyExists where
    `output` has another card of that name.
    """
    from safetensors.torch import save_file

    from tieback_lab.recipes.adapt.layer_states import backbone_of

    card = base_of(artifact, cards)
    name, own = _by_kind(artifact, card)
    path, folder = places(artifact, name, output, is_ours=lambda one: one.description == own["description"])
    say(f"writing the weights of {name}")
    model = backbone_of(card, store, field=at("space")).model
    weights = dict(model.state_dict()) | _tensors(artifact)
    save_file({key: one.contiguous() for key, one in weights.items()}, folder / WEIGHTS)
    options, source = card.options_for(TransformerText), store.weights(card)
    shutil.copyfile(source / options.config, folder / CONFIG)
    shutil.copyfile(source / options.tokenizer, folder / TOKENIZER)
    return write_card(path, _card(name, card, folder, own))


def _by_kind(artifact: Artifact, card: EncoderCard) -> tuple[str, dict[str, Any]]:
    """The name of the model, and the fields of the card that are the kind's own."""
    facts = artifact.facts
    if artifact.kind == LEARNED_MERGE:
        experts = ", ".join(facts["experts"])
        said = f"{experts}, merged by {facts['method']}, which learned by pairs of texts."
        return facts["name"], {"description": said, "license": facts["license"]}
    if artifact.kind == FINETUNED:
        return f"{card.name}-{facts['domain']}", {
            "description": f"{card.name}, fine-tuned on pairs of texts: {facts['domain']}."
        }
    return f"{card.name}-{SUFFIX}", {
        "description": f"{card.name}, trained so that it may end at earlier layers and be cut.",
        "runtime": "layered_text",
        "widths": list(facts["widths"]),
        "options": {"layers": list(facts["exits"]), "deadline_exits": True},
    }


def _tensors(artifact: Artifact) -> dict[str, Any]:
    import torch

    return {
        name: torch.from_numpy(one.copy())
        for name, one in artifact.arrays.items()
        if not name.startswith(NO_WEIGHTS)
    }


def _card(name: str, card: EncoderCard, folder: Path, own: Mapping[str, Any]) -> dict[str, Any]:
    fields = card.model_dump(mode="json", exclude_defaults=True, exclude=NOT_TAKEN)
    options = card.options.model_dump(mode="json", include={"prompts"}, exclude_defaults=True)
    options |= own.get("options", {})
    return {
        "name": name,
        "role": "encoder",
        "runtime": "transformer_text",
        **fields,
        "directory": folder.name,
        "hashes": {file: file_digest(folder / file) for file in (WEIGHTS, CONFIG, TOKENIZER)},
        "kinds": sorted(kind.value for kind in card.kinds),
        **own,
        **({"options": options} if options else {}),
    }
