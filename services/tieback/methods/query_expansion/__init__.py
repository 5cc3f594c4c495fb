"""Query expansion: a query is moved towards the documents that it found first (pseudo-relevance feedback).

The best documents of a first search are taken as relevant, and a second search is made with what the query
becomes by them. A query is a vector, words, or both. Words are a vector too, with a place for each word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath

from tieback.core.family import Family, Form

MOST_DOCUMENTS = 20
"""Documents that a method may take as relevant."""


class QueryExpansion(Protocol):
    """Expands the vector of a query."""

    def __call__(self, query: Array, relevant: Array) -> Array:
        """The vector `[width]` by which is searched again.

        `query` is `[width]`, and `relevant` `[documents, width]` has the vectors of the documents, 1 to
        `MOST_DOCUMENTS`, best first. Both may have any length, zero among them.
        """
        ...


class WordExpansion(Protocol):
    """Expands the words of a query."""

    def __call__(self, query: Array, relevant: Array) -> Array:
        """The weights `[words]` by which is searched again; a word of weight 0 is not searched for.

        `query` `[words]` has the weight of each word in the query, 0 where the query does not have it, and
        `relevant` `[documents, words]` that in each document. All are 0 or more.
        """
        ...


class Feedback(Protocol):
    """Says how many documents are taken as relevant: the guard of a method."""

    def __call__(self, scores: Array) -> int:
        """So many of the best documents; 0 where the query is better left as it is.

        `scores` `[rankings, candidates]` has what each ranking of the first search says of the candidates,
        as a `RankFusion` takes them: by the vector and by the words, or by one of them. NaN stands where a
        ranking does not hold a candidate. The candidates are in any order.
        """
        ...


WORDS: Form[WordExpansion] = Form("words", WordExpansion)
FEEDBACK: Form[Feedback] = Form("feedback", Feedback)

query_expansions: Family[QueryExpansion] = Family(__name__, QueryExpansion, WORDS, FEEDBACK)


@dataclass(frozen=True, slots=True)
class Expansion:
    """A method with its parameters."""

    feedback: Feedback
    vector: QueryExpansion
    words: WordExpansion


def configured(name: str, parameters: Mapping[str, Any], *, field: FieldPath | str) -> Expansion:
    """The method of that name. NotFound, with the choices; InvalidInput, with the parameter under `field`."""
    return Expansion(
        query_expansions.form(FEEDBACK, name, parameters, field=field),
        query_expansions.configure(name, parameters, field=field),
        query_expansions.form(WORDS, name, parameters, field=field),
    )
