"""A user's own classifier of texts made small, in a transformers folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
from transformers import (
    CONFIG_MAPPING,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    pipeline,
)

from support.architectures import WRITERS
from support.own_checker import SHAPES, bare_logits
from support.own_encoder import Silent, write_tokenizer
from support.own_folders import DIFFERENT, SIZES

LABELS = ("billing", "delivery", "praise")
PARTS = ("O", "B-BIRD", "I-BIRD", "B-TIME", "I-TIME")
TEXTS = ("owl flies at night", "wren", "wren flies at night owl owl", "night at")


def save_classifier(
    folder: Path,
    architecture: str = "bert",
    *,
    labels: tuple[str, ...] = LABELS,
    problem: str = "",
    of: Any = AutoModelForSequenceClassification,
) -> PreTrainedModel:
    """A folder of a sequence classification, or another class, with these labels; the model as saved."""
    torch.manual_seed(0)
    sizes = DIFFERENT.get(architecture, SIZES) | SHAPES.get(architecture, {}) | {"pad_token_id": 0}
    if architecture in WRITERS:
        sizes |= {"num_key_value_heads": 1, "head_dim": 8}
    sizes |= {"id2label": dict(enumerate(labels)), "problem_type": problem or None}
    config = CONFIG_MAPPING[architecture](
        **sizes, label2id={name: place for place, name in enumerate(labels)}
    )
    model: PreTrainedModel = of.from_config(config, attn_implementation="eager").eval()
    for name, parameter in model.named_parameters():
        if "embeddings" not in name and parameter.ndim == 1:  # zeros would hide what is left out
            torch.nn.init.normal_(parameter, mean=float(name.endswith("weight")), std=0.2)
    model.save_pretrained(folder)
    write_tokenizer(folder)
    return model


def save_token_classifier(
    folder: Path, architecture: str = "bert", labels: tuple[str, ...] = PARTS
) -> PreTrainedModel:
    """A folder of a token classification with these labels, decided enough that tokens differ."""
    model = save_classifier(folder, architecture, labels=labels, of=AutoModelForTokenClassification)
    for name, parameter in model.named_parameters():
        if name.startswith(("classifier", "score")):
            torch.nn.init.normal_(parameter, std=0.7)
    model.save_pretrained(folder)
    return model


def named_parts(folder: Path, texts: Sequence[str]) -> list[list[dict[str, Any]]]:
    """The parts of texts that transformers' own pipeline finds in the folder."""
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # theirs
        tokenizer_file=str(folder / "tokenizer.json"), unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    model = AutoModelForTokenClassification.from_pretrained(folder, attn_implementation="eager")
    find: Any = pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="simple", device="cpu"
    )
    return [find(text) for text in texts]


def classifier_card(folder: Path, **changes: Any) -> ClassifierCard:
    """The card that `models add` writes for the folder, with changes."""
    found = inspect(folder, "own-labels", FolderOptions(classifier=True))
    fields = json.loads(json.dumps(found.cards[0])) | changes
    path = folder.parent / f"{fields['name']}.yaml"
    path.write_text(yaml.safe_dump(fields))
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


def own_pair_logits(folder: Path, model: torch.nn.Module, first: str, second: str) -> np.ndarray[Any, Any]:
    """The logits `[labels]` that transformers computes for a pair by itself."""
    return bare_logits(folder, model, first, second)[0].numpy()
