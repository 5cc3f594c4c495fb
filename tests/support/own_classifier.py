"""A user's own classifier of texts made small, in a transformers folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from tieback.catalog.catalog import read_card
from tieback.catalog.classifier_card import ClassifierCard
from tieback.models.store import Store
from tieback.models.text.text_classifier import TextClassifierModel, load_text_classifier
from tieback.recipes.own.folder import FolderOptions
from tieback.recipes.own.model import inspect
from tieback.recipes.pull import pull
from tokenizers import Tokenizer
from transformers import CONFIG_MAPPING, AutoModelForSequenceClassification, PreTrainedModel

from support.architectures import WRITERS
from support.own_checker import SHAPES
from support.own_encoder import Silent, write_tokenizer
from support.own_folders import DIFFERENT, SIZES

LABELS = ("billing", "delivery", "praise")
TEXTS = ("owl flies at night", "wren", "wren flies at night owl owl", "night at")


def save_classifier(
    folder: Path, architecture: str = "bert", *, labels: tuple[str, ...] = LABELS, problem: str = ""
) -> PreTrainedModel:
    """A folder of a sequence classification with these labels; the model as it was saved."""
    torch.manual_seed(0)
    sizes = DIFFERENT.get(architecture, SIZES) | SHAPES.get(architecture, {}) | {"pad_token_id": 0}
    if architecture in WRITERS:
        sizes |= {"num_key_value_heads": 1, "head_dim": 8}
    sizes |= {"id2label": dict(enumerate(labels)), "problem_type": problem or None}
    config = CONFIG_MAPPING[architecture](
        **sizes, label2id={name: place for place, name in enumerate(labels)}
    )
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(  # type: ignore[no-untyped-call]  # theirs
        config, attn_implementation="eager"
    ).eval()
    for name, parameter in model.named_parameters():
        if "embeddings" not in name and parameter.ndim == 1:  # zeros would hide what is left out
            torch.nn.init.normal_(parameter, mean=float(name.endswith("weight")), std=0.2)
    model.save_pretrained(folder)
    write_tokenizer(folder)
    return model


def classifier_card(folder: Path, **changes: Any) -> ClassifierCard:
    """The card that `models add` writes for the folder, with changes."""
    found = inspect(folder, "own-labels", FolderOptions(classifier=True))
    path = folder.parent / "own-labels.yaml"
    path.write_text(yaml.safe_dump(json.loads(json.dumps(found.cards[0])) | changes))
    card = read_card(path)
    assert isinstance(card, ClassifierCard)
    return card


def served(card: ClassifierCard, store: Store) -> TextClassifierModel:
    """Pulled into the store, and loaded."""
    assert pull([card], [], store, Silent()) == []
    return load_text_classifier(card, store)


def own_logits(folder: Path, model: torch.nn.Module, texts: tuple[str, ...] = TEXTS) -> np.ndarray[Any, Any]:
    """The logits `[texts, labels]` that transformers computes for each text by itself."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows = []
    for text in texts:
        with torch.no_grad():
            rows.append(model(torch.tensor([tokenizer.encode(text).ids])).logits[0].numpy())
    return np.stack(rows)
