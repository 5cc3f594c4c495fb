"""Reranking: a closer look at candidates, row by row of multi-vectors, with the alignment as the explanation.

A row is a token of a text, a region of a picture or a window of a sound; both sides are of one space. A
method's file also holds `summary`, which aligns the rows of query and candidate, and says what the method
costs: `passes(width)` is how many times it goes over every pair of a query row and a candidate row, at the
price of one multiplication and addition in float64 each. By that a request is admitted before it is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath
from tieback_contract.method_choice import MethodChoice

from tieback.core.errors import InvalidInput, NotFound
from tieback.core.extensions import where_more
from tieback.core.family import Family, Form

Checkpoint = Callable[[], None]
"""Raises where nobody waits for the result any more."""


class Alignments(NamedTuple):
    """What the scores of candidates consist of.

    `similarities` and `weights` `[candidates, query rows, candidate rows]`: the cosine of each pair, and how
    much the pair counts. A candidate's weights sum to 1, and its score is the sum of weights · similarities.
    Weights that are a transport plan say so by `is_plan`.
    """

    similarities: Array
    weights: Array
    is_plan: bool = False


class Reranking(Protocol):
    """A way to compare a query with candidates row by row."""

    def __call__(self, query: Array, rows: Array, mask: Array, checkpoint: Checkpoint) -> Array:
        """The scores `[candidates]`, higher is better, of `rows` `[candidates, n, width]` for a `query`.

        The query is `[m, width]`, and all rows are normalised. `mask` `[candidates, n]` (bool) is False at
        padding; every candidate has at least one row. A method that iterates calls `checkpoint` in each
        iteration.
        """
        ...


class Summary(Protocol):
    """Explains scores."""

    def __call__(self, query: Array, rows: Array, mask: Array, checkpoint: Checkpoint) -> Alignments:
        """The alignments behind the scores that the method gives for the same arguments."""
        ...


class Passes(Protocol):
    """What a method costs."""

    def __call__(self, width: int) -> int:
        """How many times it goes over every pair of tokens, for vectors of that width."""
        ...


PASSES: Form[Passes] = Form("passes", Passes)
SUMMARY: Form[Summary] = Form("summary", Summary)

rerankings: Family[Reranking] = Family(__name__, Reranking, PASSES, SUMMARY)

NO_RERANKING = "none"
"""In place of a method's name where the order of a search is to be kept."""


def check_reranker(chosen: MethodChoice, models: Collection[str], field: FieldPath) -> None:
    """InvalidInput or NotFound where nothing can be reranked so: by a method, one of the `models`, or not at
    all.
    """
    if chosen.name == NO_RERANKING:
        return
    if chosen.name in models:
        refuse_parameters(chosen, field)
        return
    try:
        rerankings.configure(chosen.name, chosen.parameters, field=field)
    except NotFound as unknown:
        choices = [*unknown.choices, NO_RERANKING, *models]
        hint = where_more(rerankings.package, chosen.name)
        raise NotFound(unknown.kind, unknown.name, choices, hint=hint) from None


def refuse_parameters(model: MethodChoice, field: FieldPath) -> None:
    """InvalidInput where there are some, for what has none: a model in place of a method."""
    for key in model.parameters:
        raise InvalidInput(
            f"{model.name!r} is a model, which has no parameter {key!r}; leave its parameters out",
            field=field["parameters"][key],
        )


WIDTH_OF_A_PASS = 64
"""Dimensions of a float32 product that take as long as one pass: measured with OpenBLAS on x86-64."""

PASSES_OF_COSINES = 4
"""What making the similarities, and choosing among them, costs besides the product."""


def passes_of_cosines(width: int) -> int:
    """The passes that making the cosines of vectors of that width costs."""
    return PASSES_OF_COSINES + -(-width // WIDTH_OF_A_PASS)


def cosines(query: Array, rows: Array) -> Array:
    """`[candidates, m, n]` from normalised rows, float64."""
    flat = rows.reshape(-1, rows.shape[-1]) @ query.T  # one large product beats one per candidate
    similarities = flat.reshape(*rows.shape[:2], len(query)).transpose(0, 2, 1)
    return similarities.astype(float)
