"""Folders of text encoders as sentence-transformers 5 saves them, made small, and what they give.

With the tokenizer's settings, the prompts of both sides and the card that it writes of a training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from tieback_contract.arrays import Array
from tokenizers import processors
from transformers import CONFIG_MAPPING, AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from support.own_folders import write_json
from support.own_yes_no import write_byte_tokenizer

WIDTH = 32
SIZES: dict[str, Any] = {
    "hidden_size": WIDTH, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "initializer_range": 0.3, "pad_token_id": 0,
}  # fmt: skip
MODES = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")
CARD = """---
license: apache-2.0
tags:
- sentence-transformers
- loss:MatryoshkaLoss
pipeline_tag: sentence-similarity
---

# SentenceTransformer

### Training Details

* Loss: [<code>MatryoshkaLoss</code>](https://sbert.net/docs/package_reference/sentence_transformer/losses.html)
  ```json
  {
      "loss": "MultipleNegativesRankingLoss",
      "matryoshka_dims": [
          32,
          16,
          8
      ],
      "matryoshka_weights": [
          1,
          1,
          1
      ],
      "n_dims_per_step": -1
  }
  ```
"""


@dataclass(frozen=True)
class SentenceFolder:
    """An encoder's folder of the name: how its architecture differs, how it pools, and its prompts."""

    name: str
    architecture: str
    sizes: dict[str, Any]
    pooling: str
    prompts: dict[str, str]
    padding_side: Literal["left", "right"] = "right"
    matryoshka: bool = False

    def save(self, parent: Path) -> Path:
        """The folder, within `parent`."""
        folder = parent / self.name
        folder.mkdir(parents=True)
        tokenizer = write_byte_tokenizer(folder)
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A <|im_end|>", special_tokens=[("<|im_end|>", 2)]
        )
        PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # theirs
            tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|im_end|>",
            padding_side=self.padding_side, model_max_length=256,
        ).save_pretrained(folder)  # fmt: skip
        torch.manual_seed(0)
        sizes = {"vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": 256}
        config = CONFIG_MAPPING[self.architecture](**SIZES | self.sizes | sizes)
        AutoModel.from_config(config).save_pretrained(folder)  # type: ignore[no-untyped-call]  # theirs
        paths = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
        modules = [
            {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for place, (kind, path) in enumerate(paths.items())
        ]
        write_json(folder / "modules.json", modules)
        for path in list(paths.values())[1:]:
            (folder / path).mkdir()
        modes = {f"pooling_mode_{mode}": mode == self.pooling for mode in MODES}
        pooling = {"word_embedding_dimension": WIDTH} | modes | {"include_prompt": True}
        write_json(folder / "1_Pooling/config.json", pooling)
        write_json(folder / "sentence_bert_config.json", {"max_seq_length": 256, "do_lower_case": False})
        settings = {
            "model_type": "SentenceTransformer", "__version__": {"sentence_transformers": "5.3.0"},
            "prompts": self.prompts, "default_prompt_name": None, "similarity_fn_name": "cosine",
        }  # fmt: skip
        write_json(folder / "config_sentence_transformers.json", settings)
        (folder / "README.md").write_text(CARD if self.matryoshka else "---\nlicense: apache-2.0\n---\n")
        return folder

    def vectors(self, folder: Path, texts: Sequence[str], prompt: str, width: int = WIDTH) -> Array:
        """The vectors of texts behind a prompt, by transformers, in one padded batch `[texts, width]`."""
        tokenizer = AutoTokenizer.from_pretrained(folder)
        given = tokenizer([self.prompts[prompt] + text for text in texts], padding=True, return_tensors="pt")
        model = AutoModel.from_pretrained(folder).eval()
        with torch.no_grad():
            states = model(given["input_ids"], attention_mask=given["attention_mask"]).last_hidden_state
        mask = given["attention_mask"][..., None]
        pooled = states[:, -1] if self.pooling == "lasttoken" else (states * mask).sum(1) / mask.sum(1)
        found: Array = torch.nn.functional.normalize(pooled[:, :width], dim=-1).numpy()
        return found


SENTENCE_FOLDERS = (
    SentenceFolder(
        "modernbert-embed", "modernbert",
        {
            "global_attn_every_n_layers": 3, "local_attention": 16, "cls_token_id": 1, "sep_token_id": 2,
            "bos_token_id": 1, "eos_token_id": 2,
        },
        "mean_tokens", {"query": "search_query: ", "document": "search_document: "}, matryoshka=True,
    ),
    SentenceFolder(
        "qwen3-embedding", "qwen3", {"num_key_value_heads": 2, "head_dim": 8}, "lasttoken",
        {"query": "Instruct: Find passages that answer the query\nQuery:", "document": ""},
        padding_side="left",
    ),
)  # fmt: skip
