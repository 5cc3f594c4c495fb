"""Options of queries: those of a search, a retrieval, an answer, and of a collection."""

from __future__ import annotations

import ast
import dataclasses
import enum
import functools
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal, NamedTuple, TypedDict, Unpack, get_args, get_origin, get_type_hints

from tieback_contract.method_choice import MethodChoice, MethodLike
from tieback_contract.modality import Modality
from tieback_contract.shapes import wire


class Granularity(enum.StrEnum):
    """Kind of what a search ranks: sections, or items as whole documents."""

    SECTION = "section"
    DOCUMENT = "document"


_OF_RETRIEVAL: Mapping[str, Any] = {"search": False}
"""Metadata of an option that a retrieval and an answer take, and a search does not."""


def _within(least: float, most: float) -> Mapping[str, Any]:
    """Metadata of a number with its range."""
    return {"range": (least, most)}


def _family(name: str) -> Mapping[str, Any]:
    """Metadata of a method of the family of that name."""
    return {"family": name}


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """Choices of how a query is answered; None is not chosen.

    What a query does not choose is its collection's choice, else the server's. What a query says itself wins:
    what the collection chooses and does not go together with it is left out of that query.
    """

    hybrid: bool | None = field(default=None, metadata=_OF_RETRIEVAL)
    """Merge in a full-text search for the query's words."""
    balance_modalities: bool | None = None
    """Search every modality apart, so that none hides the others."""
    rank_fusion: MethodChoice | None = field(default=None, metadata=_family("rank_fusion"))
    """Merge the hits by vector and by words with this method."""
    reranker: MethodChoice | None = field(default=None, metadata={**_family("reranking"), **_OF_RETRIEVAL})
    """Compare candidates with the query again, by this method or a reranker of the server's; "none" keeps the
    search's order."""
    candidates: int | None = field(default=None, metadata={**_within(0, 1000), **_OF_RETRIEVAL})
    """Give the reranker so many hits; 0 for what fits the limit."""
    collapse_pieces: bool | None = None
    """Make the pieces of a short text one hit, with the others in its `pieces`."""
    query_expansion: MethodChoice | None = field(default=None, metadata=_family("query_expansion"))
    """Search again with the query expanded by its best hits; "none" searches once."""
    diversity: float | None = field(default=None, metadata=_within(0, 1))
    """Prefer hits that are unlike those before them, 0 to 1; 0 for not at all. It does not go with a
    reranker."""
    hits_per_item: int | None = field(default=None, metadata=_within(0, 1000))
    """Take at most so many hits of one item; 0 for any number."""
    granularity: Granularity | None = None
    """Rank sections, or items as whole documents: a hit is then an item's best section, with the next best
    ones in `sections`."""
    ranker: MethodChoice | None = field(
        default=None, metadata={**_family("learned_ranking"), **_OF_RETRIEVAL}
    )
    """Order a hundred candidates of a hybrid search by what was learned from judgements, or "none". It goes
    with neither a reranker nor `query_expansion` nor `diversity`."""
    vector_search: MethodChoice | None = field(default=None, metadata=_family("vector_search"))
    """Search for the vector as far as this method says, such as exact or within:similarity=0.5; "none" is
    words alone."""
    min_relevance: float | None = field(default=None, metadata={**_within(0, 1), **_OF_RETRIEVAL})
    """Leave out hits of lower relevance, 0 to 1; hits outside the joint space have none and stay."""
    highlights: int | None = field(default=None, metadata=_within(0, 100))
    """Give of each text at most so many sentences that say most of the query's words."""
    every_copy: bool | None = None
    """Make each copy of a text that several items hold a hit. Otherwise one hit names the others in
    `also_in`."""
    min_scores: Mapping[str, float] | None = field(default=None, metadata=_OF_RETRIEVAL)
    """Leave out hits whose score of a stage is lower, as in {"search": 0.3, "rerank": 0.5}; stages are
    "search", "rerank" and "rank"."""
    stages: Sequence[MethodChoice] | None = None
    """Have these further stages take place, which extensions of the server bring."""

    @classmethod
    def of(cls, **keywords: Unpack[QueryKeywords]) -> QueryOptions:
        """The options that the keywords choose. ValueError for a granularity that there is not."""
        given: dict[str, Any] = dict(keywords)
        for one in OPTIONS:
            value = given.get(one.name)
            if value is not None and one.kind in _MADE:
                given[one.name] = _MADE[one.kind](value)
        return cls(**given)

    def chosen(self) -> dict[str, Any]:
        """The choices by name."""
        return {name: value for name, value in zip(_NAMES, _values(self), strict=True) if value is not None}

    def of_search(self) -> QueryOptions:
        """The choices that a search takes."""
        each = zip(OPTIONS, _values(self), strict=True)
        return QueryOptions(*[value if one.is_of_search else None for one, value in each])

    def over(self, defaults: QueryOptions) -> QueryOptions:
        """These choices, with those of `defaults` where nothing is chosen."""
        each = zip(_values(self), _values(defaults), strict=True)
        return QueryOptions(*[default if value is None else value for value, default in each])


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
    min_relevance: float | None
    highlights: int | None
    every_copy: bool | None
    min_scores: Mapping[str, float] | None
    stages: Sequence[MethodLike] | None


