"""Verdicts on claims that are not supported: in what these disagree, and by which words."""

from __future__ import annotations

import numpy as np
from support.each import each
from tieback.core.call import NO_CALL
from tieback.core.types.generation import CheckedClaims, CheckGroundingRequest, GroundingCheck
from tieback.grounding import ClaimChecker
from tieback.grounding.disagreement import Disagreements
from tieback.methods.grounding import Passage, TokenMark
from tieback_contract.claims import Disagreement, Verdict, VerdictLabel
from tieback_contract.generation import Evidence
from tieback_contract.method_choice import MethodChoice

BRIDGE = Evidence(
    "The toll of the bridge is two crowns. It was raised by Anna Berg in May 2019.", "bridge", item_id="b"
)
FERRY = Evidence("Interns of the ferry are not paid for night duty. Dogs travel free.", "ferry")


async def verdict(
    checker: ClaimChecker, text: str, claim: str = "", method: MethodChoice | None = None
) -> Verdict:
    begin = len(text[: text.index(claim or text)].encode())
    spans = [(begin, begin + len((claim or text).encode()))]
    asked = GroundingCheck(text, [BRIDGE, FERRY], spans)
    [found] = (await checker.check_grounding(CheckGroundingRequest([asked], checker=method), NO_CALL)).results
    assert isinstance(found, CheckedClaims)
    return found.verdicts[0]


def words(text: str, one: Verdict) -> list[str]:
    return [text.encode()[slice(*span)].decode() for span in one.marked]


@each(
    "text, kind, marked, instead",
    [
        ("The toll of the bridge is three crowns.", Disagreement.NUMBER, ["three"], "two"),
        ("It was raised by Anna Berg in May 2012.", Disagreement.DATE, ["2012"], "2019"),
        ("It was raised by Jonas Lind in May 2019.", Disagreement.NAME, ["Jonas Lind"], "Anna Berg"),
        ("Interns of the ferry are paid for night duty.", Disagreement.NEGATION, ["paid"], "not"),
        ("Dogs of the captain travel free.", Disagreement.NOT_MENTIONED, ["captain"], None),
        ("Dogs travel by night free of toll.", Disagreement.OTHER_SOURCE, ["night", "toll"], "toll"),
    ],
)
async def test_a_verdict_names_what_disagrees_marks_the_words_and_shows_what_a_passage_says_instead(
    checker: ClaimChecker, text: str, kind: Disagreement, marked: list[str], instead: str | None
) -> None:
    one = await verdict(checker, text, method=MethodChoice("verbatim"))

    assert one.label is VerdictLabel.UNSUPPORTED
    assert (one.disagreement, words(text, one)) == (kind, marked)
    assert (one.compared is None) == (instead is None)
    if one.compared is not None and one.compared.differs is not None:
        passage = {source.id: source.text for source in (BRIDGE, FERRY)}[one.compared.evidence_id]
        assert passage.encode()[slice(*one.compared.differs)].decode() == instead
        assert passage.encode()[slice(*one.compared.span)].decode() == one.compared.text


async def test_a_contradicted_claim_disagrees_with_the_sentence_that_it_cites(checker: ClaimChecker) -> None:
    one = await verdict(checker, "The toll of the bridge is three crowns.")

    assert (one.label, one.disagreement) == (VerdictLabel.CONTRADICTED, Disagreement.NUMBER)
    assert one.compared is not None
    assert (one.compared.evidence_id, one.compared.span) == ("bridge", (0, 37))


def test_what_is_contradicted_in_other_words_is_called_a_statement() -> None:
    passage = Passage("Anna Berg follows Jonas Lind.", [(0, 29)], np.zeros((1, 1), np.float32))

    found = Disagreements([passage]).of("Jonas Lind follows Anna Berg.", (0, 0), contradicts=True)

    assert (found.kind, found.place) == (Disagreement.STATEMENT, (0, 0))


async def test_marks_are_bytes_of_the_whole_text(checker: ClaimChecker) -> None:
    text = "Größe: «The toll of the bridge is three crowns», heißt es."

    one = await verdict(checker, text, "The toll of the bridge is three crowns")

    assert words(text, one) == ["three"]


async def test_what_is_supported_or_not_checked_has_no_marks(checker: ClaimChecker) -> None:
    for text in ("The toll of the bridge is two crowns.", "Is the toll three crowns?"):
        one = await verdict(checker, text)

        assert (one.disagreement, one.marked, one.compared) == (None, (), None)


async def test_what_is_said_in_other_words_and_figures_is_not_marked(checker: ClaimChecker) -> None:
    """A word in another form, a written number in digits, and a number in round figures are no difference."""
    one = await verdict(checker, "Raising the tolls of 2 bridges took crowns from dogs, says the pilot.")

    assert words("Raising the tolls of 2 bridges took crowns from dogs, says the pilot.", one) == [
        "took", "says the pilot",
    ]  # fmt: skip


async def test_where_a_passage_was_left_out_nothing_is_said_of_what_the_passages_have(
    checker: ClaimChecker,
) -> None:
    german = Evidence("Die Maut der Brücke ist drei Kronen, und die Hunde reisen frei.", "kahn")
    text = "The toll of the bridge is three crowns."

    [found] = (
        await checker.check_grounding(
            CheckGroundingRequest([GroundingCheck(text, [BRIDGE, german])]), NO_CALL
        )
    ).results

    assert isinstance(found, CheckedClaims)
    assert [(one.disagreement, one.marked) for one in found.verdicts] == [(None, ())]


def test_marks_of_a_network_are_taken_for_words_and_exact_numbers_are_kept() -> None:
    text = "Interns of the ferry sleep on 3 boats."
    passage = Passage(FERRY.text, [(0, len(FERRY.text))], np.zeros((1, 1), np.float32))
    by_words = Disagreements([passage]).of(text, (0, 0), contradicts=False)
    marks = [TokenMark((0, 7), 0.9), TokenMark((21, 26), 0.2)]

    read = Disagreements([passage]).of(text, (0, 0), contradicts=False, marks=marks)

    assert [text[slice(*span)] for span in by_words.marked] == ["sleep on 3 boats"]
    assert [text[slice(*span)] for span in read.marked] == ["Interns", "3"]
