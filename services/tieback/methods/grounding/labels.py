"""Support of a claim that something is in a picture or a sound, by the labels of a classifier.

Rules read what the claim says is there ("There is a dog in the photo", "The recording has no music") and look
for a label of that name, or with that synonym. A label says that a thing is there and nothing else of it, so
"a brown dog" and "two dogs" have no support by the label "dog". Classifiers know a closed set of names: where
a name is absent, the claim is UNSUPPORTED, never CONTRADICTED. English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from tieback_contract.claims import NotCheckedReason, VerdictLabel

from tieback.core.state import State
from tieback.methods.grounding import Finding, Passage, PassageLabel, Statement, Support, checkers

LEAST = 0.7
"""Labels of this score or more are right in nine of ten and more (`scripts/bench object_questions`)."""

CITED_SHARE = 0.8
"""Passages are cited whose label's score is at least this share of the best one's."""

_PICTURE = r"(?:photo(?:graph)?|picture|image|snapshot)s?"
_SOUND = r"(?:recording|sound|audio|clip)s?"
_MEDIUM = rf"(?P<medium>{_PICTURE}|{_SOUND})"
_THE = r"(?:the|this|that|an?|one of the|any of the)"
_SENSED = r"(?:visible|shown|seen|depicted|heard|audible|present)"
_WHERE = rf"(?: {_SENSED})?(?: (?:in|on) {_THE} {_MEDIUM})?"
_NOTHING = r"(?P<no>no|not an?|not any) "
_NAME = r"(?P<name>.+?)"
_FORMS = (
    rf"there(?: is| are|['’]s) (?:{_NOTHING})?{_NAME}{_WHERE}",
    rf"{_THE} {_MEDIUM} (?:shows?|contains?|has|have|depicts?|features?|includes?|(?:is|are) of) "
    rf"(?:{_NOTHING})?{_NAME}",
    rf"{_THE} {_MEDIUM} (?P<no>does not|do not|doesn['’]t|don['’]t) "
    rf"(?:show|contain|have|depict|feature|include) (?:any )?{_NAME}",
    rf"(?:(?:this|it) is )?(?:an? )?{_MEDIUM} of {_NAME}",
    rf"(?P<no>no )?{_NAME} (?:is|are|can be) (?:{_SENSED} )?(?:in|on) {_THE} {_MEDIUM}",
    rf"(?P<no>no )?{_NAME} (?:is|are|can be) {_SENSED}",
)
FORMS = [re.compile(form, re.IGNORECASE) for form in _FORMS]
ASKED = re.compile(r"(?:is|are) there (?:any )?(?P<rest>.+?) ?\?", re.IGNORECASE)
ANSWER = re.compile(r"(?:yes|no) ?[,.:;] ?", re.IGNORECASE)
ONE = re.compile(r"(?:an?|some|at least one)\s+", re.IGNORECASE)
SOUND = re.compile(_SOUND, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Presence:
    """What a claim says is there, or is not. `is_heard` is None where it does not say in what."""

    name: str
    is_there: bool = True
    is_heard: bool | None = None


@checkers.method
def labels(
    claim: Statement,
    passages: Sequence[Passage],
    state: State,  # noqa: ARG001 - none learned
    *,
    least: Annotated[float, Field(ge=0, le=1)] = LEAST,
) -> Finding:
    """SUPPORTED where a passage has a label of what the claim says is there, with a score of `least` or more.

    CONTRADICTED where the claim says that it is not there; LOW_CONFIDENCE where the score is lower;
    UNSUPPORTED where no passage has the label. NOT_CHECKED where the claim says something else than what is
    there. The score is the label's: how likely the claim is.
    """
    if not passages:
        return Finding(VerdictLabel.UNSUPPORTED, 0.0, [])
    nothing = [Support(0.0, None) for _ in passages]
    stated = presence_of(claim.text)
    found = list(nothing)
    for place, passage in enumerate(passages):
        matching = _matching(stated or Presence(_plain(claim.text)), passage)
        best = max(matching, key=lambda one: one.score, default=None)
        if best is not None:
            found[place] = Support(best.score, best.span)
    score = max((support.score for support in found), default=0.0)
    is_named = any(support.span for support in found)
    if stated is None and not is_named:
        return Finding(VerdictLabel.NOT_CHECKED, 0.0, nothing, NotCheckedReason.LABELS_ALONE)
    if stated is not None and not stated.is_there:
        if score < least:
            return Finding(VerdictLabel.UNSUPPORTED, 0.0, nothing)
        against = [Support(1 - one.score, one.span, one.score >= least) for one in found]
        return Finding(VerdictLabel.CONTRADICTED, 1 - score, against)
    if not is_named:
        return Finding(VerdictLabel.UNSUPPORTED, 0.0, nothing)
    label = VerdictLabel.SUPPORTED if score >= least else VerdictLabel.LOW_CONFIDENCE
    return Finding(label, score, found)


def summary(finding: Finding) -> list[int]:
    """The passages with the label that a verdict rests on."""
    found = list(enumerate(finding.passages))
    if finding.label is VerdictLabel.SUPPORTED:
        cited = [place for place, one in found if one.span and one.score >= CITED_SHARE * finding.score]
    else:
        cited = [place for place, one in found if one.contradicts]
    return sorted(cited, key=lambda place: -finding.passages[place].score)


def presence_of(text: str) -> Presence | None:
    """What a claim says is there or not; None where it says something else."""
    said = " ".join(text.split())
    answered = ANSWER.match(said)
    stated = said[answered.end() if answered else 0 :].rstrip(".! ")
    for form in FORMS:
        match = form.fullmatch(stated)
        if match is not None:
            medium = match["medium"] if "medium" in form.groupindex else None
            is_denied = "no" in form.groupindex and bool(match["no"])
            is_heard = None if medium is None else bool(SOUND.fullmatch(medium))
            return Presence(_plain(match["name"]), not is_denied, is_heard)
    return None


def windows_that_answer(question: str, passages: Sequence[Passage]) -> list[tuple[int, int]]:
    """Of a question whether something is there: the windows of labels that say so, the likeliest first.

    A window is named by its passage and its place there. Only labels of a score of `LEAST` or more; none
    where the question asks something else.
    """
    match = ASKED.fullmatch(" ".join(question.split()))
    stated = None if match is None else presence_of(f"There is {match['rest']}")
    found: list[tuple[float, tuple[int, int]]] = []
    for number, passage in enumerate(passages):
        for one in [] if stated is None else _matching(stated, passage):
            windows = [
                place for place, (begin, end) in enumerate(passage.windows) if begin <= one.span[0] < end
            ]
            if one.score >= LEAST and windows:
                found.append((one.score, (number, windows[0])))
    return [place for _, place in sorted(found, key=lambda one: -one[0])]


def _matching(stated: Presence, passage: Passage) -> Iterator[PassageLabel]:
    encoded = passage.text.encode()
    for one in passage.labels:
        if stated.is_heard is None or one.is_heard is stated.is_heard:
            label = encoded[slice(*one.span)].decode(errors="replace").casefold()
            if stated.name in (label, *(name.strip() for name in label.split(","))):
                yield one


def _plain(name: str) -> str:
    """A name without its article."""
    return " ".join(ONE.sub("", name.strip().rstrip(".!").strip(), count=1).casefold().split())