def _methods(given: Sequence[MethodLike]) -> list[MethodChoice] | None:
    return [MethodChoice.of(one) for one in given] or None


_MADE: Mapping[Any, Callable[[Any], Any]] = {
    MethodChoice: MethodChoice.of,
    Granularity: Granularity,
    Sequence: _methods,
}
"""Functions that make the value of an option of what a caller gave, by its type."""


class Option(NamedTuple):
    """An option, for what is derived from all of them: commands, schemas, docs and checks."""

    name: str
    kind: type
    """The type of its value: bool, int, float, str, `Granularity`, `MethodChoice`, `Mapping` of numbers by
    names, or `Sequence` of `MethodChoice`."""
    range: tuple[float, float] | None
    """The least and the greatest value of a number."""
    family: str
    """The family of a method; empty for another value."""
    is_of_search: bool
    """True if a search takes it; False if a retrieval and an answer alone do."""

    @property
    def description(self) -> str:
        """Sentences that say what it does."""
        family = f" A method of the family {self.family}." if self.family else ""
        return _descriptions()[self.name] + family

    def fault(self, value: Any) -> str:
        """Fault of a value out of range; empty for a good one."""
        if self.range is None or self.range[0] <= value <= self.range[1]:
            return ""
        return f"{self.name} is {self.range[0]:g} to {self.range[1]:g}, not {value:g}"


def _options() -> Iterator[Option]:
    hints = get_type_hints(QueryOptions)
    for one in dataclasses.fields(QueryOptions):
        kind, said = get_args(hints[one.name])[0], one.metadata
        kind = get_origin(kind) or kind
        yield Option(one.name, kind, said.get("range"), said.get("family", ""), said.get("search", True))


OPTIONS = tuple(_options())
"""The options in their order."""

_NAMES = tuple(one.name for one in OPTIONS)
_values: Callable[[QueryOptions], tuple[Any, ...]] = attrgetter(*_NAMES)


@functools.cache
def _descriptions() -> Mapping[str, str]:
    """The docstrings of the fields, which stand behind them in the source."""
    module = ast.parse(inspect.getsource(sys.modules[__name__]))
    (body,) = (one.body for one in module.body if getattr(one, "name", "") == QueryOptions.__name__)  # type: ignore[attr-defined]
    return {
        ast.unparse(one.target): " ".join(ast.literal_eval(behind.value).split())
        for one, behind in itertools.pairwise(body)
        if isinstance(one, ast.AnnAssign) and isinstance(behind, ast.Expr)
    }


NO_OPTIONS = QueryOptions()
"""Nothing but the defaults."""


def options_json(options: QueryOptions) -> dict[str, Any]:
    """The choices as JSON has them."""
    return {name: _json(value) for name, value in options.chosen().items()}


def _json(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    return [value.name, dict(value.parameters)] if isinstance(value, MethodChoice) else value


def options_from_json(known: Mapping[str, Any]) -> QueryOptions:
    """The choices as `options_json` wrote them."""
    return QueryOptions.of(**known)


@dataclass(frozen=True, slots=True)
class RetrievalPlan:
    """Options by which a query was answered, every default filled in, and what became of them."""

    options: QueryOptions
    """The options. The name of a method is "none" where its step did not take place, that of
    `query_expansion` also where the method left the query as it was; `rank_fusion` is None where the search
    was not hybrid. `candidates` of a server's defaults is None: it follows the limit."""
    relevance_floor: float = 0.0
    """Hits whose relevance is lower are marked."""
    token_vectors: bool = False
    """True if texts were reranked by the vectors of their tokens that the collection keeps."""
    expected_recall: float | None = None
    """Recall at ten of the method of vector search, where a measurement chose it."""
    expected_seconds: float | None = field(default=None, metadata=wire("expected"))
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
