"""A transformer that gives a vector for each token, for late interaction: ColBERT and what followed it.

"ColBERT: Efficient and Effective Passage Search via Contextualized Late Interaction over BERT" (Khattab and
Zaharia, 2020, arXiv:2004.12832). Folders of PyLate are served by it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tieback.catalog.runtimes import Runtime
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.catalog.source import FileName

QUERY, DOCUMENT = "query", "document"


class LateInteraction(TransformerText):
    """A text encoder whose token vectors are compared, with a card for queries and one for documents.

    `prompts` are the markers of both sides, each the name of one token, which stands behind the first token
    of a text; `prompt` says which side the card is. `projections` are folders of linear layers that the
    states of tokens go through. A query has at most `query_tokens`, and with an `expansion` that many: what
    is left is filled with mask tokens, which the query's own tokens attend to ("attended") or not ("apart").
    Tokens of documents in `skipped` get no vector. The dense vector is the mean of the tokens' vectors.
    """

    runtime: Literal["late_interaction"] = "late_interaction"  # type: ignore[assignment]  # options bear their runtime
    projections: tuple[FileName, ...] = ()
    query_tokens: Annotated[int, Field(ge=4, le=8192)] = 32
    expansion: Literal["none", "apart", "attended"] = "apart"
    skipped: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_of_one_side(self) -> LateInteraction:
        if self.prompts.keys() != {QUERY, DOCUMENT} or self.prompt not in self.prompts:
            raise ValueError(
                f"prompts has a marker for {QUERY!r} and one for {DOCUMENT!r}, and prompt names one of them"
            )
        return self


RUNTIME = Runtime("encoder", LateInteraction, "tieback.models.text.late_interaction:LateInteractionModel")
