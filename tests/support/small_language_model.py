"""A real language model made small: two layers of random weights, through the recipe of the real one."""

from __future__ import annotations

from pathlib import Path

import torch
from tieback.catalog.card import GeneratorCard
from tieback.models.language.model import GRAPH
from tieback.models.store import Store
from tieback.recipes.export.causal_language_model import export
from tieback.recipes.networks.llama_files import read_transformers
from tieback.recipes.networks.llama_graph import Arithmetic, write_graph
from tieback.recipes.networks.llama_weights import recoded
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTROL = ["<|im_start|>", "<|im_end|>"]
CONTEXT = 2048


def build(
    folder: Path, store: Store, *, name: str = "small", arithmetic: Arithmetic = "int8"
) -> GeneratorCard:
    """Makes the model in `folder`, exports it into the store; its card.

    With float32 arithmetic a row that is batched has the scores of one that is alone up to rounding alone.
    """
    folder.mkdir()
    tokenizer = byte_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=CONTEXT,
        initializer_range=0.3,  # wide enough for choices that depend on what was read
        tie_word_embeddings=False,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    card = GeneratorCard(
        name=name,
        role="generator",
        runtime="causal_language_model",
        description="Two layers of noise.",
        license="Apache-2.0",
        upstream="this file",
        directory=folder,
        context_tokens=CONTEXT,
        options={"weights": "model.safetensors", "end_tokens": ("<|im_end|>",)},
    )
    out = folder.with_name(f"{folder.name}-exported")
    out.mkdir()
    metrics = export(card, folder, out, lambda _: None)
    if arithmetic == "float32":
        write_graph(recoded(read_transformers(folder)), out / GRAPH, arithmetic=arithmetic)
    store.record_exported(card, out, {"metrics": dict(metrics)})
    return card


def byte_tokenizer() -> Tokenizer:
    """One token a byte, and two control tokens."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: n for n, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(CONTROL)
    return tokenizer
