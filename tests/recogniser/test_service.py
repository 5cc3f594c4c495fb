"""The recogniser service on a small recogniser: what it takes, what it refuses, what it drops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.bar_reader import FAULTY, BarReader, bars, card
from support.lab import lab as lab
from support.waiting import until
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, NotFound, Overloaded, TiebackError
from tieback.core.types.content import Content, RecogniseRequest
from tieback.models.language.model import LanguageModel
from tieback.recogniser import Recogniser
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText


def picture(*widths: int, height: int = 20) -> Content:
    return Content(Modality.IMAGE, bars(*widths, height=height))


@pytest.fixture
def reader(tmp_path: Path) -> BarReader:
    return BarReader(card(tmp_path))


@pytest.fixture
async def recogniser(reader: BarReader) -> AsyncIterator[Recogniser]:
    made = Recogniser([reader], limits=Limits(batch_items=4, image_pixels=100_000))
    yield made
    reader.free.set()
    await made.close()


async def test_each_picture_gets_its_text_with_a_box_for_each_part(recogniser: Recogniser) -> None:
    reply = await recogniser.recognise(RecogniseRequest([picture(20, 30), picture()]), NO_CALL)

    first, nothing = reply.results
    assert isinstance(first, RecognisedText)
    assert (first.text, first.models) == ("20 30", ("bar-reader",))
    assert [first.text.encode()[slice(*one.span)] for one in first.segments] == [b"20", b"30"]
    assert first.segments[1].place.place == pytest.approx((40 / 80, 4 / 20, 30 / 80, 12 / 20))
    assert isinstance(nothing, RecognisedText)
    assert (nothing.text, nothing.segments) == ("", [])
    assert reply.timing.total >= reply.timing.compute > 0


async def test_all_recognisers_of_a_modality_read_a_content_unless_one_is_named(tmp_path: Path) -> None:
    first, second = (BarReader(card(tmp_path, name)) for name in ("first", "second"))
    made = Recogniser([first, second, BarReader(card(tmp_path, "third", Modality.AUDIO))])
    both, bad = (
        await made.recognise(
            RecogniseRequest([picture(20, 30), Content(Modality.IMAGE, b"no picture")]), NO_CALL
        )
    ).results
    (named,) = (await made.recognise(RecogniseRequest([picture(20, 30)], model="second"), NO_CALL)).results
    await made.close()

    assert isinstance(both, RecognisedText)
    assert (both.text, both.models) == ("20 30\n\n20 30", ("first", "second"))
    assert [both.text.encode()[slice(*one.span)] for one in both.segments] == [b"20", b"30"] * 2
    assert isinstance(bad, InvalidInput)
    assert isinstance(named, RecognisedText)
    assert (named.text, named.models) == ("20 30", ("second",))


async def test_a_bad_content_fails_alone_and_its_error_names_it(recogniser: Recogniser) -> None:
    contents = [
        Content(Modality.IMAGE, b"no picture"),
        picture(20),
        Content(Modality.TEXT, "written already"),
        picture(20, height=FAULTY),
    ]

    damaged, good, text, faulty = (await recogniser.recognise(RecogniseRequest(contents), NO_CALL)).results

    assert isinstance(damaged, InvalidInput)
    assert str(damaged.field) == "contents[0].image"
    assert isinstance(good, RecognisedText)
    assert isinstance(text, InvalidInput)
    assert (str(text.field), text.reason) == ("contents[2].text", "WRONG_MODALITY")
    assert isinstance(faulty, TiebackError)
    assert "unlucky" not in faulty.message


async def test_what_no_recogniser_is_for_is_refused_with_what_there_is(recogniser: Recogniser) -> None:
    sound = Content(Modality.AUDIO, b"RIFF")

    (default,) = (await recogniser.recognise(RecogniseRequest([sound]), NO_CALL)).results
    (named,) = (await recogniser.recognise(RecogniseRequest([sound], model="bar-reader"), NO_CALL)).results

    for refused in (default, named):
        assert isinstance(refused, InvalidInput)
        assert str(refused.field) == "contents[0].audio"
        assert "bar-reader" in refused.message
    with pytest.raises(NotFound, match="bar-reader"):
        await recogniser.recognise(RecogniseRequest([picture()], model="other"), NO_CALL)


async def test_an_empty_and_a_too_large_batch_and_a_too_large_picture_are_refused(
    recogniser: Recogniser,
) -> None:
    with pytest.raises(InvalidInput, match="nothing to recognise"):
        await recogniser.recognise(RecogniseRequest([]), NO_CALL)
    with pytest.raises(InvalidInput, match="4 at most"):
        await recogniser.recognise(RecogniseRequest([picture()] * 5), NO_CALL)
    (large,) = (await recogniser.recognise(RecogniseRequest([picture(20, height=10_000)]), NO_CALL)).results
    assert isinstance(large, InvalidInput)
    assert large.reason == "IMAGE_TOO_LARGE"


async def test_what_nobody_waits_for_any_more_is_not_run(recogniser: Recogniser, reader: BarReader) -> None:
    reader.free.clear()
    running = asyncio.create_task(recogniser.recognise(RecogniseRequest([picture(20)]), NO_CALL))
    await until(lambda: recogniser.load.active_items == 1)
    cancelled = asyncio.create_task(recogniser.recognise(RecogniseRequest([picture(30)]), NO_CALL))
    late = asyncio.create_task(
        recogniser.recognise(RecogniseRequest([picture(40)]), Call(Deadline.after(0.2)))
    )
    await until(lambda: recogniser.load.queued_items == 2)

    cancelled.cancel()
    with pytest.raises(DeadlineExceeded):
        await late
    reader.free.set()

    await running
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert reader.runs == 1
    assert (recogniser.load.queued_items, recogniser.load.active_items) == (0, 0)


async def test_where_too_much_waits_a_call_is_refused_and_told_when_to_come_back(reader: BarReader) -> None:
    recogniser = Recogniser([reader], limits=Limits(queued_tokens=2))
    reader.free.clear()
    running = asyncio.create_task(recogniser.recognise(RecogniseRequest([picture(20, height=20)]), NO_CALL))
    await until(lambda: recogniser.load.active_items == 1)
    waiting = asyncio.create_task(
        recogniser.recognise(RecogniseRequest([picture(20, height=20)] * 2), NO_CALL)
    )
    await until(lambda: recogniser.load.queued_items == 2)

    with pytest.raises(Overloaded) as refused:
        await recogniser.recognise(RecogniseRequest([picture(20, height=20)]), NO_CALL)

    assert refused.value.retry_after
    reader.free.set()
    assert len((await waiting).results) == 2
    await running
    await recogniser.close()


async def test_fusing_without_a_language_model_is_refused_by_name(recogniser: Recogniser) -> None:
    with pytest.raises(InvalidInput, match=r"'gfd' asks a language model, and this server has none") as error:
        await recogniser.recognise(RecogniseRequest([picture(20)], fusion=MethodChoice("gfd")), NO_CALL)

    assert str(error.value.field) == "fusion.name"


async def test_a_way_of_fusing_that_is_not_there_or_has_other_parameters_is_refused(
    recogniser: Recogniser,
) -> None:
    with pytest.raises(NotFound, match="gfd"):
        await recogniser.recognise(RecogniseRequest([picture(20)], fusion=MethodChoice("magic")), NO_CALL)
    with pytest.raises(InvalidInput, match="speed") as error:
        await recogniser.recognise(
            RecogniseRequest([picture(20)], fusion=MethodChoice("gfd", {"speed": 2})), NO_CALL
        )

    assert str(error.value.field) == "fusion.parameters.speed"


async def test_no_fusion_is_the_recogniser_alone(recogniser: Recogniser) -> None:
    reply = await recogniser.recognise(RecogniseRequest([picture(20)], fusion=MethodChoice("none")), NO_CALL)

    assert isinstance(reply.results[0], RecognisedText)


async def test_a_recogniser_that_fuses_with_nothing_says_so(tmp_path: Path) -> None:
    def load() -> LanguageModel:
        raise AssertionError("it is not asked")

    made = Recogniser([BarReader(card(tmp_path))], language_model=load)
    reply = await made.recognise(RecogniseRequest([picture(20)], fusion=MethodChoice("gfd")), NO_CALL)
    await made.close()

    assert isinstance(reply.results[0], InvalidInput)
    assert "leave `fusion` out" in reply.results[0].message
