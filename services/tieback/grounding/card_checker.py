"""A checker's card at work: a model of the user's, and nothing else, holds claims against passages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from tieback_contract.arrays import Array, Span
from tieback_contract.claims import Citation, Claim, NotCheckedReason, Verdict, VerdictLabel
from tieback_contract.field_path import FieldPath, at
from tieback_contract.method_choice import MethodChoice
from tieback_contract.reports import Timing

from tieback.catalog.checker_card import Aggregation, CheckerCard
from tieback.catalog.claim_labels import OUTCOMES
from tieback.core.alone import Alone
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.text.passage_units import in_bytes
from tieback.core.text.spans import ByteOffsets
from tieback.core.text.visible import as_displayed
from tieback.core.types.generation import CheckedClaims, CheckGroundingRequest, CheckReply, GroundingCheck
from tieback.core.types.load import Load
from tieback.grounding.claim_reading import ClaimReader, RecentOutcomes
from tieback.methods.grounding import words_of
from tieback.models.text.claim_classifier import ReadClaim

BETWEEN = "\n\n"
"""Text between passages that are read together."""


class CutPassage(NamedTuple):
    """A passage and the bytes of its sentences."""

    text: str
    sentences: Sequence[Span]


@dataclass(frozen=True, slots=True)
class Window:
    """A text that is read at a time, and the bytes of passages, by their places, that it is made of."""

    text: str
    parts: Sequence[tuple[int, Span]]


class _Piece(NamedTuple):
    """Characters of a passage, and how many tokens they are."""

    passage: int
    begin: int
    end: int
    tokens: int


def windows(
    passages: Sequence[CutPassage], starts: Callable[[str], Array], room: int, *, together: bool
) -> list[list[Window]]:
    """The windows of each passage, or those of all `together` as of one; a passage without a word has none.

    A window has at most `room` tokens; `starts` gives the characters at which those of a text begin. What
    fits is one window, word for word. A sentence that does not fit is cut between tokens.
    """
    pieces = [
        list(_pieces(place, passage, starts, room)) if passage.text.strip() else []
        for place, passage in enumerate(passages)
    ]
    texts = [passage.text for passage in passages]
    groups = [[piece for of_one in pieces for piece in of_one]] if together else pieces
    return [[_window(chosen, texts) for chosen in _packed(group, room)] for group in groups]


def _pieces(place: int, passage: CutPassage, starts: Callable[[str], Array], room: int) -> Iterator[_Piece]:
    """Sentences, each with what stands behind it up to the next one."""
    text = passage.text
    tokens = starts(text)
    begins = [0, *_characters(passage)[1:]]
    for begin, end in zip(begins, [*begins[1:], len(text)], strict=True):
        first, last = np.searchsorted(tokens, [begin, end]).tolist()
        while last - first > room:
            cut = int(tokens[first + room])
            yield _Piece(place, begin, cut, room)
            begin, first = cut, first + room
        yield _Piece(place, begin, end, last - first)


def _characters(passage: CutPassage) -> list[int]:
    """The characters at which the sentences begin; 0 where there are none."""
    if not passage.sentences:
        return [0]
    bytes_at = ByteOffsets(passage.text).spans(np.stack([np.arange(len(passage.text) + 1)] * 2, axis=1))[:, 0]
    found: list[int] = np.searchsorted(bytes_at, [begin for begin, _ in passage.sentences]).tolist()
    return found


def _packed(pieces: Sequence[_Piece], room: int) -> Iterator[list[_Piece]]:
    """As many pieces, one after another, as there is room for."""
    chosen: list[_Piece] = []
    size = 0
    for piece in pieces:
        if chosen and size + piece.tokens > room:
            yield chosen
            chosen, size = [], 0
        chosen.append(piece)
        size += piece.tokens
    if chosen:
        yield chosen


def _window(pieces: Sequence[_Piece], texts: Sequence[str]) -> Window:
    """The window of some pieces, those of one passage as one part."""
    merged: list[_Piece] = []
    for piece in pieces:
        if merged and merged[-1].passage == piece.passage:
            merged[-1] = merged[-1]._replace(end=piece.end)
        else:
            merged.append(piece)
    parts = [(one.passage, ByteOffsets(texts[one.passage]).span(one.begin, one.end)) for one in merged]
    told = [texts[one.passage][one.begin : one.end] for one in merged]
    is_whole = len(merged) == 1 and told[0] == texts[merged[0].passage]
    return Window(as_displayed(told[0] if is_whole else BETWEEN.join(one.strip() for one in told)), parts)


THRESHOLD = "threshold"
"""The one parameter of a card that a request may choose."""

AT_ONCE = 32_768
"""Tokens that are read in one go: less than may wait, and more than a batch."""

LEAST_ROOM = 8
"""Tokens of evidence beside a claim, below which the claim is too long."""

AGGREGATIONS: Mapping[Aggregation, Callable[[Array], Any]] = {"max": np.max, "mean": np.mean, "min": np.min}
SUPPORTED, CONTRADICTED = OUTCOMES.index("supported"), OUTCOMES.index("contradicted")


class _Plan(NamedTuple):
    """Parts that are read of a claim: windows of each passage, or of all as of one; or why nothing is."""

    claim: Claim
    groups: Sequence[Sequence[Window]] = ()
    reason: NotCheckedReason | None = None

    def reads(self, question: str) -> Iterator[ReadClaim]:
        """The inputs of the model."""
        for group in self.groups:
            for window in group:
                yield ReadClaim(window.text, self.claim.text, question)


@dataclass(frozen=True, slots=True)
class _Group:
    """Windows that were read, with the probabilities of their outcomes `[windows, outcomes]`."""

    windows: Sequence[Window]
    outcomes: Array

    def of(self, outcome: int, aggregation: Aggregation) -> float:
        """The probability of an outcome by all windows."""
        return float(AGGREGATIONS[aggregation](self.outcomes[:, outcome]))

    def best(self, outcome: int) -> Window:
        """The window in which it is most probable."""
        return self.windows[int(self.outcomes[:, outcome].argmax())]


class CardChecker:
    """A `GroundingPort` of one card. Checks give their claims; passages are not compared with each other."""

    def __init__(self, reader: ClaimReader) -> None:
        self.card = reader.card
        self._reader = reader
        self._recent = RecentOutcomes()

    @property
    def load(self) -> Load:
        """Load of its model."""
        return self._reader.load

    async def check_grounding(self, request: CheckGroundingRequest, call: Call) -> CheckReply:
        """The claims of each text with citations and verdicts, in order; a bad check gets an error."""
        begin, timing = time.monotonic(), Timing()
        threshold = threshold_of(request.checker, at("checker"))
        results: list[CheckedClaims | TiebackError] = []
        for number, one in enumerate(request.checks):
            with Alone(at("checks", number)) as item:
                results.append(await self._checked(one, threshold, call.deadline, timing))
            if item.error is not None:
                results.append(item.error)
        timing.total = time.monotonic() - begin
        return CheckReply(results, timing)

    async def close(self) -> None:
        """Stops its model."""
        await self._reader.close()

    async def _checked(
        self, one: GroundingCheck, threshold: float | None, deadline: Deadline, timing: Timing
    ) -> CheckedClaims:
        begin = time.monotonic()
        passages, plans = await asyncio.to_thread(self._planned, one)
        timing.prepare += time.monotonic() - begin
        wanted = dict.fromkeys(read for plan in plans for read in plan.reads(one.question))
        outcomes = await self._outcomes(list(wanted), deadline, timing)
        citations: list[Citation] = []
        verdicts: list[Verdict] = []
        for plan in plans:
            verdict, cited = self._concluded(plan, _groups(plan, one.question, outcomes), threshold)
            verdicts.append(verdict)
            for window, support in cited:
                citations += [
                    Citation(plan.claim.id, one.evidence[place].id, "", "", span, support)
                    for place, span in _sentences(plan.claim, window, passages)
                ]
        return CheckedClaims([plan.claim for plan in plans], citations, verdicts, None)

    def _planned(self, one: GroundingCheck) -> tuple[list[CutPassage], list[_Plan]]:
        text = one.text.encode()
        passages = [
            CutPassage(source.text, [span for _, span in in_bytes(source.text, source.title)])
            for source in one.evidence
        ]
        by_room: dict[int, list[list[Window]]] = {}
        plans = []
        for number, (begin, end) in enumerate(one.claims, 1):
            claim = Claim(number, (begin, end), text[begin:end].decode())
            if not any(character.isalnum() for character in claim.text):
                plans.append(_Plan(claim, reason=NotCheckedReason.STATES_NOTHING))
                continue
            left = self._reader.room(claim.text, one.question)
            room = min(left, self.card.window_tokens or left)
            if left < LEAST_ROOM:
                plans.append(_Plan(claim, reason=NotCheckedReason.TOO_LONG))
                continue
            if room not in by_room:
                together = self.card.passages == "together"
                by_room[room] = windows(passages, self._reader.starts, room, together=together)
            found = [group for group in by_room[room] if group]
            plans.append(_Plan(claim, found, None if found else NotCheckedReason.NO_PASSAGES))
        return passages, plans

    async def _outcomes(
        self, reads: Sequence[ReadClaim], deadline: Deadline, timing: Timing
    ) -> dict[ReadClaim, Array]:
        """The probabilities of all, those of late from where they are kept."""
        found = {read: outcome for read in reads if (outcome := self._recent.find(read)) is not None}
        new = [read for read in reads if read not in found]
        most = max(1, AT_ONCE // self.card.max_tokens)
        for begin in range(0, len(new), most):
            deadline.check("all claims were checked")
            chosen = new[begin : begin + most]
            for read, outcome in zip(chosen, await self._reader.read(chosen, deadline, timing), strict=True):
                self._recent.keep(read, outcome)
                found[read] = outcome
        return found

    def _concluded(
        self, plan: _Plan, groups: Sequence[_Group], threshold: float | None
    ) -> tuple[Verdict, list[tuple[Window, float]]]:
        """The verdict of a claim, and the windows that it rests on with their support, the surest first."""
        name = self.card.name
        if plan.reason is not None:
            return Verdict(plan.claim.id, VerdictLabel.NOT_CHECKED, 0.0, name, plan.reason), []
        card = self.card
        supports = [group.of(SUPPORTED, card.windows) for group in groups]
        contradicted = [group.of(CONTRADICTED, card.contradicted_windows) for group in groups]
        score, least = max(supports), card.threshold if threshold is None else threshold
        low = least if card.unsupported_below is None else min(least, card.unsupported_below)
        label, values, outcome = VerdictLabel.LOW_CONFIDENCE, [0.0] * len(groups), SUPPORTED
        if score >= least:
            label, values = VerdictLabel.SUPPORTED, supports
        elif max(contradicted) >= card.contradicted_from and _can_contradict(card):
            label, values, outcome = VerdictLabel.CONTRADICTED, contradicted, CONTRADICTED
            least = card.contradicted_from
        elif score < low:
            label = VerdictLabel.UNSUPPORTED
        decided = label in (VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED)
        order = sorted(range(len(groups)), key=lambda place: -values[place]) if decided else []
        cited = [place for place in order if values[place] >= least]
        told = [(groups[place].best(outcome), supports[place]) for place in cited]
        return Verdict(plan.claim.id, label, score, name), told


def threshold_of(choice: MethodChoice | None, field: FieldPath) -> float | None:
    """The threshold that a request chooses; None for the card's. InvalidInput for anything else."""
    given = dict(choice.parameters) if choice is not None else {}
    threshold = given.pop(THRESHOLD, None)
    for name in given:
        raise InvalidInput(
            f"a checker's card has no parameter {name!r}; its parameters are: {THRESHOLD}",
            field=field["parameters"][name],
        )
    if threshold is None:
        return None
    is_number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not is_number or not 0 <= threshold <= 1:
        raise InvalidInput("a threshold is a number from 0 to 1", field=field["parameters"][THRESHOLD])
    return float(threshold)


