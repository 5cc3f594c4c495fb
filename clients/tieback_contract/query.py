"""How queries are answered: the options of a search, a retrieval, an answer, and of a collection."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from tieback_contract.method_choice import MethodChoice, MethodLike
from tieback_contract.modality import Modality


class Granularity(enum.StrEnum):
    """Kind of what a search ranks: sections, or items as whole documents."""

    SECTION = "section"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """Choices of how a query is answered; None is not chosen.

    What a query does not choose is its collection's choice, else the server's. What a query says itself wins:
    what the collection chooses and does not go together with it is left out of that query.
    """

    hybrid: bool | None = None
    """Whether a full-text search for the query's words is merged in."""
    balance_modalities: bool | None = None
    """Whether every modality is searched apart, so that none hides the others."""
    rank_fusion: MethodChoice | None = None
    """How the hits by vector and by words are merged: a method of the family of that name."""
    reranker: MethodChoice | None = None
    """A method of the family "reranking", a reranker of the server's, or "none"."""
    candidates: int | None = None
    """How many hits the reranker is given."""
    collapse_pieces: bool | None = None
    """Whether the pieces of a short text are one hit, with the others in its `pieces`."""
    query_expansion: MethodChoice | None = None
    """How the query is expanded by its best hits: a method of the family of that name, or "none"."""
    diversity: float | None = None
    """How much hits that are unlike those before them are preferred, 0 to 1; 0 for not at all."""
    hits_per_item: int | None = None
    """The most hits of one item; 0 for any number."""
    granularity: Granularity | None = None
    """What is ranked: sections, or items as whole documents."""
    ranker: MethodChoice | None = None
    """A learned ranking: a method of the family "learned_ranking", or "none"."""
    vector_search: MethodChoice | None = None
    """How far the vector is searched for: a method of the family of that name; "none" is words alone."""
    composition: str | None = None
    """A learned composition of the server's, one vector of a picture and a text that changes it."""
    condition: str | None = None
    """A learned condition of the server's, such as "colour", under which hits are near."""
    min_relevance: float | None = None
    """The lowest relevance of a hit, 0 to 1; hits that have none stay."""
    highlights: int | None = None
    """The most sentences of a hit's text that say most of the query's words."""
    every_copy: bool | None = None
    """Whether each copy of a text that several items hold is a hit."""

    def chosen(self) -> dict[str, Any]:
        """The choices by name."""
        every = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        return {name: value for name, value in every.items() if value is not None}

    def over(self, defaults: QueryOptions) -> QueryOptions:
        """These choices, with those of `defaults` where nothing is chosen."""
        return dataclasses.replace(defaults, **self.chosen())


class QueryKeywords(TypedDict, total=False):
    """The options as keywords of a call; names and meanings are those of `QueryOptions`."""

    hybrid: bool | None
    balance_modalities: bool | None
    rank_fusion: MethodLike | None
    reranker: MethodLike | None
    candidates: int | None
    collapse_pieces: bool | None
    query_expansion: MethodLike | None
    diversity: float | None
    hits_per_item: int | None
    granularity: Granularity | Literal["section", "document"] | None
    ranker: MethodLike | None
    vector_search: MethodLike | None
    composition: str | None
    condition: str | None
    min_relevance: float | None
    highlights: int | None
    every_copy: bool | None


NO_OPTIONS = QueryOptions()
"""Nothing but the defaults."""


def options_json(options: QueryOptions) -> dict[str, Any]:
    """The choices as JSON has them."""
    return {
        name: [value.name, dict(value.parameters)] if isinstance(value, MethodChoice) else value
        for name, value in options.chosen().items()
    }


def options_from_json(known: Mapping[str, Any]) -> QueryOptions:
    """The choices as `options_json` wrote them."""
    values: dict[str, Any] = {
        name: MethodChoice(*value) if isinstance(value, list) else value for name, value in known.items()
    }
    if "granularity" in values:
        values["granularity"] = Granularity(values["granularity"])
    return QueryOptions(**values)


@dataclass(frozen=True, slots=True)
class RetrievalPlan:
    """How a query was answered: its options, every default filled in, and what became of them."""

    options: QueryOptions
    """The options. `rank_fusion` is None where the search was not hybrid, and so are methods that nothing was
    done by, composition and condition; `candidates` of a server's defaults is None: it follows the limit."""
    relevance_floor: float = 0.0
    """Hits whose relevance is lower are marked."""
    token_vectors: bool = False
    """True if texts were reranked by the vectors of their tokens that the collection keeps."""
    expected_recall: float | None = None
    """Where a measurement chose the method of vector search, its recall at ten in it."""
    expected_seconds: float | None = None
    """Where "time_budget" chose it, how long the search by the vector was expected to take."""
    skipped_reranker: MethodChoice | None = None
    """The reranker that was asked for and left out, for want of time or because it was not available."""
    first_modality: Modality | None = None
    """The modality whose related hits came first: that of a query of photos alone, or of sounds alone."""
    fill_up: bool = False
    """True if what `hits_per_item` left out are pieces of hits, or hits where other items were too few."""

    def but(self, **options: Any) -> RetrievalPlan:
        """The plan with other options."""
        return dataclasses.replace(self, options=dataclasses.replace(self.options, **options))
