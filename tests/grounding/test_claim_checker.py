"""The grounding service on a small encoder: which claims it takes, and what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support import bag_of_words
from support.each import each
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, NotFound
from tieback.core.recognised import joined
from tieback.core.types.generation import CheckedClaims, CheckGroundingRequest, GroundingCheck
from tieback.encoder import Encoder
from tieback.grounding import ClaimChecker
from tieback_contract.claims import VerdictLabel
from tieback_contract.generation import Evidence
from tieback_contract.limits import Limits
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

TEXT = "The tide rises twice a day. Is it high? The moon causes 3 tides."
HARBOUR = Evidence("In the harbour the tide rises twice a day. Boats wait for it.", "harbour", item_id="h")


@pytest.fixture
async def checker(tmp_path: Path) -> AsyncIterator[ClaimChecker]:
    encoder = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])
    yield ClaimChecker(encoder, space="bag-of-words", limits=Limits(batch_items=4, text_bytes=20_000))
    await encoder.close()


async def checked(checker: ClaimChecker, one: GroundingCheck) -> CheckedClaims:
    result = (await checker.check_grounding(CheckGroundingRequest([one]), NO_CALL)).results[0]
    assert isinstance(result, CheckedClaims)
    return result


async def refused(checker: ClaimChecker, one: GroundingCheck) -> InvalidInput:
    good = GroundingCheck(TEXT, [HARBOUR])
    result, other = (await checker.check_grounding(CheckGroundingRequest([one, good]), NO_CALL)).results
    assert isinstance(other, CheckedClaims), "the good one is checked all the same"
    assert isinstance(result, InvalidInput)
    return result


async def test_each_sentence_is_a_claim_with_a_verdict_and_a_supported_one_is_cited(
    checker: ClaimChecker,
) -> None:
    found = await checked(checker, GroundingCheck(TEXT, [HARBOUR]))

    assert [claim.text for claim in found.claims] == [
        "The tide rises twice a day.", "Is it high?", "The moon causes 3 tides.",
    ]  # fmt: skip
    assert all(TEXT.encode()[slice(*claim.span)].decode() == claim.text for claim in found.claims)
    assert [(one.claim_id, one.label) for one in found.verdicts] == [
        (1, VerdictLabel.SUPPORTED), (2, VerdictLabel.NOT_CHECKED), (3, VerdictLabel.UNSUPPORTED),
    ]  # fmt: skip
    assert found.supported_share == 0.5
    [citation] = found.citations
    assert (citation.claim_id, citation.evidence_id, citation.item_id) == (1, "harbour", "h")
    assert citation.span is not None
    assert HARBOUR.text[slice(*citation.span)] == "In the harbour the tide rises twice a day."


async def test_what_rests_on_recognised_words_is_cited_by_their_place_in_the_photo_or_the_sound(
    checker: ClaimChecker,
) -> None:
    sign = Locator(LocatorKind.BOX, (0.25, 0.5, 0.5, 0.125))
    heading = Locator(LocatorKind.BOX, (0.0, 0.0, 1.0, 0.25))
    photo = joined([[("Harbour office", heading, 1.0)], [("The tide rises twice a day.", sign, 0.9)]])
    said = joined([[("The tide rises twice a day.", Locator(LocatorKind.TIME_RANGE, (2.0, 4.5)), 1.0)]])
    passages = [
        Evidence(photo.text, "photo", modality=Modality.IMAGE, segments=photo.segments),
        Evidence(said.text, "sound", modality=Modality.AUDIO, segments=said.segments),
    ]

    found = await checked(checker, GroundingCheck("The tide rises twice a day.", passages))

    places = {one.evidence_id: (one.region, one.time) for one in found.citations}
    assert places == {"photo": (sign.place, None), "sound": (None, (2.0, 4.5))}


async def test_claims_can_be_given_as_bytes_of_the_text(checker: ClaimChecker) -> None:
    text = "Größe: the tide rises twice a day, they say."
    begin = text.encode().index(b"the tide")
    end = text.encode().index(b", they")

    found = await checked(checker, GroundingCheck(text, [HARBOUR], [(begin, end)]))

    assert [claim.text for claim in found.claims] == ["the tide rises twice a day"]
    assert [one.label for one in found.verdicts] == [VerdictLabel.SUPPORTED]


async def test_without_passages_the_claims_are_found_and_not_checked(checker: ClaimChecker) -> None:
    found = await checked(checker, GroundingCheck(TEXT, []))

    assert len(found.claims) == 3
    assert {one.label for one in found.verdicts} == {VerdictLabel.NOT_CHECKED}
    assert found.supported_share is None


@each(
    "one, field, words",
    [
        (GroundingCheck("", [HARBOUR]), "checks[0].text", "the text is empty"),
        (GroundingCheck(" \n", [HARBOUR]), "checks[0].text", "the text is empty"),
        (GroundingCheck("x" * 20_001, [HARBOUR]), "checks[0].text", "20001 bytes"),
        (GroundingCheck("Tides go. " * 600, [HARBOUR]), "checks[0].text", "600 sentences"),
        (GroundingCheck("\ud800 is odd.", [HARBOUR]), "checks[0].text", "surrogate"),
        (GroundingCheck(TEXT, [HARBOUR], [(0, 3), (5, 900)]), "checks[0].claims[1]", "bytes 5 to 900"),
        (GroundingCheck(TEXT, [HARBOUR], [(7, 7)]), "checks[0].claims[0]", "bytes 7 to 7"),
        (GroundingCheck("é is.", [HARBOUR], [(1, 3)]), "checks[0].claims[0]", "within a character"),
        (GroundingCheck(TEXT, [HARBOUR], [(3, 4)]), "checks[0].claims[0]", "empty"),
        (GroundingCheck(TEXT, [HARBOUR], [(0, 3)] * 513), "checks[0].claims", "513 claims"),
        (GroundingCheck(TEXT, [HARBOUR, HARBOUR]), "checks[0].evidence[1].id", "'harbour'"),
        (
            GroundingCheck(TEXT, [Evidence("One. Two. Three.", str(n)) for n in range(171)]),
            "checks[0].evidence",
            "513 sentences",
        ),
        (GroundingCheck(TEXT, [Evidence("x" * 20_001, "a")]), "checks[0].evidence[0].text", "20001 bytes"),
    ],
)
async def test_a_bad_check_fails_alone_with_the_place_of_its_fault(
    checker: ClaimChecker, one: GroundingCheck, field: str, words: str
) -> None:
    error = await refused(checker, one)

    assert str(error.field) == field
    assert words in error.message


async def test_a_call_without_checks_or_with_too_many_is_refused(checker: ClaimChecker) -> None:
    with pytest.raises(InvalidInput, match="nothing to check"):
        await checker.check_grounding(CheckGroundingRequest([]), NO_CALL)
    with pytest.raises(InvalidInput, match="5 checks and at most 4"):
        await checker.check_grounding(CheckGroundingRequest([GroundingCheck(TEXT, [HARBOUR])] * 5), NO_CALL)


async def test_a_checker_is_chosen_by_name_with_its_parameters(checker: ClaimChecker) -> None:
    strict = MethodChoice("lexical_embedding", {"supported": 1.0})

    [result] = (
        await checker.check_grounding(
            CheckGroundingRequest([GroundingCheck(TEXT, [HARBOUR])], checker=strict), NO_CALL
        )
    ).results

    assert isinstance(result, CheckedClaims)
    assert result.verdicts[0].label is VerdictLabel.UNSUPPORTED
    with pytest.raises(NotFound, match="lexical_embedding"):
        await checker.check_grounding(
            CheckGroundingRequest([GroundingCheck(TEXT, [HARBOUR])], checker=MethodChoice("none_such")),
            NO_CALL,
        )
    with pytest.raises(InvalidInput) as refusal:
        await checker.check_grounding(
            CheckGroundingRequest(
                [GroundingCheck(TEXT, [HARBOUR])], checker=MethodChoice("lexical_embedding", {"supported": 2})
            ),
            NO_CALL,
        )
    assert str(refusal.value.field).startswith("checker.parameters")


async def test_a_call_that_is_too_late_fails_as_a_whole(checker: ClaimChecker) -> None:
    with pytest.raises(DeadlineExceeded):
        await checker.check_grounding(
            CheckGroundingRequest([GroundingCheck(TEXT, [HARBOUR])]), Call(Deadline.after(0))
        )
