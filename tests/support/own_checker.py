"""A user's own checker made small: a classifier of two layers over few words, in a transformers folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from tieback.catalog.catalog import read_card
from tieback.catalog.checker_card import CheckerCard
from tieback.models.store import Store
from tieback.models.text.claim_classifier import ClaimClassifierModel, load_claim_classifier
from tieback.recipes.pull import pull
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    CONFIG_MAPPING,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from support.own_encoder import Silent
from support.own_folders import DIFFERENT, SIZES

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
SAID = (
    "the owl wren flies sleeps at night by day in old barn does not predict premise hypothesis . : ? yes no"
)
WORDS = (*SPECIAL, *SAID.split())
PLACES = 64
SHAPES: dict[str, dict[str, Any]] = {
    "deberta-v2": {
        "relative_attention": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm",
        "share_att_key": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False,
        "type_vocab_size": 0, "pooler_hidden_size": 16,
    },
    "modernbert": {
        "local_attention": 8, "global_attn_every_n_layers": 2, "pad_token_id": 0, "bos_token_id": 2,
        "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3,
    },
    "t5": {
        "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "pad_token_id": 0,
        "eos_token_id": 3, "decoder_start_token_id": 0, "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 16, "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
    },
}  # fmt: skip
HEADS = {
    "sequence": AutoModelForSequenceClassification,
    "tokens": AutoModelForTokenClassification,
    "first_token": AutoModelForTokenClassification,
    "next_token": AutoModelForSeq2SeqLM,
}
NLI = ("entailment", "contradiction", "neutral")
NLI_LABELS = {"entailment": "supported", "contradiction": "contradicted", "neutral": "unsupported"}
EVIDENCE = "the owl flies at night . the wren sleeps in the old barn ."
CLAIM = "the owl sleeps by day"


def save_checker(
    folder: Path, architecture: str = "bert", head: str = "sequence", labels: tuple[str, ...] = NLI
) -> PreTrainedModel:
    """A transformers folder; the model as it was saved."""
    torch.manual_seed(0)
    sizes = (
        {}
        if architecture == "t5"
        else DIFFERENT.get(architecture, SIZES) | {"max_position_embeddings": PLACES}
    )
    sizes |= SHAPES.get(architecture, {}) | {"vocab_size": len(WORDS), "num_labels": len(labels)}
    sizes |= {"id2label": dict(enumerate(labels)), "label2id": {name: n for n, name in enumerate(labels)}}
    config = CONFIG_MAPPING[architecture](**sizes)
    model: PreTrainedModel = HEADS[head].from_config(config, attn_implementation="eager").eval()  # type: ignore[no-untyped-call]  # theirs
    for name, parameter in model.named_parameters():
        if "embeddings" not in name and parameter.ndim == 1:  # zeros would hide what is left out
            torch.nn.init.normal_(parameter, mean=float(name.endswith("weight")), std=0.2)
        elif architecture == "t5" or "classifier" in name:
            torch.nn.init.normal_(parameter, std=0.4)
    model.save_pretrained(folder)
    write_claim_tokenizer(folder)
    return model


def write_claim_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIAL])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def checker_fields(folder: Path, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": "own-checker",
        "role": "checker",
        "runtime": "claim_classifier",
        "description": "mine",
        "license": "MIT",
        "upstream": "me",
        "directory": folder.name,
        "max_tokens": 40,
        "options": {"labels": NLI_LABELS},
    }
    return fields | changes


def checker_card(folder: Path, **changes: Any) -> CheckerCard:
    """The card, beside the folder."""
    fields = checker_fields(folder, **changes)
    path = folder.parent / f"{fields['name']}.yaml"
    path.write_text(yaml.safe_dump(fields))
    card = read_card(path)
    assert isinstance(card, CheckerCard)
    return card


def served_checker(card: CheckerCard, store: Store) -> ClaimClassifierModel:
    """Pulled into the store, and loaded."""
    assert pull([card], [], store, Silent()) == []
    return load_claim_classifier(card, store)


def bare_logits(folder: Path, model: torch.nn.Module, *texts: str) -> tuple[torch.Tensor, Any]:
    """Outputs of transformers for one text or a pair by itself `[tokens or 1, labels]`, and its tokens."""
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(texts[0], *texts[1:])  # type: ignore[arg-type]  # theirs takes the second by place
    config: Any = model.config
    typed = getattr(config, "type_vocab_size", 0) > 1
    more: dict[str, Any] = {"token_type_ids": torch.tensor([tokens.type_ids])} if typed else {}
    if config.model_type == "t5" and hasattr(model, "lm_head"):
        more["decoder_input_ids"] = torch.zeros(1, 1, dtype=torch.long)
    with torch.no_grad():
        return model(input_ids=torch.tensor([tokens.ids]), **more).logits[0], tokens


def bare_probabilities(folder: Path, model: torch.nn.Module, *texts: str) -> list[float]:
    """Of the labels, as the model's own users compute them."""
    found = bare_logits(folder, model, *texts)[0]
    return [float(one) for one in torch.softmax(found, dim=-1).flatten()]
