"""A decoder-only language model with key-value cache, served as an ONNX graph."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict


class CausalLanguageModel(Strict):
    """A decoder-only language model with key-value cache, served as an ONNX graph.

    `bits` are those of a weight in the layers. 4 take half the memory of 8, and cost a small model more; 16
    and 32 are floats, and so is the arithmetic. The fingerprint is without the default: what was exported
    before the option came is what 8 bits make.
    """

    graph: ClassVar[str] = "early exits, drafts"
    """Names what the graph offers; to be changed where the recipe makes another of the same weights."""

    runtime: Literal["causal_language_model"] = "causal_language_model"
    weights: FileName
    bits: Literal[4, 8, 16, 32] = Field(default=8, exclude_if=lambda bits: bits == 8)
    system_prompt: str = ""
    end_tokens: tuple[str, ...] = ()


RUNTIME = Runtime("generator", CausalLanguageModel)
