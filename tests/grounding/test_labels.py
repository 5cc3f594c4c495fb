"""Claims that something is in a photo or a sound are held against labels, and cited by box or time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from support.each import each
from tieback.core.call import NO_CALL
from tieback.core.recognised import joined, labelled, together
from tieback.core.types.generation import CheckedClaims, CheckGroundingRequest, GroundingCheck
from tieback.grounding import ClaimChecker
from tieback.methods.grounding import Passage, PassageLabel
from tieback.methods.grounding.labels import Presence, presence_of, windows_that_answer
from tieback_contract.claims import Citation, NotCheckedReason, Verdict, VerdictLabel
from tieback_contract.generation import Evidence
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.modality import Modality

LEFT = Locator(LocatorKind.BOX, (0.0, 0.0, 0.5, 0.5))
LATE = Locator(LocatorKind.TIME_RANGE, (2.0, 3.5))


def photo(*labels: tuple[str, float], name: str = "photo") -> Evidence:
    found = labelled([(text, LEFT, score) for text, score in labels])
    return Evidence(found.text, name, modality=Modality.IMAGE, segments=found.segments)


DOG = photo(("dog, domestic dog", 0.9), ("sofa, couch", 0.5))
BARKING = Evidence(
    (heard := labelled([("dog", LATE, 0.95)])).text,
    "clip",
    modality=Modality.AUDIO,
    segments=heard.segments,
)


async def verdict_of(
    checker: ClaimChecker, claim: str, evidence: Sequence[Evidence]
) -> tuple[Verdict, Sequence[Citation]]:
    (result,) = (
        await checker.check_grounding(CheckGroundingRequest([GroundingCheck(claim, evidence)]), NO_CALL)
    ).results
    assert isinstance(result, CheckedClaims)
    (verdict,) = result.verdicts
    return verdict, result.citations


@pytest.mark.parametrize(
    "claim",
    [
        "There is a dog in the photo.",
        "There's a domestic dog in this picture.",
        "The photo shows a dog.",
        "A dog is visible in the photo.",
        "This is a picture of a dog.",
        "Yes, there is a dog.",
        "dog",
    ],
)
async def test_a_label_supports_that_it_is_there_and_is_cited_by_its_box(
    checker: ClaimChecker, claim: str
) -> None:
    verdict, [citation] = await verdict_of(checker, claim, [DOG])

    assert (verdict.label, verdict.checker) == (VerdictLabel.SUPPORTED, "labels")
    assert verdict.score == pytest.approx(0.9)
    assert citation.region == pytest.approx((0.0, 0.0, 0.5, 0.5))


async def test_a_sounds_label_is_cited_by_its_time(checker: ClaimChecker) -> None:
    verdict, [citation] = await verdict_of(checker, "A dog can be heard in the recording.", [BARKING])

    assert verdict.label is VerdictLabel.SUPPORTED
    assert citation.time == (2.0, 3.5)


async def test_what_is_heard_does_not_support_that_it_is_seen(checker: ClaimChecker) -> None:
    verdict, cited = await verdict_of(checker, "There is a dog in the photo.", [BARKING])

    assert (verdict.label, list(cited)) == (VerdictLabel.UNSUPPORTED, [])


async def test_a_label_contradicts_that_it_is_not_there(checker: ClaimChecker) -> None:
    verdict, [citation] = await verdict_of(checker, "There is no dog in the photo.", [DOG])

    assert verdict.label is VerdictLabel.CONTRADICTED
    assert verdict.score == pytest.approx(0.1)
    assert citation.region == pytest.approx((0.0, 0.0, 0.5, 0.5))


@pytest.mark.parametrize("claim", ["There is a cat in the photo.", "There is no cat in the photo."])
async def test_an_absent_label_neither_supports_nor_contradicts(checker: ClaimChecker, claim: str) -> None:
    verdict, cited = await verdict_of(checker, claim, [DOG])

    assert (verdict.label, list(cited)) == (VerdictLabel.UNSUPPORTED, [])


async def test_an_unlikely_label_is_no_tick(checker: ClaimChecker) -> None:
    verdict, cited = await verdict_of(checker, "There is a sofa in the photo.", [DOG])

    assert (verdict.label, list(cited)) == (VerdictLabel.LOW_CONFIDENCE, [])


@pytest.mark.parametrize(
    "claim",
    [
        "There are two dogs in the photo.",
        "There is a brown dog in the photo.",
        "There are dogs in the photo.",
        "There is a dog asleep on the sofa.",
    ],
)
async def test_a_label_says_nothing_of_how_many_and_what_like(checker: ClaimChecker, claim: str) -> None:
    verdict, _ = await verdict_of(checker, claim, [DOG])

    assert verdict.label is VerdictLabel.UNSUPPORTED


@pytest.mark.parametrize("claim", ["The dog is asleep.", "The dog belongs to Mr Lee.", "Dogs like sofas."])
async def test_labels_alone_do_not_check_what_else_is_claimed(checker: ClaimChecker, claim: str) -> None:
    verdict, _ = await verdict_of(checker, claim, [DOG])

    assert (verdict.label, verdict.reason) == (VerdictLabel.NOT_CHECKED, NotCheckedReason.LABELS_ALONE)


async def test_what_is_written_beside_labels_is_checked_as_before(checker: ClaimChecker) -> None:
    written = joined([[("The shop opens at nine on Sunday.", LATE, 1.0)]])
    both = together([written, labelled([("dog", LEFT, 0.9)])])
    sign = Evidence(both.text, "sign", modality=Modality.IMAGE, segments=both.segments)

    by_words, _ = await verdict_of(checker, "The shop opens at nine on Sunday.", [DOG, sign])
    by_label, _ = await verdict_of(checker, "There is a dog in the photo.", [DOG, sign])
    claim = "The dog opens the shop on Monday."
    of_both, _ = await verdict_of(checker, claim, [sign])
    of_words, _ = await verdict_of(checker, claim, [Evidence(written.text, "sign")])

    assert (by_words.label, by_words.checker) == (VerdictLabel.SUPPORTED, "lexical_embedding")
    assert (by_label.label, by_label.checker) == (VerdictLabel.SUPPORTED, "labels")
    assert (of_both.label, of_both.score) == (of_words.label, of_words.score)


@each(
    "claim, stated",
    [
        ("There is no music in the recording.", Presence("music", is_there=False, is_heard=True)),
        ("The photo does not show a dog.", Presence("dog", is_there=False, is_heard=False)),
        ("No dog is visible.", Presence("dog", is_there=False)),
        ("No, there is a cat.", Presence("cat")),
        ("There are sunglasses.", Presence("sunglasses")),
        ("The dog sleeps.", None),
        ("Dogs are animals.", None),
    ],
)
def test_claims_of_what_is_there_are_read(claim: str, stated: Presence | None) -> None:
    assert presence_of(claim) == stated


def test_a_question_whether_something_is_there_is_answered_by_likely_labels() -> None:
    text = "sofa\n\ndog, hound"
    windows, vectors = [(0, 4), (6, 16)], np.zeros((2, 1), np.float32)
    labels = [PassageLabel((0, 4), 0.5, is_heard=False), PassageLabel((6, 16), 0.8, is_heard=False)]
    passages = [Passage("Dogs bark.", [(0, 10)], vectors[:1]), Passage(text, windows, vectors, (), labels)]

    assert windows_that_answer("Is there a dog in one of the photos?", passages) == [(1, 1)]
    assert windows_that_answer("Is there a sofa in the photo?", passages) == []
    assert windows_that_answer("Is there a dog in the recording?", passages) == []
    assert windows_that_answer("Where is the dog?", passages) == []


@pytest.mark.timeout(20)
@pytest.mark.parametrize("begins", ["no", "there's", "yes", "is there any", "a is in"])
def test_a_claim_of_blanks_is_read_in_time(begins: str) -> None:
    claim = begins + " " * 20_000 + "x"
    assert presence_of(claim) is None or begins == "there's"
    assert windows_that_answer(claim, []) == []
