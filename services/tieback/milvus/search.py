"""A search: candidates of Milvus, ranked and made into hits as the embedded store does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.hits import FoundPiece, Hit
from tieback_contract.modality import Modality

from tieback.collections.diversity import candidates_for, diversified
from tieback.collections.grouping import grouped
from tieback.collections.highlights import best_sentences
from tieback.collections.metadata import from_json
from tieback.collections.query import Query
from tieback.core.deadline import Deadline
from tieback.core.order import best, by_score
from tieback.milvus.candidates import MOST_CANDIDATES, Candidates, Finder, without
from tieback.milvus.connection import Milvus
from tieback.milvus.rows import BODY, Row, section_of

# As in the index: a hybrid search ranks more than what is asked for, and a grouped one reads more rows.
_DEEPER, _DEEPEST_AT_LEAST, _ROWS_A_HIT = 4, 100, 2
_FAR = 16  # rows a hit: where so many are of too few items, hits are filled up with more of these


def search(milvus: Milvus, collection: str, query: Query, finder: Finder, deadline: Deadline) -> list[Hit]:
    """The nearest sections, best first; equal scores are ordered by item id and ordinal."""
    wanted = candidates_for(query.limit) if query.options.diversity else query.limit
    hybrid = query.vector is not None and bool(query.text)
    rows, found, depth = wanted, None, 0
    while True:
        deep = min(max(_DEEPER * rows, _DEEPEST_AT_LEAST) if hybrid else rows, MOST_CANDIDATES)
        if found is None or deep > depth:
            found, depth = finder.find(deep), deep
        ranked = _ranked(query, found, rows)
        fill = query.request.fill_up and (len(ranked) < rows or rows >= _FAR * wanted)
        hits = grouped(found, query, ranked, wanted, fill=fill)
        # The rows double until there are enough hits, or Milvus gives no more.
        if len(hits) == wanted or len(ranked) < rows:
            break
        rows *= _ROWS_A_HIT
    if query.options.diversity and hits:
        hits = [hits[place] for place in _diversified(query, found, ranked, hits)]
    positions = [[ranked[row] for row in hit] for hit in hits]
    kept = _read(milvus, collection, [found.rows[one]["pk"] for hit in positions for one in hit], deadline)
    # What was removed meanwhile is left out.
    made = [(hit[0], one) for hit in positions if (one := _hit(found, hit, kept)) is not None]
    return [_highlighted(one, kept[found.rows[place]["pk"]], query, finder) for place, one in made]


def _ranked(query: Query, found: Candidates, rows: int) -> list[int]:
    """The places of the best candidates, best first: so many, and all that are equal to the last."""
    places = np.arange(len(found.scores))
    if query.reach.similarity is not None and found.similarities is not None:
        places = places[found.similarities >= query.reach.similarity]
    places = places[best(found.scores[places], rows)]
    # Candidates are in the order of their keys.
    order = by_score(found.scores[places], lambda place: place)
    return [int(one) for one in places[order]]


def _diversified(
    query: Query, found: Candidates, ranked: Sequence[int], hits: Sequence[Sequence[int]]
) -> list[int]:
    best = [ranked[row] for row, *_ in hits]
    vectors = [
        without(
            np.asarray(found.rows[one]["vector"], np.float32),
            query.ignored,
            Modality(found.rows[one]["modality"]),
        )
        for one in best
    ]
    return diversified(found.scores[best], np.stack(vectors), query.options.diversity or 0.0, query.limit)


def _read(milvus: Milvus, collection: str, pks: Sequence[str], deadline: Deadline) -> dict[str, Row]:
    """The rows that hits are made of, by key."""
    if not pks:
        return {}
    rows = milvus.call(
        *("query", collection),
        ids=list(pks),
        output_fields=["pk", "modality", "language", *BODY],
        deadline=deadline,
    )
    return {row["pk"]: row for row in rows}


def _hit(found: Candidates, hit: Sequence[int], kept: dict[str, Row]) -> Hit | None:
    first, *others = hit
    row = kept.get(found.rows[first]["pk"])
    if row is None:
        return None
    body, section = row["body"], section_of(row)
    share = _at(found.shares, first) or None
    return Hit(
        item_id=body["item"],
        item_title=body["item_title"],
        section_id=section.id,
        section_title=section.title,
        modality=Modality(row["modality"]),
        text=row["text"],
        uri=section.uri,
        metadata=from_json(body["metadata"]),
        score=float(found.scores[first]),
        vector_score=_at(found.similarities, first),
        text_score=share,
        words_matched=_at(found.matched, first) if share else None,
        span=section.span,
        segments=section.segments,
        pieces=[piece for one in others if (piece := _piece(found, one, kept)) is not None],
    )


def _highlighted(hit: Hit, row: Row, query: Query, finder: Finder) -> Hit:
    """The hit with the sentences that have words of the query, where they are wanted."""
    if not query.options.highlights or finder.asked is None or hit.modality is not Modality.TEXT:
        return hit
    best = best_sentences(hit.text, row["language"], finder.asked.share, query.options.highlights)
    return replace(hit, highlights=best)


def _piece(found: Candidates, position: int, kept: dict[str, Row]) -> FoundPiece | None:
    row = kept.get(found.rows[position]["pk"])
    if row is None:
        return None
    section = section_of(row)
    share = _at(found.shares, position)
    return FoundPiece(
        section.id,
        row["text"],
        float(found.scores[position]),
        section.span,
        _at(found.similarities, position),
        _at(found.matched, position) if share else None,
    )


def _at(values: Array | None, position: int) -> float | None:
    return None if values is None else float(values[position])
