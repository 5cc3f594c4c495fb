"""An answer that quotes: the sentences of the evidence that answer the question best, word for word."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from tieback.core.errors import InvalidInput
from tieback.core.types.generation import (
    AnswerStyle,
    Claim,
    Evidence,
    GenerationEvent,
    SamplingParameters,
    TextDelta,
)
from tieback.generator.evidence import Place, ReadEvidence
from tieback.grounding import ClaimCheck
from tieback.methods.grounding import Statement
from tieback.ports import DEFAULT_SAMPLING

MOST_QUOTES = 2
LEAST_OF_BEST = 0.75
"""A second sentence is quoted if it bears on the question by at least this share of the best one."""


def style_of(
    asked: AnswerStyle, sampling: SamplingParameters, evidence: Sequence[Evidence], *, quotes: bool
) -> AnswerStyle:
    """QUOTE or WRITE. AUTO quotes where `quotes`, there is evidence, and nothing says how tokens are chosen.

    InvalidInput for a quote of which is said how its tokens are chosen.
    """
    is_sampled = replace(sampling, stop=tuple(sampling.stop)) != DEFAULT_SAMPLING
    if asked is AnswerStyle.QUOTE and is_sampled:
        raise InvalidInput(
            "a quote has no tokens to choose; leave sampling out, or ask for the style write",
            field="sampling",
        )
    if asked is not AnswerStyle.AUTO:
        return asked
    return AnswerStyle.QUOTE if quotes and evidence and not is_sampled else AnswerStyle.WRITE


def best(evidence: ReadEvidence) -> list[Place]:
    """The sentences to quote: those of a passage in their order, the passage of the best one first."""
    ranked = [place for place in evidence.ranked if not evidence.text(*place).endswith("?")]
    ranked = (ranked or evidence.ranked)[:MOST_QUOTES]
    if not ranked:
        return []
    least = LEAST_OF_BEST * evidence.value(*ranked[0])
    chosen = [place for place in ranked if evidence.value(*place) >= least]
    passages = list(dict.fromkeys(number for number, _ in chosen))
    return sorted(chosen, key=lambda place: (passages.index(place[0]), place[1]))


async def quoted(evidence: ReadEvidence, check: ClaimCheck) -> AsyncGenerator[GenerationEvent, None]:
    """The sentences with a claim, its citations and its verdict each."""
    size = 0
    for number, place in enumerate(best(evidence), 1):
        text = evidence.text(*place)
        begin = size + (number > 1)
        size = begin + len(text.encode())
        yield TextDelta(f" {text}" if number > 1 else text)
        claim = Claim(number, (begin, size), text)
        yield claim
        for event in await check.check(claim, Statement(text, evidence.vector(*place))):
            yield event
