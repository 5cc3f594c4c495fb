"""What a search asks for, checked against the collection that it searches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tieback.core.errors import InvalidInput
from tieback.core.field_path import at
from tieback.core.types.arrays import Array
from tieback.core.types.fusion import IgnoredDimensions
from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.vectors import SpaceRef, Vector
from tieback.index.filters import Filter, parse
from tieback.index.store import Description
from tieback.index.texts import check_text
from tieback.index.validation import check_ignored, check_vector
from tieback.methods.rank_fusion import rank_fusions
from tieback.ports import DEFAULT_RANK_FUSION, SEARCH_TEXT_BYTES

HITS, MOST_HITS = 10, 1000


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


def checked(
    known: Description,
    *,
    vector: Vector | None = None,
    text: str = "",
    limit: int = 0,
    filter: str = "",
    rank_fusion: MethodChoice | None = None,
    balance_modalities: bool = False,
    collapse_pieces: bool = False,
    ignored: Sequence[IgnoredDimensions] = (),
    multi_vectors: bool = False,
) -> Query:
    """The query of a `Search`, or InvalidInput, SpaceMismatch or NotFound with the field that is wrong."""
    if vector is None:
        if not text.strip():
            raise InvalidInput("nothing to search for: give a vector, words, or both", field="vector")
        if balance_modalities:
            raise InvalidInput(
                "modalities are balanced by their vectors: give one", field="balance_modalities"
            )
        if ignored:
            raise InvalidInput("only of a vector are dimensions ignored: give one", field="ignored")
    if not 0 <= limit <= MOST_HITS:
        raise InvalidInput(
            f"the limit is {limit}; it must be between 1 and {MOST_HITS}, or 0 for {HITS}", field="limit"
        )
    # NUL stands between words, as a space does.
    check_text(text, SEARCH_TEXT_BYTES, field=at("text"), takes_nul=True)
    exact = None if vector is None else check_vector(vector, known.space, known.width, field=at("vector"))
    check_ignored(ignored, known.width)
    choice = rank_fusion or DEFAULT_RANK_FUSION
    return Query(
        vector=exact,
        text=text.strip(),
        limit=limit or HITS,
        filter=parse(filter),
        fuse=rank_fusions.configure(choice.name, choice.parameters, field="rank_fusion"),
        balance=balance_modalities,
        collapse=collapse_pieces,
        ignored=ignored,
        multi_vectors=known.space if multi_vectors else None,
    )
