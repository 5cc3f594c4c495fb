"""A table with one vector per token, averaged without context; `tensor` is `[vocabulary, width]`."""

from __future__ import annotations

from typing import Literal

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict


class StaticText(Strict):
    """A table with one vector per token, averaged without context; `tensor` is `[vocabulary, width]`."""

    runtime: Literal["static_text"] = "static_text"
    weights: FileName
    tensor: str
    tokenizer: FileName = "tokenizer.json"


RUNTIME = Runtime("encoder", StaticText, "tieback.models.text.static_text:StaticTextModel")
