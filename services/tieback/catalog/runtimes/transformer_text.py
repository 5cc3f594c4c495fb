"""A transformer encoder with a `tokenizers` vocabulary, served as a graph that pools and normalises."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FilePath, Strict


def _unset(value: Any) -> bool:
    """Left out of a fingerprint: a card without the option is what it was before there was one."""
    return not value


class TransformerText(Strict):
    """A transformer encoder with a `tokenizers` vocabulary, served as a graph that pools and normalises.

    `weights` is a safetensors file, or the index of several (`model.safetensors.index.json`), with its
    `config`; or an ONNX file that takes `input_ids` and `attention_mask`. Of that, `tokens_tensor` holds
    `[batch, tokens, width]`, to be pooled, or `vector_tensor` the pooled `[batch, width]`; without either
    they are looked for by name and shape.

    `prompts` are what the model was trained to see before texts, by name (`{query: "query: ", passage:
    "passage: "}`), and `prompt` names the one that this card puts there. Texts that come tokenised get none.
    """

    runtime: Literal["transformer_text"] = "transformer_text"
    weights: FilePath = "model.safetensors"
    tokenizer: FilePath = "tokenizer.json"
    config: FilePath = "config.json"
    tokens_tensor: str = ""
    vector_tensor: Annotated[str, Field(exclude_if=_unset)] = ""
    prompts: Annotated[dict[str, Annotated[str, Field(max_length=1000)]], Field(exclude_if=_unset)] = Field(
        default_factory=dict
    )
    prompt: Annotated[str, Field(exclude_if=_unset)] = ""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> TransformerText:
        if self.prompt and self.prompt not in self.prompts:
            known = ", ".join(self.prompts) or "none"
            raise ValueError(f"prompt names one of prompts, which are: {known}")
        if self.tokens_tensor and self.vector_tensor:
            raise ValueError("tokens_tensor is pooled and vector_tensor is not: give one of them")
        return self

    @property
    def prefix(self) -> str:
        """What is put before every text."""
        return self.prompts[self.prompt] if self.prompt else ""


RUNTIME = Runtime("encoder", TransformerText, "tieback.models.text.transformer_text:TransformerTextModel")
