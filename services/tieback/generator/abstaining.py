"""When a question is not answered: before anything is made of the evidence, and after."""

from __future__ import annotations

from collections.abc import Sequence

from tieback_contract.answers import Abstention, AbstentionReason, AnswerAction, Decision
from tieback_contract.claims import QuestionFit, Verdict
from tieback_contract.generation import Grounding

from tieback.methods.answerability import Judgement

LEAST_SUPPORTED = 0.5
"""The share of an answer's checked claims that must be supported, or the answer is taken back."""


def before(
    judgement: Judgement | None,
    grounding: Grounding,
    *,
    is_needed: bool,
    unnamed: Sequence[str] = (),
    is_weighed: bool = True,
) -> Abstention | None:
    """Why nothing is answered by the evidence that was judged; None where it is.

    Without evidence there is no judgement; then it is abstained from an answer where evidence `is_needed`.
    What the question names and no passage does, `unnamed`, leaves it open where the judge has not weighed
    that and is not certain of a passage.
    """
    given = grounding.abstain_below
    if judgement is None:
        if not is_needed:
            return None
        message = "There is no passage to rest an answer on."
        return Abstention(AbstentionReason.NO_EVIDENCE, 0.0, given or 0.0, message)
    threshold = judgement.threshold if given is None else given
    is_open = bool(unnamed) and not is_weighed and given != 0 and judgement.score < judgement.certain
    if judgement.score >= threshold and not is_open:
        return None
    if unnamed:
        message = f"No passage names {' or '.join(f'“{name}”' for name in unnamed)}."
        least = min(judgement.certain, 1.0) if is_open else threshold
        return Abstention(AbstentionReason.NOT_NAMED, judgement.score, least, message)
    message = "The passages do not bear on the question enough to answer it."
    return Abstention(AbstentionReason.WEAK_EVIDENCE, judgement.score, threshold, message)


def decided(decision: Decision) -> Abstention | None:
    """Why nothing is answered where that was decided; None where it was not."""
    if decision.action is AnswerAction.ANSWER:
        return None
    likely = decision.probabilities[decision.action]
    answering = decision.probabilities[AnswerAction.ANSWER]
    if decision.action is AnswerAction.SEARCH:
        message = "The passages are about the question and do not answer it; search again in other words."
        return Abstention(AbstentionReason.SEARCH_AGAIN, answering, likely, message)
    message = "Nothing that was found bears on the question."
    return Abstention(AbstentionReason.WEAK_EVIDENCE, answering, likely, message)


def after(verdicts: Sequence[Verdict], supported: float | None, grounding: Grounding) -> Abstention | None:
    """Why an answer is taken back, by its verdicts and the `supported` share of its claims; None where it
    stands.
    """
    if supported is None or grounding.abstain_below == 0:
        return None
    if supported < LEAST_SUPPORTED:
        message = "The passages do not support most of what was written; do not rely on it."
        return Abstention(AbstentionReason.UNSUPPORTED_ANSWER, supported, LEAST_SUPPORTED, message)
    fits = [one.answers_question for one in verdicts if one.answers_question is not None]
    if fits and {QuestionFit.ECHO, QuestionFit.OTHER_KIND} >= set(fits):
        message = "What was written does not answer the question."
        return Abstention(AbstentionReason.NO_ANSWER, 0.0, 1 / len(fits), message)
    return None


def from_nothing() -> Abstention:
    """Where nothing that was written is supported, and none of it is shown."""
    message = "The passages support nothing of what was written."
    return Abstention(AbstentionReason.UNSUPPORTED_ANSWER, 0.0, LEAST_SUPPORTED, message)
