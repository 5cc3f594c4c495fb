"""Folders for late interaction, made small, as PyLate and ColBERT save them, and what they give."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, BertConfig

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[Q] ", "[D] ", "[unused0]", "[unused1]"]
WORDS += ["owl", "wren", "flies", "at", "night", "!", ","]
STATES, WIDTH = 16, 8
QUERY_TOKENS, DOCUMENT_TOKENS = 12, 20
SETTINGS: dict[str, Any] = {
    "query_prefix": "[Q] ",
    "document_prefix": "[D] ",
    "query_length": QUERY_TOKENS,
    "document_length": DOCUMENT_TOKENS,
    "attend_to_expansion_tokens": False,
    "skiplist_words": ["!", ","],
    "do_query_expansion": True,
}


class LateModel:
    """The model of a folder, computed by transformers one text at a time."""

    def __init__(self, bert: torch.nn.Module, weight: torch.Tensor, settings: dict[str, Any]) -> None:
        self.bert, self.weight, self.settings = bert, weight, settings

    def rows(self, text: str, side: str) -> np.ndarray[Any, Any]:
        """The vectors of a text's tokens by PyLate's rules."""
        most = self.settings[f"{side}_length"]
        words = [WORDS.index(word) if word in WORDS else 1 for word in text.replace("!", " !").split()]
        ids = [2, WORDS.index(self.settings[f"{side}_prefix"]), *words[: most - 3], 3]
        attended = len(ids)
        if side == "query" and self.settings["do_query_expansion"]:
            ids += [WORDS.index("[MASK]")] * (most - attended)
            attended = most if self.settings["attend_to_expansion_tokens"] else attended
        mask = torch.arange(len(ids))[None] < attended
        with torch.no_grad():
            states = self.bert(input_ids=torch.tensor([ids]), attention_mask=mask.long()).last_hidden_state[0]
        rows = torch.nn.functional.normalize(states @ self.weight.T, dim=-1).numpy()
        skipped = (
            {WORDS.index(word) for word in self.settings["skiplist_words"]} if side == "document" else ()
        )
        kept: np.ndarray[Any, Any] = rows[[number not in skipped for number in ids]]
        return kept

    def score(self, query: str, document: str) -> float:
        """The sum over the query's rows of each one's best match."""
        return float((self.rows(query, "query") @ self.rows(document, "document").T).max(1).sum())


def save_pylate(folder: Path, **settings: Any) -> LateModel:
    """A folder as PyLate saves it."""
    model = _saved(folder, SETTINGS | settings)
    dense = folder / "1_Dense"
    dense.mkdir()
    save_file({"linear.weight": model.weight}, dense / "model.safetensors")
    _write(dense / "config.json", {
        "in_features": STATES, "out_features": WIDTH, "bias": False,
        "activation_function": "torch.nn.modules.linear.Identity", "use_residual": False,
    })  # fmt: skip
    _write(folder / "modules.json", [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Dense", "type": "pylate.models.Dense.Dense"},
    ])  # fmt: skip
    _write(folder / "config_sentence_transformers.json", model.settings)
    return model


def save_colbert(folder: Path) -> LateModel:
    """A checkpoint of ColBERT: the projection lies beside the backbone."""
    markers = {"query_prefix": "[unused0]", "document_prefix": "[unused1]", "skiplist_words": []}
    model = _saved(folder, SETTINGS | markers)
    path = folder / "model.safetensors"
    tensors = {f"bert.{name}": value for name, value in load_file(path).items()}
    save_file(tensors | {"linear.weight": model.weight}, path)
    config = json.loads((folder / "config.json").read_text())
    _write(folder / "config.json", config | {"architectures": ["HF_ColBERT"]})
    _write(folder / "artifact.metadata", {
        "query_token_id": "[unused0]", "doc_token_id": "[unused1]", "query_maxlen": QUERY_TOKENS,
        "doc_maxlen": DOCUMENT_TOKENS, "attend_to_mask_tokens": False,
    })  # fmt: skip
    return model


def _saved(folder: Path, settings: dict[str, Any]) -> LateModel:
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=STATES, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32, initializer_range=0.3,
    )  # fmt: skip
    bert = AutoModel.from_config(config, attn_implementation="eager").eval()  # type: ignore[no-untyped-call]  # theirs
    bert.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(WORDS[:9])
    tokenizer.save(str(folder / "tokenizer.json"))
    return LateModel(bert, torch.randn(WIDTH, STATES), settings)


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))
