"""Makes evidence of hits: passages that a language model can read and that citations can refer to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from tieback_contract.generation import Evidence
from tieback_contract.hits import Hit, RetrievedHit
from tieback_contract.modality import Modality

from tieback.answer.ingesting.headings import titles
from tieback.core.recognised import within
from tieback.core.text.passage_units import BETWEEN, units
from tieback.grounding.named import identifiers, says
from tieback.ports import EVIDENCE_CHARACTERS, EVIDENCE_SENTENCES

SEEN = {
    Modality.IMAGE: "A picture of",
    Modality.AUDIO: "A recording of",
    Modality.POINTS: "A 3D model of",
}


def evidence_of(hits: Sequence[RetrievedHit], limit: int, question: str = "") -> list[Evidence]:
    """The best hits that have words, those with an identifier of the question ("2.4-1") before others.

    A passage keeps its own bytes, for citations to point into. Ids count all hits from 1, so "3" is the
    third hit also where the second has no words. Of a document the next best section follows: "3.2" is that
    of the third. A text that repeats an earlier one is left out: it says nothing more, and the next hit
    may. Scores are the reranker's (a mean cosine) where it ran, else the search's. Of long passages the
    beginning is read, each by an equal part of what a generator reads. Splitting them takes milliseconds:
    call it on a thread.
    """
    found = list(islice(_with_identifiers(question, _told_once(_readable(hits))), limit))
    parts = max(len(found), 1)
    characters, most = EVIDENCE_CHARACTERS // parts, max(EVIDENCE_SENTENCES // parts, 1)
    return [_beginning(one, one.text[:characters], most) for one in found]


def _with_identifiers(question: str, passages: Iterable[Evidence]) -> Iterable[Evidence]:
    """Vectors hardly tell two versions apart, and the words of a version are words of others."""
    asked = identifiers(question)
    if not asked:
        return passages

    def missing(one: Evidence) -> int:
        text = f"{one.title} {one.text[:EVIDENCE_CHARACTERS]}"
        return sum(not says(name, text) for name in asked)

    return sorted(passages, key=missing)


def _beginning(one: Evidence, text: str, most: int) -> Evidence:
    """The passage up to the end of its last sentence of so many in `text`, its beginning."""
    parts = units(text)
    text = text if len(parts) <= most else text[: parts[most - 1].span[1]]
    return dataclasses.replace(one, text=text, segments=within(one.segments, len(text.encode())))


def _told_once(passages: Iterable[Evidence]) -> Iterator[Evidence]:
    """All but texts that repeat one before them, spaces apart. Of two pictures the words may be the same."""
    told = set()
    for one in passages:
        words = " ".join(one.text.split())
        if one.modality is not Modality.TEXT or words not in told:
            told.add(words)
            yield one


def _readable(hits: Sequence[RetrievedHit]) -> Iterator[Evidence]:
    for number, found in enumerate(hits, start=1):
        for name, retrieved in ((str(number), found), *((f"{number}.2", one) for one in found.sections[:1])):
            hit = retrieved.hit
            if hit.text.strip():
                yield Evidence(
                    id=name,
                    text=_text(hit),
                    title=BETWEEN.join(titles(hit.item_title, hit.section_title)),
                    item_id=hit.item_id,
                    section_id=hit.section_id,
                    uri=hit.uri,
                    modality=hit.modality or Modality.TEXT,
                    score=_score(retrieved),
                    region=hit.region,
                    segments=hit.segments,
                )


def _text(hit: Hit) -> str:
    """The words of a hit; where something was read in a picture, they are as they are found, to be quoted."""
    return hit.text if hit.segments or hit.modality not in SEEN else f"{SEEN[hit.modality]} {hit.text}"


def _score(retrieved: RetrievedHit) -> float:
    return retrieved.search_score if retrieved.rerank_score is None else retrieved.rerank_score
