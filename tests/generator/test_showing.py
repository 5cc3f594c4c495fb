"""Sentences that are dropped or written again, and claims that are checked before they are certain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import pytest
from generator.conftest import Answer, collect
from support import bag_of_words
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import InvalidInput
from tieback.encoder import Encoder
from tieback.generator import Generator
from tieback.generator.showing import CheckingAhead, Repairs, Rewrites, as_written, no_rewrites
from tieback.generator.writing.slots import Written
from tieback.grounding import Checkers, ClaimCheck, ClaimFinder, PassageReader
from tieback.methods.grounding import Statement
from tieback_contract.answers import Repair, TextDelta
from tieback_contract.claims import CheckEvent, Claim, Conflict, Repaired, Verdict, VerdictLabel
from tieback_contract.field_path import at
from tieback_contract.generation import Evidence, Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice

SOURCES = [Evidence("The bridge is open on Monday. The toll is two crowns.", "a")]
TRUE, FALSE, OTHER = (
    "The toll is two crowns.",
    "The mayor paints blue horses.",
    "The bridge is open on Monday.",
)
CHECKER = MethodChoice("verbatim")


@pytest.fixture
async def encoder(tmp_path: Path) -> AsyncIterator[Encoder]:
    encoder = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])
    yield encoder
    await encoder.close()


@pytest.fixture
async def checking(encoder: Encoder) -> CheckingAhead:
    reader = PassageReader(encoder, "bag-of-words")
    passages, _ = await reader.read(SOURCES, [], NO_DEADLINE)
    check = ClaimCheck(SOURCES, passages, Checkers().configured(CHECKER, at("checker")))
    return CheckingAhead(check, reader, "", NO_DEADLINE)


async def pieces(text: str) -> AsyncGenerator[Written, None]:
    """The text word by word, as a model writes it."""
    finder = ClaimFinder()
    for number, word in enumerate(text.split(" ")):
        part = f" {word}" if number else word
        yield Written(part, finder.add(part), None, pending=finder.pending)
        await asyncio.sleep(0)
    yield Written("", finder.end(), None)


async def repaired(text: str, checking: CheckingAhead, rewrites: Rewrites = no_rewrites) -> Answer:
    return Answer([event async for event in Repairs(checking, rewrites).events(pieces(text))])


def original(answer: Answer) -> str:
    """The unrepaired text, by the events alone."""
    text, written, at_byte = answer.text.encode(), "", 0
    for one in (event for event in answer.events if isinstance(event, Repaired)):
        written += text[at_byte : one.span[0]].decode() + one.text
        at_byte = one.span[1]
    return written + text[at_byte:].decode()


async def test_a_sentence_that_no_passage_supports_is_left_out(checking: CheckingAhead) -> None:
    answer = await repaired(f"{TRUE} {FALSE} {OTHER}", checking)

    assert answer.text == f"{TRUE} {OTHER}"
    assert {verdict.label for verdict in answer.verdicts} == {VerdictLabel.SUPPORTED}
    [gone] = [event for event in answer.events if isinstance(event, Repaired)]
    assert (gone.text, gone.span, gone.label) == (
        f" {FALSE}",
        (len(TRUE), len(TRUE)),
        VerdictLabel.UNSUPPORTED,
    )
    assert original(answer) == f"{TRUE} {FALSE} {OTHER}"


async def test_claims_of_a_repaired_text_are_numbered_and_placed_in_what_is_shown(
    checking: CheckingAhead,
) -> None:
    answer = await repaired(f"{FALSE} {TRUE} {FALSE} {OTHER}", checking)

    shown = answer.text.encode()
    assert [claim.id for claim in answer.claims] == [1, 2]
    assert [shown[slice(*claim.span)].decode() for claim in answer.claims] == [TRUE, OTHER]
    assert [one.claim_id for one in answer.verdicts] == [1, 2]


async def test_text_is_sent_only_once_its_verdict_is_known(checking: CheckingAhead) -> None:
    answer = await repaired(f"{TRUE} {FALSE} {OTHER}", checking)

    sent = b""
    for event in answer.events:
        sent += event.text.encode() if isinstance(event, TextDelta) else b""
        if isinstance(event, Claim):
            assert event.span[1] == len(sent)
    assert FALSE not in sent.decode()


async def test_a_sentence_is_written_again_until_it_is_supported(checking: CheckingAhead) -> None:
    asked: list[str] = []

    async def rewrites(statement: Statement) -> AsyncGenerator[str, None]:
        asked.append(statement.text)
        yield "The mayor paints red horses."
        yield OTHER
        raise AssertionError("a supported sentence is enough")

    answer = await repaired(f"{TRUE} {FALSE}", checking, rewrites)

    assert asked == [FALSE]
    assert answer.text == f"{TRUE} {OTHER}"
    [event] = [event for event in answer.events if isinstance(event, Repaired)]
    assert answer.text.encode()[slice(*event.span)].decode() == f" {OTHER}"
    assert original(answer) == f"{TRUE} {FALSE}"


async def test_what_cannot_be_written_better_is_left_out(checking: CheckingAhead) -> None:
    async def rewrites(_: Statement) -> AsyncGenerator[str, None]:
        yield "The mayor paints red horses."

    assert (await repaired(f"{TRUE} {FALSE}", checking, rewrites)).text == TRUE


async def test_an_answer_of_which_nothing_is_left_is_abstained_from(small_generator: Generator) -> None:
    grounding = Grounding(checker=CHECKER, repair=Repair.DROP, abstain_below=0.0)

    answer = await collect(
        small_generator,
        "is the bridge open on monday",
        SOURCES,
        sampling=SamplingParameters(max_tokens=40, temperature=1.0, seed=3),
        grounding=grounding,
    )

    assert answer.text == ""
    assert answer.abstention is not None
    assert [event for event in answer.events if isinstance(event, Repaired)]


@pytest.mark.parametrize("repair", [Repair.DROP, Repair.REWRITE])
async def test_what_was_repaired_put_back_is_the_answer_without_repair(
    small_generator: Generator, repair: Repair
) -> None:
    async def asked(grounding: Grounding) -> Answer:
        sampling = SamplingParameters(max_tokens=60, temperature=1.0, seed=3)
        question = "is the bridge open on monday"
        return await collect(small_generator, question, SOURCES, sampling=sampling, grounding=grounding)

    plain = await asked(Grounding(abstain_below=0.0))

    answer = await asked(Grounding(abstain_below=0.0, repair=repair))

    assert "".join(original(answer).split()) == "".join(plain.text.split())
    labels = {verdict.label for verdict in answer.verdicts}
    assert not labels & {VerdictLabel.UNSUPPORTED, VerdictLabel.CONTRADICTED}


@pytest.mark.parametrize(
    ("sampling", "disabled", "message"),
    [
        (SamplingParameters(), True, "nothing is checked"),
        (SamplingParameters(log_probabilities=2), False, "log_probabilities"),
        (SamplingParameters(regex="a+"), False, "grammar"),
    ],
)
async def test_repair_is_refused_with_what_it_does_not_go_with(
    small_generator: Generator, sampling: SamplingParameters, disabled: bool, message: str
) -> None:
    grounding = Grounding(disabled=disabled, repair=Repair.DROP)

    with pytest.raises(InvalidInput, match=message) as refused:
        await collect(small_generator, "hello", SOURCES, sampling=sampling, grounding=grounding)

    assert str(refused.value.field) == "grounding.repair"


def test_a_sentence_may_be_over_at_a_stop_and_not_at_an_abbreviation_or_a_number() -> None:
    def pending(text: str) -> str:
        finder = ClaimFinder()
        finder.add(text)
        return finder.pending

    assert pending("It rains. He ran.") == "He ran."
    assert pending("He said “stop.”") == "He said “stop.”"
    assert pending("He ran") == pending("Dr.") == pending("See e.g.") == pending("") == ""


async def test_a_claim_is_being_checked_before_it_is_certain(checking: CheckingAhead) -> None:
    seen = []

    async def watched(pieces_: AsyncGenerator[Written, None]) -> AsyncGenerator[Written, None]:
        async for piece in pieces_:
            if piece.claims:
                seen.append(checking._task is not None and checking._expected == piece.claims[0].text)
            yield piece
            await asyncio.sleep(0.05)

    events = [event async for event in as_written(watched(pieces(f"{TRUE} {OTHER}")), checking)]

    assert seen == [True, True]
    assert sum(isinstance(event, Verdict) for event in events) == 2


async def test_a_guess_that_was_wrong_changes_no_verdict(checking: CheckingAhead) -> None:
    checking.expect("Version 3.")
    answer = Answer([event async for event in as_written(pieces(TRUE), checking)])

    assert [verdict.label for verdict in answer.verdicts] == [VerdictLabel.SUPPORTED]


async def test_a_check_that_nobody_waits_for_ends_with_the_answer(checking: CheckingAhead) -> None:
    checking._deadline = Deadline.after(-1)
    checking.expect(TRUE)
    await asyncio.sleep(0.05)

    checking.drop()

    assert checking._task is None


async def test_a_verdict_does_not_wait_for_what_other_passages_say_instead(encoder: Encoder) -> None:
    compared = asyncio.Event()

    class Waiting(ClaimCheck):
        async def conflicts(self, claim: Claim, concluded: Sequence[CheckEvent]) -> list[Conflict]:
            await compared.wait()
            return await super().conflicts(claim, concluded)

    said, other = (f"The toll of the old bridge is {count} crowns." for count in ("two", "three"))
    sources = [Evidence(said, "a"), Evidence(other, "b")]
    reader = PassageReader(encoder, "bag-of-words")
    passages, _ = await reader.read(sources, [], NO_DEADLINE)
    check = Waiting(sources, passages, Checkers().configured(CHECKER, at("checker")))
    events = as_written(pieces(said), CheckingAhead(check, reader, "", NO_DEADLINE))

    async with asyncio.timeout(30):
        while not isinstance(event := await anext(events), Verdict):
            pass
        compared.set()
        rest = [one async for one in events]

    assert event.label is VerdictLabel.SUPPORTED
    assert [type(one) for one in rest] == [Conflict]
