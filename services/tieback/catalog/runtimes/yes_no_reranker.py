"""A language model that is asked whether a passage answers a query, and scores by saying yes or no."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tieback.catalog.precision import ScoringPrecision
from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict

QUERY, DOCUMENT, INSTRUCTION = "{query}", "{document}", "{instruction}"


class YesNoReranker(Strict):
    """A language model that is asked whether a passage answers a query, and scores by saying yes or no.

    `weights` is a safetensors file, or the index of several, of a causal language model of transformers, with
    its `config`. `template` is all that it reads, with the places {query} and {document}, and {instruction}
    for the `instruction`; names of its special tokens in it are those tokens. `yes` and `no` are tokens of
    its vocabulary: the score is the logit of the first, less that of the second where there is one.
    """

    runtime: Literal["yes_no_reranker"] = "yes_no_reranker"
    weights: FileName = "model.safetensors"
    tokenizer: FileName = "tokenizer.json"
    config: FileName = "config.json"
    template: Annotated[str, Field(max_length=8000)]
    instruction: Annotated[str, Field(max_length=4000)] = ""
    yes: Annotated[str, Field(min_length=1)] = "yes"
    no: str = "no"
    precision: ScoringPrecision = "float32"

    @model_validator(mode="after")
    def _has_its_places(self) -> YesNoReranker:
        if [self.template.count(place) for place in (QUERY, DOCUMENT)] != [1, 1]:
            raise ValueError(f"template has the places {QUERY} and {DOCUMENT} once each")
        if self.template.count(INSTRUCTION) != bool(self.instruction):
            raise ValueError(f"template has the place {INSTRUCTION} once where there is an instruction")
        return self


RUNTIME = Runtime("reranker", YesNoReranker)
