"""What a search asks for, checked against the collection that it searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import BaseModel
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.method_choice import MethodChoice, is_chosen
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity
from tieback_contract.vectors import SpaceRef, Vector

from tieback.core.errors import InvalidInput
from tieback.core.text.terms import words_of
from tieback.core.types.moving import SecondVector
from tieback.core.types.search import METADATA, NAMES, SearchRequest, is_signal
from tieback.filters import Filter, parse
from tieback.index.store.folder import Description
from tieback.index.store.metadata import check_text
from tieback.index.validation import check_ignored, check_vector
from tieback.methods.query_expansion import Expansion, configured
from tieback.methods.rank_fusion import rank_fusions
from tieback.methods.vector_search import AS_KEPT, Reach, vector_searches
from tieback.ports import DEFAULT_RANK_FUSION, SEARCH_TEXT_BYTES
from tieback.query_stages.checks import check, parameters_by_stage
from tieback.query_stages.stage import OPTIONS, SEARCH, Asked

HITS, MOST_HITS = 10, 1000


@dataclass(frozen=True, slots=True)
class SecondQuery:
    """A query's vector in the space that the collection is being moved to, float32 `[width]`."""

    space: SpaceRef
    vector: Array
    ignored: Sequence[IgnoredDimensions] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A checked request: `vector` is float32 `[width]`; `fuse` merges scores `[2, candidates]`.

    What is `ignored` of the vector is within its width.
    """

    vector: Array | None
    text: str
    limit: int
    filter: Filter | None
    fuse: Callable[[Array], Array]
    balance: bool
    collapse: bool
    ignored: Sequence[IgnoredDimensions]
    multi_vectors: SpaceRef | None = None
    """Of the collection, where the vectors of hits that have several are wanted."""
    expansion: Expansion | None = None
    """How the query is expanded by its first hits; None where it is searched for as it is."""
    diversity: float = 0.0
    """0 to 1, see `index/query/diversity.py`; 0 keeps the order of the scores."""
    hits_per_item: int = 0
    """0 for any number."""
    granularity: Granularity = Granularity.SECTION
    token_vectors: bool = False
    """Whether the vectors of the tokens of texts are wanted."""
    vectors: SpaceRef | None = None
    """Of the collection, where the vectors of hits as wholes are wanted."""
    reach: Reach = AS_KEPT
    """How far the vector is searched for."""
    explain: bool = False
    """Whether the reply says of each step what it did."""
    signals: frozenset[str] = frozenset()
    """The names of the signals that hits come with."""
    highlights: int = 0
    """So many sentences of each hit are wanted, at most."""
    second: SecondQuery | None = None
    """For a collection that is between two spaces."""
    first: Modality | None = None
    """The modality whose related sections come before all others; by a vector alone."""
    related_from: float | None = None
    """The similarity from which on a section is related; None where all are."""
    folds: bool = True
    """True if a text that several items hold is one hit."""
    fills: bool = False
    """True if what is left out by `hits_per_item` are pieces of other hits, or hits where these are few."""
    led: bool = False
    """Whether the vector was led into the collection's space by a transform."""
    further: Mapping[str, BaseModel] = field(default_factory=dict)
    """Parameters of the stages of extensions that take place, by their names."""