def _groups(plan: _Plan, question: str, outcomes: Mapping[ReadClaim, Array]) -> list[_Group]:
    reads = plan.reads(question)
    return [_Group(group, np.stack([outcomes[next(reads)] for _ in group])) for group in plan.groups]


def _can_contradict(card: CheckerCard) -> bool:
    """Tell whether one of its labels means contradicted."""
    return "contradicted" in card.options.labels.values()


def _sentences(claim: Claim, window: Window, passages: Sequence[CutPassage]) -> Iterator[tuple[int, Span]]:
    """Of each passage in a window the sentence that shares most words with the claim, to be shown.

    Parts that share none are left out beside others that do; where none does, all are shown as they are.
    """
    asked = _content(claim.text)
    chosen = []
    for place, (begin, end) in window.parts:
        encoded = passages[place].text.encode()
        within = [span for span in passages[place].sentences if begin <= span[0] and span[1] <= end]
        shared = [len(asked & _content(encoded[slice(*span)].decode())) for span in within]
        most = max(shared, default=0)
        chosen.append((most, place, within[shared.index(most)] if most else (begin, end)))
    told = [one for one in chosen if one[0]] or chosen
    return ((place, span) for _, place, span in told)


def _content(text: str) -> set[str]:
    words = words_of(text)
    return {*words.stems, *words.numbers}
