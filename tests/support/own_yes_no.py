"""A user's own language model that answers yes or no, made small: random weights, a byte-level vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedModel

QUERY = "when is the tide highest"
PASSAGES = (
    "the moon pulls the sea, and the tide is highest at new moon",
    "a cat",
    "Flut: ein zweites Mal, ça va? 12.5 m",
    "no tide",
)
SPECIAL = ("<|pad|>", "<|im_start|>", "<|im_end|>", "<bos>")
WIDTH = 32


def save_language_model(folder: Path, architecture: str = "qwen3", **sizes: Any) -> PreTrainedModel:
    """A folder of a causal language model, as transformers saves it; the model as it was saved."""
    folder.mkdir(parents=True)
    tokenizer = write_byte_tokenizer(folder)
    torch.manual_seed(0)
    fields: dict[str, Any] = {
        "vocab_size": tokenizer.get_vocab_size(), "hidden_size": WIDTH, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
        "max_position_embeddings": 512, "initializer_range": 0.3, "pad_token_id": 0,
    }  # fmt: skip
    if architecture == "gemma2":
        fields["query_pre_attn_scalar"] = 8
    config = CONFIG_MAPPING[architecture](**fields | sizes)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()  # type: ignore[no-untyped-call]  # theirs
    model.save_pretrained(folder)
    return model


def write_byte_tokenizer(folder: Path) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(one, special=True) for one in SPECIAL],
        show_progress=False,
    )
    tokenizer.train_from_iterator(
        ["yes no Yes the moon the sea tide Query Document"] + ["yes", "no", "Yes"] * 50, trainer
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def scores_of_transformers(
    folder: Path,
    model: PreTrainedModel,
    template: str,
    answers: Sequence[str] = ("yes", "no"),
    query: str = QUERY,
    passages: Sequence[str] = PASSAGES,
    **values: str,
) -> list[float]:
    """The scores of all passages in one batch, padded on the left, of the whole logits of the last token."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows = []
    for passage in passages:
        text = template
        for name, value in (values | {"query": query, "document": passage}).items():
            text = text.replace(f"{{{name}}}", value)
        rows.append(tokenizer.encode(text, add_special_tokens=False).ids)
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    places = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask, position_ids=places).logits[:, -1]
    found = logits[:, tokenizer.token_to_id(answers[0])]
    if len(answers) == 2:
        found = found - logits[:, tokenizer.token_to_id(answers[1])]
    return [float(one) for one in found]
