"""The request of a search, checked against the collection that it searches."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import BaseModel
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.method_choice import MethodChoice, is_chosen
from tieback_contract.query import QueryOptions
from tieback_contract.vectors import SpaceRef, Vector

from tieback.collections.description import Description
from tieback.collections.metadata import check_text
from tieback.collections.validation import check_ignored, check_vector
from tieback.core.errors import InvalidInput
from tieback.core.text.terms import words_of
from tieback.core.types.moving import SecondVector
from tieback.core.types.search import METADATA, NAMES, SearchRequest, is_signal
from tieback.filters import Filter, parse
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

    request: SearchRequest
    """The request."""
    space: SpaceRef
    """Of the collection."""
    vector: Array | None
    text: str
    limit: int
    filter: Filter | None
    fuse: Callable[[Array], Array]
    ignored: Sequence[IgnoredDimensions] = ()
    expansion: Expansion | None = None
    """Expansion of the query by its first hits; None where it is searched for as it is."""
    reach: Reach = AS_KEPT
    """Reach of the search by the vector."""
    second: SecondQuery | None = None
    """For a collection that is between two spaces."""
    led: bool = False
    """True if the vector was led into the collection's space by a transform."""
    further: Mapping[str, BaseModel] = field(default_factory=dict)
    """Parameters of the stages of extensions that take place, by their names."""

    @property
    def options(self) -> QueryOptions:
        """Those of the request."""
        return self.request.options

    @property
    def by_modality(self) -> bool:
        """Tell whether sections of each modality are compared by themselves."""
        return bool(self.options.balance_modalities) or self.request.first_modality is not None

    @property
    def related_from(self) -> float:
        """The similarity from which on a section is related."""
        return -math.inf if self.request.related_from is None else self.request.related_from


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
    _check_first(request)
    return Query(
        request,
        known.space,
        exact,
        text.strip(),
        request.limit or HITS,
        parse(request.filter),
        rank_fusions.configure(choice.name, choice.parameters),
        ignored,
        _expansion(options.query_expansion, vector, text),
        _reach(options.vector_search, vector),
        None if second is None or vector is None else _second(second),
        led,
        parameters_by_stage(options, SEARCH),
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


def _check_first(request: SearchRequest) -> None:
    """InvalidInput where a modality is to come first beside what orders the modalities otherwise."""
    balanced = request.options.balance_modalities
    if request.first_modality is not None and (balanced or request.text.strip()):
        other = "balance_modalities" if balanced else "text"
        raise InvalidInput(f"this is for a vector alone: leave it or {other} out", field="first_modality")


def _second(given: SecondVector) -> SecondQuery:
    """A query's second vector, or InvalidInput."""
    space, width = given.vector.space, int(np.shape(given.vector.values)[-1])
    check_ignored(given.ignored, width)
    values = check_vector(given.vector, space, width, field=at("second", "vector"))
    return SecondQuery(space, values, given.ignored)


def _reach(choice: MethodChoice | None, vector: Vector | None) -> Reach:
    """Reach of the search by the vector, which there may not be."""
    if choice is None:
        return AS_KEPT
    reach = vector_searches.configure(choice.name, choice.parameters)()
    if not reach.breadth and vector is not None:
        raise InvalidInput("this searches by no vector: leave the vector out", field="vector")
    return reach


def _expansion(choice: MethodChoice | None, vector: Vector | None, text: str) -> Expansion | None:
    """Expansion of the query; None where there is none."""
    if not is_chosen(choice) or choice is None:
        return None
    if vector is None and not words_of(text):
        raise InvalidInput(
            "there is nothing to expand: the text has no words", field=OPTIONS["query_expansion"]
        )
    return configured(choice.name, choice.parameters, field=OPTIONS["query_expansion"])