def checked(known: Description, request: SearchRequest, *, led: bool = False) -> Query:
    """The query of a request, or InvalidInput, SpaceMismatch or NotFound with the field that is wrong."""
    options, text = request.options, request.text
    vector, ignored, second = request.vector, request.ignored, request.second
    if second is not None and vector is not None and second.vector.space == known.space:
        # The collection has just been moved.
        vector, ignored, second = second.vector, second.ignored, None
    if vector is None:
        if not text.strip():
            raise InvalidInput("nothing to search for: give a vector, words, or both", field="vector")
        if ignored:
            raise InvalidInput("only of a vector are dimensions ignored: give one", field="ignored")
        if request.first_modality is not None:
            raise InvalidInput("hits are of its kind by a vector: give one", field="first_modality")
    if not 0 <= request.limit <= MOST_HITS:
        raise InvalidInput(
            f"the limit is {request.limit}; it must be between 1 and {MOST_HITS}, or 0 for {HITS}",
            field="limit",
        )
    check(asked(request), SEARCH)
    for place, name in enumerate(request.signals):
        if not is_signal(name):
            raise InvalidInput(
                f"there is no signal {name!r}; signals are: {', '.join(NAMES)}, and {METADATA}KEY",
                field=at("signals", place),
            )
    # NUL stands between words, as a space does.
    check_text(text, SEARCH_TEXT_BYTES, field=at("text"), takes_nul=True)
    exact = None if vector is None else check_vector(vector, known.space, known.width, field=at("vector"))
    check_ignored(ignored, known.width)
    choice = options.rank_fusion or DEFAULT_RANK_FUSION
    balances = bool(options.balance_modalities)
    return Query(
        vector=exact,
        text=text.strip(),
        limit=request.limit or HITS,
        filter=parse(request.filter),
        fuse=rank_fusions.configure(choice.name, choice.parameters),
        balance=balances,
        collapse=bool(options.collapse_pieces),
        ignored=ignored,
        multi_vectors=known.space if request.multi_vectors else None,
        expansion=_expansion(options.query_expansion, vector, text),
        diversity=options.diversity or 0.0,
        hits_per_item=options.hits_per_item or 0,
        granularity=options.granularity or Granularity.SECTION,
        token_vectors=request.token_vectors,
        vectors=known.space if request.vectors else None,
        reach=_reach(options.vector_search, vector),
        explain=request.explain,
        signals=frozenset(request.signals),
        highlights=options.highlights or 0,
        second=None if second is None or vector is None else _second(second),
        first=_first(request.first_modality, text, balanced=balances),
        related_from=request.related_from,
        folds=not options.every_copy,
        fills=request.fill_up,
        led=led,
        further=parameters_by_stage(options, SEARCH),
    )


def asked(request: SearchRequest) -> Asked:
    """The demands of a search, as the list of stages reads them."""
    has = {
        "text": bool(request.text.strip()),
        "vector": request.vector is not None,
        "signals": bool(request.signals),
        "vectors": request.vectors,
        "explain": request.explain,
    }
    return Asked(request.options, has)


def _first(modality: Modality | None, text: str, *, balanced: bool) -> Modality | None:
    """The modality that comes first, or InvalidInput beside what orders the modalities otherwise."""
    if modality is not None and (balanced or text.strip()):
        other = "balance_modalities" if balanced else "text"
        raise InvalidInput(f"this is for a vector alone: leave it or {other} out", field="first_modality")
    return modality


def _second(given: SecondVector) -> SecondQuery:
    """A query's second vector, or InvalidInput."""
    space, width = given.vector.space, int(np.shape(given.vector.values)[-1])
    check_ignored(given.ignored, width)
    values = check_vector(given.vector, space, width, field=at("second", "vector"))
    return SecondQuery(space, values, given.ignored)


def _reach(choice: MethodChoice | None, vector: Vector | None) -> Reach:
    """How far is looked for the vector, which there may not be."""
    if choice is None:
        return AS_KEPT
    reach = vector_searches.configure(choice.name, choice.parameters)()
    if not reach.breadth and vector is not None:
        raise InvalidInput("this searches by no vector: leave the vector out", field="vector")
    return reach


def _expansion(choice: MethodChoice | None, vector: Vector | None, text: str) -> Expansion | None:
    """How the query is expanded; None where it is not."""
    if not is_chosen(choice) or choice is None:
        return None
    if vector is None and not words_of(text):
        raise InvalidInput(
            "there is nothing to expand: the text has no words", field=OPTIONS["query_expansion"]
        )
    return configured(choice.name, choice.parameters, field=OPTIONS["query_expansion"])
