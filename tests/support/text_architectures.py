"""Text encoders of each architecture, made small: what transformers writes of random weights.

A row says what differs from `SIZES`, and how the architecture's makers pool.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModel, AutoModelForTextEncoding, PreTrainedModel

from support.own_encoder import WORDS, write_tokenizer

WIDTH, PLACES = 32, 1024
SIZES: Mapping[str, Any] = {
    "vocab_size": len(WORDS),
    "hidden_size": WIDTH,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": PLACES,
    "initializer_range": 0.3,  # so that every layer has its say
    "pad_token_id": 0,
}
GROUPED = {"num_key_value_heads": 2, "head_dim": 8}
LOCAL = {"num_hidden_layers": 2, "sliding_window": 16}


@dataclass(frozen=True)
class TextArchitecture:
    """`configuration` is the `model_type`; `pooling` one that its makers use."""

    configuration: str
    pooling: str = "mean"
    differs: Mapping[str, Any] = field(default_factory=dict)

    def configured(self, **more: Any) -> Any:
        sizes = {} if "dim" in self.differs or "d_model" in self.differs else SIZES
        return CONFIG_MAPPING[self.configuration](**{**sizes, **self.differs, **more})

    def save(self, folder: Path, **more: Any) -> PreTrainedModel:
        """A transformers folder; the model as it was saved."""
        torch.manual_seed(0)
        config = self.configured(**more)
        kind = AutoModelForTextEncoding if config.is_encoder_decoder else AutoModel
        model: PreTrainedModel = kind.from_config(  # type: ignore[no-untyped-call]  # theirs
            config, attn_implementation="eager"
        ).eval()
        model.save_pretrained(folder)
        write_tokenizer(folder)
        return model


OF_ALBERT = {"embedding_size": 16}
TEXT_ARCHITECTURES: Mapping[str, TextArchitecture] = {
    **{name: TextArchitecture(name) for name in ("bert", "roberta", "xlm-roberta", "camembert", "mpnet")},
    "distilbert": TextArchitecture("distilbert", "mean", {
        "vocab_size": len(WORDS), "dim": WIDTH, "n_layers": 1, "n_heads": 4, "hidden_dim": 64,
        "max_position_embeddings": PLACES, "initializer_range": 0.3,
    }),
    "electra": TextArchitecture("electra", "cls", OF_ALBERT),
    "albert": TextArchitecture("albert", "mean", OF_ALBERT),
    "deberta-v2": TextArchitecture("deberta-v2", "cls", {
        "relative_attention": True, "position_buckets": 16, "pos_att_type": ["p2c", "c2p"],
        "norm_rel_ebd": "layer_norm", "share_att_key": True, "position_biased_input": False,
    }),
    "modernbert": TextArchitecture("modernbert", "cls", {
        "num_hidden_layers": 3, "global_attn_every_n_layers": 3, "local_attention": 16, "cls_token_id": 2,
        "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3,
    }),
    "eurobert": TextArchitecture("eurobert", "mean", GROUPED),
    "nomic_bert": TextArchitecture("nomic_bert"),
    "gte": TextArchitecture("gte", "cls"),
    "jina_embeddings_v3": TextArchitecture("jina_embeddings_v3"),
    "t5": TextArchitecture("t5", "mean", {
        "vocab_size": len(WORDS), "d_model": WIDTH, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_heads": 4,
    }),
    "qwen2": TextArchitecture("qwen2", "last", GROUPED),
    "qwen3": TextArchitecture("qwen3", "last", GROUPED),
    "mistral": TextArchitecture("mistral", "last", GROUPED | LOCAL),
    "llama": TextArchitecture("llama", "weighted_mean", GROUPED),
    "gemma": TextArchitecture("gemma", "last", GROUPED),
    "gemma2": TextArchitecture("gemma2", "last", GROUPED | LOCAL),
    "gemma3_text": TextArchitecture("gemma3_text", "last", GROUPED | LOCAL),
    "gemma3_text, both ways": TextArchitecture(
        "gemma3_text", "mean", GROUPED | LOCAL | {"use_bidirectional_attention": True}
    ),
}  # fmt: skip
