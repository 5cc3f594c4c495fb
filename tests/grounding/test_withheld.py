"""Claims that no verdict is given on, and why: languages, lengths, modalities, and what is exact."""

from __future__ import annotations

import subprocess
import sys

from support.each import each
from tieback.core.call import NO_CALL
from tieback.core.types.generation import CheckedClaims, CheckGroundingRequest, GroundingCheck
from tieback.grounding import ClaimChecker
from tieback.grounding.claim_check import LONGEST_CLAIM
from tieback.grounding.languages import is_foreign
from tieback_contract.claims import NotCheckedReason, VerdictLabel
from tieback_contract.generation import Evidence
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

HARBOUR = Evidence("In the harbour the tide rises twice a day. Boats wait for it.", "harbour")
HAFEN = Evidence("Im Hafen steigt das Wasser zweimal am Tag. Die Boote warten darauf.", "hafen")
PHOTO = Evidence("", "photo", modality=Modality.IMAGE)
CLAIM = "The tide rises twice a day."


async def verdict(checker: ClaimChecker, text: str, *evidence: Evidence) -> tuple[VerdictLabel, object]:
    [found] = (
        await checker.check_grounding(
            CheckGroundingRequest([GroundingCheck(text, evidence, [(0, len(text.encode()))])]), NO_CALL
        )
    ).results
    assert isinstance(found, CheckedClaims)
    [one] = found.verdicts
    return one.label, one.reason


@each(
    "text, evidence, reason",
    [
        (CLAIM, (), NotCheckedReason.NO_PASSAGES),
        (CLAIM, (PHOTO,), NotCheckedReason.NO_TEXT),
        (CLAIM, (HAFEN, PHOTO), NotCheckedReason.LANGUAGE),
        ("Das Wasser steigt zweimal am Tag.", (HAFEN, HARBOUR), NotCheckedReason.LANGUAGE),
        ("Is it high?", (HARBOUR,), NotCheckedReason.STATES_NOTHING),
        ("So it is.", (HARBOUR,), NotCheckedReason.STATES_NOTHING),
        ("The tide rises twice a day. " * (LONGEST_CLAIM // 20), (HARBOUR,), NotCheckedReason.TOO_LONG),
    ],
)
async def test_a_claim_that_cannot_be_checked_says_why(
    checker: ClaimChecker, text: str, evidence: tuple[Evidence, ...], reason: NotCheckedReason
) -> None:
    assert await verdict(checker, text, *evidence) == (VerdictLabel.NOT_CHECKED, reason)


async def test_passages_in_other_languages_are_left_out_and_citations_name_those_that_were_read(
    checker: ClaimChecker,
) -> None:
    [found] = (
        await checker.check_grounding(
            CheckGroundingRequest([GroundingCheck(CLAIM, [HAFEN, PHOTO, HARBOUR])]), NO_CALL
        )
    ).results

    assert isinstance(found, CheckedClaims)
    assert [one.label for one in found.verdicts] == [VerdictLabel.SUPPORTED]
    assert [one.evidence_id for one in found.citations] == ["harbour"]


async def test_nothing_is_unsupported_where_a_passage_was_left_out_that_may_support_it(
    checker: ClaimChecker,
) -> None:
    elsewhere = "Bread is baked at 220 degrees."

    assert (await verdict(checker, elsewhere, HARBOUR))[0] is VerdictLabel.UNSUPPORTED
    assert await verdict(checker, elsewhere, HARBOUR, HAFEN) == (
        VerdictLabel.NOT_CHECKED,
        NotCheckedReason.LANGUAGE,
    )


async def test_a_checker_of_characters_knows_every_language(checker: ClaimChecker) -> None:
    asked = GroundingCheck("Die Boote warten darauf.", [HAFEN])

    [found] = (
        await checker.check_grounding(
            CheckGroundingRequest([asked], checker=MethodChoice("verbatim")), NO_CALL
        )
    ).results

    assert isinstance(found, CheckedClaims)
    assert [one.label for one in found.verdicts] == [VerdictLabel.SUPPORTED]


@each(
    "text, is_other",
    [
        ("Les stagiaires ne sont pas payés pour l'astreinte.", True),
        ("Die Donau ist 2850 km lang.", True),
        ("潮は一日に二回満ちる。", True),
        ("Прилив поднимается дважды в день.", True),
        ("Interns are not paid for on-call.", False),
        ("Jonas Lindqvist is 2021.", False),
        ("Schadenfreude is a German word.", False),
        (
            "Mauna Kea (/ˌmɔːnə ˈkeɪ.ə/, Hawaiian: [ˈmɐwnə ˈkɛjə]) is a volcano on the island of Hawaii.",
            False,
        ),
        ("Die Donau (Danube (river) in English; it is long, and many ships are on it) ist lang.", True),
        (
            "Überblick über die Räte und Ämter der Stadt. The city has 14 offices that anyone may visit.",
            False,
        ),
        ("(潮は一日に二回満ちる。)", True),
        ("x = 3.", False),
        ("Takes precedence over `no_color`.", False),
        ("Cortese di Gavi cannot yield more than 100 quintals per hectare.", False),
        ("Die Option `no_color` hat Vorrang vor max_tokens.", True),
        ("", False),
    ],
)
def test_a_text_is_foreign_where_it_is_certain(text: str, is_other: bool) -> None:
    assert is_foreign(text) is is_other


def test_capitals_are_of_the_language_that_they_are_written_in() -> None:
    assert not is_foreign("THE TIDE RISES TWICE A DAY IN THE HARBOUR.")
    assert is_foreign("IM HAFEN STEIGT DAS WASSER ZWEIMAL AM TAG.")
    assert is_foreign("ВОДА ПОДНИМАЕТСЯ ДВА РАЗА В ДЕНЬ.")


def test_no_client_of_the_web_is_loaded_to_tell_a_language() -> None:
    program = (
        "import sys; from tieback.grounding.languages import is_foreign; "
        "assert is_foreign('Die Boote warten darauf.'); assert 'requests' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
