"""A user's own encoder made small: a BERT of one layer over nine words, in a transformers folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.catalog.source import PackageSource
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import EncoderModel, RawEncoding
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback_contract.limits import Limits
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, BertConfig, BertModel

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "owl", "wren", "flies", "at", "night"]
WIDTH = 16
TEXTS = ("owl flies at night", "wren")


class Silent:
    """Hears, and keeps what was said."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def fetching(self, source: PackageSource, there: int, size: int) -> None:
        raise AssertionError("a folder of the user's is not fetched")

    def said(self, name: str, message: str) -> None:
        self.heard.append(f"{name}: {message}")


def write_folder(folder: Path) -> Path:
    """The folder, with vocabulary, configuration and weights."""
    folder.mkdir()
    write_tokenizer(folder)
    torch.manual_seed(0)
    bert = tiny_bert()
    bert.config.save_pretrained(folder)
    save_file(bert.state_dict(), folder / "model.safetensors")
    return folder


def tiny_bert() -> BertModel:
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
        initializer_range=0.3,  # so that every layer has its say
    )
    model: BertModel = AutoModel.from_config(config, attn_implementation="eager").eval()  # type: ignore[no-untyped-call]  # theirs
    return model


def write_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def card_for(folder: Path, **changes: Any) -> EncoderCard:
    fields: dict[str, Any] = {
        "name": "own",
        "role": "encoder",
        "runtime": "transformer_text",
        "description": "mine",
        "license": "MIT",
        "upstream": "me",
        "directory": "own",
        "modality": "text",
        "width": WIDTH,
        "kinds": ["dense", "multi_vector"],
        "max_tokens": 16,
        "pooling": {"name": "mean"},
    }
    path = folder.parent / "own.yaml"
    path.write_text(yaml.safe_dump(fields | changes))
    card = read_card(path)
    assert isinstance(card, EncoderCard)
    return card


def served(card: EncoderCard, tmp_path: Path) -> EncoderModel:
    store = Store(tmp_path / "store")
    assert pull([card], [card], store, Silent()) == []
    return load_encoder(card, store)


def encodings(model: EncoderModel, data: tuple[str | bytes, ...]) -> list[RawEncoding]:
    prepared = [model.prepare(Content(model.card.modality, one), EncodePlan(), Limits()) for one in data]
    return model.run(prepared, EncodePlan(kinds=model.card.kinds))
