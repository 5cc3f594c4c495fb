"""A language model that reads a page as a picture, or a query, with a vector for each patch and token.

"ColPali: Efficient Document Retrieval with Vision Language Models" (Faysse et al., 2024, arXiv:2407.01449).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FilePath, Strict

QUERY = "{query}"


class VisualDocument(Strict):
    """A language model that reads a page as a picture, or a query, with a vector for each patch and token.

    The card's modality is that of its side: pages are pictures, queries are texts; both cards point at one
    folder. `page` is the text that stands behind a picture's patches, and `query` the one around a query,
    with the place {query}; names of special tokens in them are those tokens. The dense vector is the mean.
    """

    runtime: Literal["visual_document"] = "visual_document"
    weights: FilePath = "model.safetensors"
    tokenizer: FilePath = "tokenizer.json"
    config: FilePath = "config.json"
    preprocessor: FilePath = "preprocessor_config.json"
    page: Annotated[str, Field(max_length=1000)]
    query: Annotated[str, Field(max_length=1000)]

    @field_validator("query")
    @classmethod
    def _has_its_place(cls, query: str) -> str:
        if query.count(QUERY) != 1:
            raise ValueError(f"query has the place {QUERY} once")
        return query


RUNTIME = Runtime("encoder", VisualDocument, "tieback.models.pictures.visual_document:load_side")
