"""A checker of the user's own behind the grounding service: its model decides, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support import bag_of_words
from support.own_checker import (
    CLAIM,
    EVIDENCE,
    NLI_LABELS,
    bare_probabilities,
    checker_card,
    save_checker,
    served_checker,
)
from tieback.batching import BatchReport
from tieback.catalog.checker_card import CheckerCard
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, NotFound, Overloaded
from tieback.core.types.generation import CheckedClaims, CheckGroundingRequest, GroundingCheck
from tieback.encoder import Encoder
from tieback.grounding import Checkers, ClaimChecker, OwnChecker
from tieback.grounding.card_checker import CardChecker
from tieback.grounding.claim_reading import BatchedReader
from tieback.models.store import Store
from tieback.models.text.claim_classifier import ClaimClassifierModel
from tieback_contract.claims import NotCheckedReason, VerdictLabel
from tieback_contract.generation import Evidence
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice

OWN = MethodChoice("own-checker")
SENTENCES = ("The owl flies at night.", "The wren sleeps in the barn.", "The old owl does sleep by day.")
LONG = " ".join(SENTENCES * 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checker") / "own"


@pytest.fixture(scope="module")
def torch_model(folder: Path) -> torch.nn.Module:
    return save_checker(folder)


@pytest.fixture(scope="module")
def model(folder: Path, torch_model: torch.nn.Module) -> ClaimClassifierModel:
    return served_checker(checker_card(folder, max_tokens=64), Store(folder.parent / "store"))


CARDS: dict[int, CheckerCard] = {}
"""Of each model the card that it was loaded with."""


class Checked:
    """The service with that checker, under changes of its card; `batches` have run."""

    def __init__(self, model: ClaimClassifierModel, encoder: Encoder, **changes: Any) -> None:
        self.batches: list[BatchReport] = []
        limits = changes.pop("limits", Limits())
        default = changes.pop("default", "")
        model.card = CARDS.setdefault(id(model), model.card).model_copy(update=changes)
        reader = BatchedReader(model, limits=limits, batch_tokens=4096, on_batch=self.batches.append)
        self.own = CardChecker(reader)
        checkers = Checkers(own={OWN.name: OwnChecker(self.own, "rev")}, default=default)
        self.service = ClaimChecker(encoder, space="bag-of-words", checkers=checkers)

    async def check(
        self,
        text: str,
        *passages: str,
        checker: MethodChoice | None = OWN,
        question: str = "",
        call: Call = NO_CALL,
    ) -> CheckedClaims:
        evidence = [Evidence(passage, str(place)) for place, passage in enumerate(passages)]
        asked = GroundingCheck(text, evidence, question=question)
        [result] = (
            await self.service.check_grounding(CheckGroundingRequest([asked], checker=checker), call)
        ).results
        if isinstance(result, Exception):
            raise result
        return result


@pytest.fixture
async def encoder(tmp_path: Path) -> AsyncIterator[Encoder]:
    made = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])
    yield made
    await made.close()


@pytest.fixture
async def checked(model: ClaimClassifierModel, encoder: Encoder) -> AsyncIterator[Checked]:
    made = Checked(model, encoder)
    yield made
    await made.own.close()


def support(folder: Path, model: torch.nn.Module, evidence: str, claim: str = CLAIM) -> list[float]:
    return bare_probabilities(folder, model, evidence, claim)


async def test_the_score_of_a_verdict_is_the_probability_of_the_bare_model(
    checked: Checked, folder: Path, torch_model: torch.nn.Module
) -> None:
    claims = ("The owl sleeps by day.", "The wren flies.", "The barn is old.")
    found = await checked.check(" ".join(claims), EVIDENCE)

    for claim, verdict in zip(claims, found.verdicts, strict=True):
        expected = support(folder, torch_model, EVIDENCE, claim)
        assert verdict.score == pytest.approx(expected[0], abs=1e-4)
        label = (
            VerdictLabel.SUPPORTED
            if expected[0] >= 0.5
            else VerdictLabel.CONTRADICTED
            if expected[1] >= 0.5
            else VerdictLabel.UNSUPPORTED
        )
        assert verdict.label is label
        assert (verdict.checker, verdict.checker_revision) == ("own-checker", "rev")
    assert len({round(one.score, 3) for one in found.verdicts}) == len(claims)


async def test_claims_of_a_text_are_computed_together_and_not_again(checked: Checked) -> None:
    text = "The owl flies. The wren sleeps. The barn is old. The day predicts nothing."

    first = await checked.check(text, EVIDENCE, *SENTENCES)
    again = await checked.check(text, EVIDENCE, *SENTENCES)
    await checked.own.close()  # batches are told by the worker, after their results

    assert sum(one.items for one in checked.batches) == 4 * 4
    assert len(checked.batches) < 4
    assert again.verdicts == first.verdicts


async def test_a_threshold_decides_what_is_a_tick_and_a_request_may_choose_it(
    checked: Checked, folder: Path, torch_model: torch.nn.Module
) -> None:
    score = support(folder, torch_model, EVIDENCE, f"{CLAIM}.")[0]

    for threshold, label in ((score - 0.01, VerdictLabel.SUPPORTED), (score + 0.01, None)):
        choice = MethodChoice("own-checker", {"threshold": threshold})
        [verdict] = (await checked.check(f"{CLAIM}.", EVIDENCE, checker=choice)).verdicts
        assert (verdict.label is VerdictLabel.SUPPORTED) is (label is not None)

    for parameters, told, field in (
        ({"precision": 0.9}, "its parameters are: threshold", "checker.parameters.precision"),
        ({"threshold": 2}, "from 0 to 1", "checker.parameters.threshold"),
        ({"threshold": True}, "from 0 to 1", "checker.parameters.threshold"),
    ):
        with pytest.raises(InvalidInput, match=told) as raised:
            await checked.check(CLAIM, EVIDENCE, checker=MethodChoice("own-checker", parameters))
        assert str(raised.value.field) == field


async def test_what_is_neither_supported_nor_unlikely_has_low_confidence(
    model: ClaimClassifierModel, encoder: Encoder
) -> None:
    made = Checked(model, encoder, threshold=1.0, contradicted_from=1.0, unsupported_below=0.0)

    [verdict] = (await made.check(CLAIM, EVIDENCE)).verdicts

    assert verdict.label is VerdictLabel.LOW_CONFIDENCE
    assert verdict.nearest is not None
    await made.own.close()


async def test_long_evidence_is_read_in_windows_of_sentences_that_the_card_combines(
    model: ClaimClassifierModel, encoder: Encoder, folder: Path, torch_model: torch.nn.Module
) -> None:
    alone = [support(folder, torch_model, one, f"{CLAIM}.") for one in SENTENCES]
    passage = " ".join(SENTENCES)

    for windows, expected in (("max", max), ("min", min), ("mean", lambda of: sum(of) / len(of))):
        made = Checked(model, encoder, window_tokens=9, windows=windows, threshold=0.0)
        found = await made.check(f"{CLAIM}.", passage)
        assert found.verdicts[0].score == pytest.approx(expected([one[0] for one in alone]), abs=1e-4)
        await made.own.close()
    best = max(range(len(SENTENCES)), key=lambda place: alone[place][0])
    begin = passage.index(SENTENCES[best])
    assert found.citations[0].span == (begin, begin + len(SENTENCES[best]))


async def test_contradiction_counts_by_the_cards_aggregation(
    model: ClaimClassifierModel, encoder: Encoder, folder: Path, torch_model: torch.nn.Module
) -> None:
    alone = [support(folder, torch_model, one, f"{CLAIM}.")[1] for one in SENTENCES]
    between = (min(alone) + max(alone)) / 2

    for windows, label in (("max", VerdictLabel.CONTRADICTED), ("min", VerdictLabel.UNSUPPORTED)):
        made = Checked(
            model, encoder, window_tokens=9, contradicted_windows=windows, threshold=1.0,
            contradicted_from=between,
        )  # fmt: skip
        found = await made.check(f"{CLAIM}.", " ".join(SENTENCES))
        assert found.verdicts[0].label is label
        await made.own.close()


async def test_a_passage_that_supports_is_cited_with_its_sentence(
    model: ClaimClassifierModel, encoder: Encoder, folder: Path, torch_model: torch.nn.Module
) -> None:
    alone = [support(folder, torch_model, one, f"{CLAIM}.")[0] for one in SENTENCES]
    made = Checked(model, encoder, threshold=max(alone) - 1e-3)

    found = await made.check(f"{CLAIM}.", *SENTENCES)

    best = max(range(len(SENTENCES)), key=lambda place: alone[place])
    assert [(one.evidence_id, one.span) for one in found.citations] == [
        (str(best), (0, len(SENTENCES[best])))
    ]
    assert found.citations[0].support == pytest.approx(max(alone), abs=1e-4)
    assert found.supported_share == 1.0
    await made.own.close()


async def test_passages_are_read_together_where_the_card_says_so(
    model: ClaimClassifierModel, encoder: Encoder, folder: Path, torch_model: torch.nn.Module
) -> None:
    together = support(folder, torch_model, "\n\n".join(SENTENCES), f"{CLAIM}.")
    made = Checked(model, encoder, passages="together", threshold=0.0)

    found = await made.check(f"{CLAIM}.", *SENTENCES)

    assert found.verdicts[0].score == pytest.approx(together[0], abs=1e-4)
    assert {one.evidence_id for one in found.citations} <= {"0", "1", "2"}
    assert len(found.citations) > 1
    await made.own.close()


async def test_a_checker_may_be_the_default_and_a_wrong_name_lists_the_choices(
    model: ClaimClassifierModel, encoder: Encoder
) -> None:
    made = Checked(model, encoder, default="own-checker")

    assert (await made.check(CLAIM, EVIDENCE, checker=None)).verdicts[0].checker == "own-checker"
    with pytest.raises(NotFound, match=r"own-check'.*own-checker.*verbatim"):
        await made.check(CLAIM, EVIDENCE, checker=MethodChoice("own-check"))
    await made.own.close()


async def test_what_states_nothing_or_leaves_no_room_is_not_checked(checked: Checked) -> None:
    for text, reason in (
        ("!!", NotCheckedReason.STATES_NOTHING),
        ("does the owl fly?", NotCheckedReason.STATES_NOTHING),
        ("owl " * 60, NotCheckedReason.TOO_LONG),
    ):
        [verdict] = (await checked.check(text, EVIDENCE)).verdicts
        assert (verdict.label, verdict.reason) == (VerdictLabel.NOT_CHECKED, reason)
    [verdict] = (await checked.check(CLAIM)).verdicts
    assert verdict.reason is NotCheckedReason.NO_PASSAGES


async def test_a_text_of_another_language_is_the_models_to_read(checked: Checked) -> None:
    [verdict] = (await checked.check("Die Eule schläft am Tag.", "Die Eule fliegt in der Nacht.")).verdicts

    assert verdict.label is not VerdictLabel.NOT_CHECKED


async def test_too_much_or_too_late_is_refused_as_everywhere(
    model: ClaimClassifierModel, encoder: Encoder
) -> None:
    made = Checked(model, encoder, limits=Limits(queued_tokens=20))

    with pytest.raises((InvalidInput, Overloaded)):
        await made.check(CLAIM, *(f"{one} {LONG}" for one in SENTENCES))
    with pytest.raises(DeadlineExceeded):
        await made.check(CLAIM, EVIDENCE, call=Call(Deadline.after(0.0)))
    await made.own.close()


def test_the_labels_of_the_tests_card_are_those_of_the_model() -> None:
    assert set(NLI_LABELS.values()) == {"supported", "contradicted", "unsupported"}
