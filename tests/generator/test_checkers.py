"""Checkers of claims, on planted examples with a real encoder's vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.each import each
from tieback.catalog.catalog import Catalog
from tieback.core.text.sentences import sentences
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.methods.answerability.relevance import THRESHOLD, window_relevance
from tieback.methods.grounding import (
    SUMMARY,
    Finding,
    Passage,
    Statement,
    Support,
    checkers,
    is_learned,
    words_of,
)
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback_contract.claims import VerdictLabel
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

RIVER = (
    "The Danube rises in the Black Forest of Germany and flows for some 2,850 kilometres to the Black Sea. "
    "For centuries it was the frontier of the Roman Empire. Since 1992 a canal has joined it to the Rhine."
)
LEAVE = (
    "To take leave, an employee must file a request at least 14 days in advance. Requests are approved by "
    "the team lead. Leave is not paid out in cash."
)
Embed = Callable[[str], np.ndarray]

WITHOUT_STATE = [name for name in checkers.names() if not is_learned(name)]


@pytest.fixture(scope="module")
def embed() -> Embed:
    cards = {card.name: card for card in Catalog.load().encoders()}
    model = load_encoder(cards["all-minilm-l6-v2"], Store())

    def one(text: str) -> np.ndarray:
        prepared = model.prepare(Content(Modality.TEXT, text), EncodePlan(), Limits())
        dense = model.run([prepared], EncodePlan())[0].dense
        assert dense is not None
        return dense

    return one


def passage(text: str, embed: Embed) -> Passage:
    spans = sentences(text)
    assert text.isascii()  # so that characters are bytes
    return Passage(text, spans, np.stack([embed(text[begin:end]) for begin, end in spans]))


@pytest.fixture(scope="module")
def check(embed: Embed) -> Callable[[str], Finding]:
    passages = [passage(RIVER, embed), passage(LEAVE, embed)]
    return lambda claim: checkers.configure("lexical_embedding")(Statement(claim, embed(claim)), passages, {})


@each(
    "claim, label",
    [
        ("The Danube is 2850 kilometres long.", VerdictLabel.SUPPORTED),
        ("The Danube begins in Germany's Black Forest.", VerdictLabel.SUPPORTED),
        ("A canal has connected the Danube with the Rhine since 1992.", VerdictLabel.SUPPORTED),
        ("Employees must file requests fourteen days in advance.", VerdictLabel.SUPPORTED),
        ("Leave is not paid out in cash.", VerdictLabel.SUPPORTED),
        ("The Danube flows for 1,850 kilometres to the Black Sea.", VerdictLabel.CONTRADICTED),
        ("Since 1972 a canal has joined it to the Rhine.", VerdictLabel.CONTRADICTED),
        ("The Danube does not flow to the Black Sea.", VerdictLabel.CONTRADICTED),
        ("Leave is paid out in cash.", VerdictLabel.CONTRADICTED),
        ("An employee must file a request at least 30 days in advance.", VerdictLabel.CONTRADICTED),
        ("The Danube is home to many species of fish.", VerdictLabel.UNSUPPORTED),
        ("The Danube flows through Paris.", VerdictLabel.UNSUPPORTED),
        ("Mozart was born in Salzburg.", VerdictLabel.UNSUPPORTED),
        ("Yes, it is.", VerdictLabel.NOT_CHECKED),
        ("…", VerdictLabel.NOT_CHECKED),
    ],
)
def test_a_claim_gets_the_verdict_that_a_reader_would_give(
    check: Callable[[str], Finding], claim: str, label: VerdictLabel
) -> None:
    assert check(claim).label is label


def test_the_best_passage_and_its_sentence_are_found(check: Callable[[str], Finding]) -> None:
    river, leave = check("For centuries the river was the frontier of the Roman Empire.").passages

    assert river.score > 0.7 > leave.score
    assert river.span is not None
    assert RIVER[slice(*river.span)] == "For centuries it was the frontier of the Roman Empire."


@pytest.mark.parametrize(
    ("claim", "label"),
    [
        ("The book consists of three volumes.", VerdictLabel.SUPPORTED),
        ("The book has 10 chapters.", VerdictLabel.SUPPORTED),
        ("The book has 10 volumes.", VerdictLabel.CONTRADICTED),
    ],
)
def test_a_number_belongs_to_what_it_counts(claim: str, label: VerdictLabel, embed: Embed) -> None:
    passages = [passage("The book consists of three volumes and ten chapters.", embed)]

    assert (
        checkers.configure("lexical_embedding")(Statement(claim, embed(claim)), passages, {}).label is label
    )


@pytest.mark.parametrize("name", WITHOUT_STATE)
def test_every_checker_finds_support_between_0_and_1_for_each_passage(name: str, embed: Embed) -> None:
    claim = "2,850, or 1992: the Danube."

    passages = [passage(RIVER, embed), passage(LEAVE, embed)]
    finding = checkers.configure(name)(Statement(claim, embed(claim)), passages, {})

    assert len(finding.passages) == 2
    assert all(0 <= support.score <= 1 for support in finding.passages)


@pytest.mark.parametrize("name", WITHOUT_STATE)
def test_every_checker_finds_nothing_without_passages(name: str, embed: Embed) -> None:
    finding = checkers.configure(name)(Statement("The Danube is long.", embed("The Danube is long.")), [], {})

    assert finding == Finding(VerdictLabel.UNSUPPORTED, 0.0, [])


@each(
    "label, cited",
    [
        (VerdictLabel.SUPPORTED, [1, 0]),
        (VerdictLabel.CONTRADICTED, [2]),
        (VerdictLabel.UNSUPPORTED, []),
        (VerdictLabel.NOT_CHECKED, []),
    ],
)
def test_a_claim_rests_on_the_passages_that_support_it_or_say_otherwise(
    label: VerdictLabel, cited: list[int]
) -> None:
    supports = [Support(0.6, (0, 5)), Support(0.9, (0, 7)), Support(0.3, (2, 9), True)]

    found = checkers.form(SUMMARY, "lexical_embedding")(Finding(label, 0.9, supports))

    assert found == cited


@pytest.mark.parametrize(
    ("question", "answerable"),
    [
        ("How long is the Danube?", True),
        ("Who approves a request for leave?", True),
        ("Can I get money instead of leave?", True),
        ("Who painted the Mona Lisa?", False),
        ("How do I bake sourdough bread?", False),
    ],
)
def test_passages_bear_on_a_question_that_they_can_answer(
    embed: Embed, question: str, answerable: bool
) -> None:
    passages = [passage(RIVER, embed), passage(LEAVE, embed)]

    best = max(window_relevance(words_of(question), embed(question), passage).max() for passage in passages)

    assert bool(best >= THRESHOLD) is answerable


def test_numbers_are_the_same_however_they_are_written() -> None:
    assert words_of("1,000 and 3.50 and twelve and 007").numbers == ("1000", "3.5", "12", "7")


def test_a_negation_covers_the_words_after_it() -> None:
    assert words_of("The bridge isn't open today.").negated == {"open", "today"}
