"""A user's own cross-encoder made small: a BERT of two layers over nine words, in a transformers folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from tieback.catalog.card import RerankerCard
from tieback.catalog.catalog import read_card
from tieback.models.store import Store
from tieback.models.text.cross_encoder import CrossEncoderModel, load_cross_encoder
from tieback.recipes.pull import pull
from tokenizers import Tokenizer, processors
from transformers import CONFIG_MAPPING, AutoModelForSequenceClassification, PreTrainedModel

from support.own_encoder import Silent, write_tokenizer
from support.own_folders import DIFFERENT, SIZES

PLACES = 24
QUERY = "owl flies"
PASSAGES = ("owl flies at night", "wren", "wren flies", "night at night at night")


def save_cross_encoder(folder: Path, architecture: str = "bert", *, labels: int = 1) -> PreTrainedModel:
    """A transformers folder of a sequence classification; the model as it was saved."""
    torch.manual_seed(0)
    sizes = DIFFERENT.get(architecture, SIZES) | {"num_labels": labels}
    config = CONFIG_MAPPING[architecture](**sizes)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(  # type: ignore[no-untyped-call]  # theirs
        config, attn_implementation="eager"
    ).eval()
    for name, parameter in model.named_parameters():
        if "embeddings" not in name and parameter.ndim == 1:  # zeros would hide what is left out
            torch.nn.init.normal_(parameter, mean=float(name.endswith("weight")), std=0.2)
    model.save_pretrained(folder)
    write_pair_tokenizer(folder)
    return model


def write_pair_tokenizer(folder: Path) -> None:
    write_tokenizer(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def reranker_card(folder: Path, **changes: Any) -> RerankerCard:
    """The card, beside the folder."""
    fields: dict[str, Any] = {
        "name": "own-judge",
        "role": "reranker",
        "runtime": "cross_encoder",
        "description": "mine",
        "license": "MIT",
        "upstream": "me",
        "directory": folder.name,
        "max_tokens": 20,
    }
    path = folder.parent / "own-judge.yaml"
    path.write_text(yaml.safe_dump(fields | changes))
    card = read_card(path)
    assert isinstance(card, RerankerCard)
    return card


def served(card: RerankerCard, store: Store) -> CrossEncoderModel:
    """Pulled into the store, and loaded."""
    assert pull([card], [], store, Silent()) == []
    return load_cross_encoder(card, store)


def own_scores(
    folder: Path, model: torch.nn.Module, query: str = QUERY, passages: tuple[str, ...] = PASSAGES
) -> list[float]:
    """What transformers computes for each pair by itself."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    typed = getattr(model.config, "type_vocab_size", 0) > 1
    scores = []
    for passage in passages:
        pair = tokenizer.encode(query, passage)
        types = {"token_type_ids": torch.tensor([pair.type_ids])} if typed else {}
        with torch.no_grad():
            scores.append(float(model(torch.tensor([pair.ids]), **types).logits[0, 0]))
    return scores
