"""The codec of the contract: what it derives, what it takes from a newer server, and where it refuses."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from tieback.core.errors import InvalidInput
from tieback.v1 import content_pb2, evidence_pb2, generator_pb2, index_pb2, report_pb2, vector_pb2
from tieback_contract.answers import TextDelta
from tieback_contract.claims import Citation, Conflict
from tieback_contract.codec import MessageCodec
from tieback_contract.converters import with_converters
from tieback_contract.encodings import Label
from tieback_contract.field_path import at
from tieback_contract.hits import Hit, StageScore
from tieback_contract.modality import Modality
from tieback_contract.reports import Stage, Timing
from tieback_contract.shapes import wire


def refusing(kind: type[enum.Enum], number: int) -> object:
    raise InvalidInput(f"no {kind.__name__} has the number {number}")


def codec(*, strict: bool = False) -> MessageCodec:
    made = with_converters(MessageCodec(InvalidInput, refusing) if strict else MessageCodec())
    made.converter("tieback.v1.MetadataValue", lambda message: message.string_value)
    return made


def test_seconds_are_whole_microseconds_in_the_message_and_never_below_zero() -> None:
    timing = Timing(queue=-1.0, total=0.0000016, stages=[Stage("search", 0.5, 0.25)])

    message = codec().writer(Timing, report_pb2.Timing)(timing)

    assert (message.queue_us, message.total_us) == (0, 2)
    assert (message.stages[0].begin_us, message.stages[0].duration_us) == (500_000, 250_000)


def test_a_part_that_is_there_is_written_though_all_of_it_is_zero() -> None:
    response = index_pb2.SearchResponse()

    codec().filler(Timing, report_pb2.Timing.DESCRIPTOR)(response.timing, Timing())

    assert response.HasField("timing")


def test_what_a_newer_server_made_up_is_read_as_the_default_and_else_as_none() -> None:
    message = index_pb2.Hit(modality=99, read_in=99)  # type: ignore[arg-type]  # of a newer contract

    hit = codec().reader(Hit, index_pb2.Hit.DESCRIPTOR)(message)

    assert (hit.modality, hit.read_in) == (None, "")


def test_a_field_that_is_in_no_message_is_given_to_the_reader() -> None:
    stages = [StageScore("search", 0.5, None, 0, "nearest")]

    hit = codec().reader(Hit, index_pb2.Hit.DESCRIPTOR)(index_pb2.Hit(), stages=stages)

    assert hit.stages == stages


def test_a_refusal_names_the_field_the_place_in_a_list_and_the_key_of_a_map() -> None:
    inner = index_pb2.Hit(modality=content_pb2.MODALITY_TEXT)
    inner.segments.add(span=vector_pb2.TextSpan(end_byte=1), kind=7)
    message = index_pb2.Hit(modality=content_pb2.MODALITY_TEXT, sections=[inner, inner])
    strict = codec(strict=True)
    strict.converter("tieback.v1.MetadataValue", lambda message: refusing(Modality, message.number_value))
    read = strict.reader(Hit, index_pb2.Hit.DESCRIPTOR)

    with pytest.raises(InvalidInput) as caught:
        read(message)
    assert caught.value.field == at("sections", 0, "segments", 0, "kind")

    inner.ClearField("segments")
    inner.metadata["a year"].number_value = 3
    with pytest.raises(InvalidInput) as caught:
        read(index_pb2.Hit(modality=content_pb2.MODALITY_TEXT, sections=[inner]))
    assert str(caught.value.field) == 'sections[0].metadata["a year"]'

    with pytest.raises(InvalidInput) as caught:
        read(index_pb2.Hit())
    assert caught.value.field == at("modality")


def test_a_choice_that_is_not_known_or_of_a_kind_that_is_not_is_passed_over() -> None:
    read = codec().choice_reader([TextDelta, Conflict], generator_pb2.GenerateResponse.DESCRIPTOR)
    response = generator_pb2.GenerateResponse

    assert read(response(text=generator_pb2.TextDelta(text="a"))) == TextDelta("a")
    assert read(response(claim=evidence_pb2.Claim(id=1))) is None
    assert read(response(conflict=evidence_pb2.Conflict(kind=99))) is None  # type: ignore[arg-type]  # of a newer contract
    assert read(response()) is None


def test_fields_of_a_part_are_read_and_written_in_that_part() -> None:
    citation = Citation(1, "2", "tides", "3", (4, 9), 0.5, time=(0.5, 1.25))

    message = codec().writer(Citation, evidence_pb2.Citation)(citation)

    assert (message.place.item_id, message.place.time.end_seconds) == ("tides", 1.25)
    assert not message.place.HasField("region")
    assert codec().reader(Citation, evidence_pb2.Citation.DESCRIPTOR)(message) == citation


def test_a_check_is_made_of_every_value_of_its_type() -> None:
    def named(label: Label) -> None:
        if not label.name:
            raise InvalidInput("a label has a name", field=at("name"))

    strict = codec(strict=True)
    strict.check(Label, named)

    with pytest.raises(InvalidInput, match="has a name"):
        strict.reader(Label, content_pb2.Label.DESCRIPTOR)(content_pb2.Label(index=1))


@dataclass(frozen=True)
class Misnamed:
    nom: str
    indices: Sequence[int] = field(default=(), metadata=wire("index"))


def test_a_field_that_its_message_lacks_is_found_before_anything_is_read() -> None:
    with pytest.raises(TypeError, match=r"Misnamed\.nom has no field nom in tieback\.v1\.Label"):
        codec().reader(Misnamed, content_pb2.Label.DESCRIPTOR)
