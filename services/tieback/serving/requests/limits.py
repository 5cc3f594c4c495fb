"""What a request may hold, counted on its bytes before it is parsed.

A message of a few kilobytes can stand for millions of objects. So counts and sizes are taken from the wire
format, by the descriptor of the message: nothing is made of a request that holds too much, and counting stops
at the first excess. Every field has a limit by its kind, a new one too; `_own` lists those that have one of
their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from tieback_contract.field_path import at
from tieback_contract.limits import Limits

from tieback.core.errors import InvalidInput
from tieback.core.types.generation import MOST_TURNS, TURN_BYTES
from tieback.core.types.heads import MOST_EXAMPLES
from tieback.serving.requests.wire import malformed, varint

_VARINT, _EIGHT, _DELIMITED, _FOUR = 0, 1, 2, 5
_WIRE = {
    FieldDescriptor.TYPE_DOUBLE: _EIGHT,
    FieldDescriptor.TYPE_FIXED64: _EIGHT,
    FieldDescriptor.TYPE_SFIXED64: _EIGHT,
    FieldDescriptor.TYPE_FLOAT: _FOUR,
    FieldDescriptor.TYPE_FIXED32: _FOUR,
    FieldDescriptor.TYPE_SFIXED32: _FOUR,
    FieldDescriptor.TYPE_STRING: _DELIMITED,
    FieldDescriptor.TYPE_BYTES: _DELIMITED,
    FieldDescriptor.TYPE_MESSAGE: _DELIMITED,
}
_WIDTHS = {_EIGHT: 8, _FOUR: 4}
_TEXTS = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
_CONTINUED = bytes(range(0x80, 0x100))
_COSTS = {"tieback.v1.Item.sections": 32}  # what becomes of one is far larger than one: vectors, rows
MOST_SEGMENTS = 4096
"""Parts of one text that have a place in a picture or a sound."""

UNKNOWN_FIELDS = 64
"""Fields of a newer contract, which are skipped, in one message of a request."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What one field may hold: `count` values, each of at most `bytes` where it is a string or bytes."""

    count: int = 1
    bytes: int = 0


def bound(of: FieldDescriptor, limits: Limits) -> Bound:
    """The bound of a field: its own, or its kind's."""
    own = _own(limits).get(of.full_name)
    if own is not None:
        return own
    if of.name == "filter" and of.full_name.startswith("tieback.v1."):
        return Bound(1, limits.filter_bytes)
    size = limits.name_bytes if of.type == FieldDescriptor.TYPE_STRING else limits.message_bytes
    if not of.is_repeated:
        return Bound(1, size)
    if of.message_type is not None and of.message_type.GetOptions().map_entry:
        return Bound(limits.entries)
    if of.type == FieldDescriptor.TYPE_MESSAGE or of.type in _TEXTS:
        return Bound(limits.batch_items, size)
    return Bound(limits.numbers)


def _own(limits: Limits) -> dict[str, Bound]:
    # Of contents and sections, one that is too long is an error of that one, and found when it is read.
    content = Bound(1, limits.message_bytes)
    text = Bound(1, limits.text_bytes)
    return {
        "tieback.v1.Content.text": content,
        "tieback.v1.IndexedSection.text": content,
        "tieback.v1.FeatureValues.values": Bound(limits.numbers, limits.message_bytes),
        "tieback.v1.Evidence.text": text,
        "tieback.v1.GenerateRequest.prompt": text,
        "tieback.v1.GenerateRequest.system": text,
        "tieback.v1.GenerateRequest.history": Bound(MOST_TURNS),
        "tieback.v1.AnswerRequest.system": text,
        "tieback.v1.AnswerRequest.history": Bound(MOST_TURNS),
        "tieback.v1.ChatMessage.text": Bound(1, TURN_BYTES),
        "tieback.v1.GroundingCheck.text": content,
        "tieback.v1.SearchRequest.text": text,
        "tieback.v1.SplitTextsRequest.texts": Bound(limits.batch_items, limits.message_bytes),
        "tei.v1.EmbedRequest.inputs": content,
        "tei.v1.EmbedSparseRequest.inputs": content,
        "tei.v1.EmbedAllRequest.inputs": content,
        "tei.v1.EncodeRequest.inputs": text,
        "tei.v1.PredictRequest.inputs": text,
        "tei.v1.RerankRequest.query": text,
        "tei.v1.RerankStreamRequest.query": text,
        "tei.v1.RerankStreamRequest.text": text,
        "tieback.v1.RetrieveRequest.query": Bound(limits.query_parts),
        "tieback.v1.Item.sections": Bound(limits.sections),
        "tieback.v1.IndexedItem.sections": Bound(limits.sections),
        "tieback.v1.Section.segments": Bound(MOST_SEGMENTS),
        "tieback.v1.Evidence.segments": Bound(MOST_SEGMENTS),
        "tieback.v1.FitHeadRequest.examples": Bound(MOST_EXAMPLES),
        "tieback.v1.FitHeadRequest.memory": Bound(MOST_EXAMPLES),
        "tieback.v1.SamplingParameters.stop": Bound(limits.stop_texts, limits.stop_bytes),
        "tieback.v1.Tensor.shape": Bound(8),
        "tieback.v1.SparseVector.terms": Bound(limits.numbers, limits.name_bytes),
        "tieback.v1.MetadataValue.string_value": Bound(1, limits.metadata_bytes),
        "tieback.v1.MetadataList.values": Bound(limits.entries),
        "google.protobuf.Value.string_value": Bound(1, limits.metadata_bytes),
        "google.protobuf.ListValue.values": Bound(limits.entries),
    }


@dataclass(slots=True)
class _Field:
    name: str
    count: int
    bytes: int
    bit: int = 0
    """Of a field that may stand once: its place in a set of those that were seen."""
    packed: int = -1
    """Of packed numbers: the bytes of one, or 0 where they vary."""
    message: _Message | None = None
    cost: int = 1
    """How many fields it counts as."""


@dataclass(slots=True)
class _Message:
    """A message's fields by their tags, which are number and wire type."""

    fields: dict[int, _Field] = field(default_factory=dict)


class Gate:
    """Checks requests against the limits. What it lets pass is bounded in every way but its truth."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._messages: dict[str, _Message] = {}

    def check(self, message: Descriptor, data: bytes) -> None:
        """InvalidInput, with the path of the field, where `data` holds more than a message may.

        Takes no longer than `limits.fields` fields take to skip, whatever `data` is.
        """
        plan = self._messages.get(message.full_name) or self._plan(message)
        try:
            self._scan(data, 0, len(data), plan, self._limits.fields, self._limits.depth)
        except IndexError:
            raise malformed() from None

    def _plan(self, message: Descriptor) -> _Message:
        known = self._messages.get(message.full_name)
        if known is not None:
            return known
        plan = self._messages[message.full_name] = _Message()
        for place, one in enumerate(message.fields):
            limit = bound(one, self._limits)
            made = _Field(one.name, limit.count, limit.bytes, cost=_COSTS.get(one.full_name, 1))
            if one.message_type is not None:
                made.message = self._plan(one.message_type)
            if not one.is_repeated:
                made.bit = 1 << place
            wire = _WIRE.get(one.type, _VARINT)
            plan.fields[one.number << 3 | wire] = made
            if one.is_repeated and wire != _DELIMITED:
                packed = _Field(one.name, limit.count, limit.bytes, packed=_WIDTHS.get(wire, 0))
                plan.fields[one.number << 3 | _DELIMITED] = packed
        return plan

    def _scan(self, data: bytes, place: int, end: int, plan: _Message, left: int, depth: int) -> int:
        """Looks through one message. Returns how many more fields there may be."""
        fields = plan.fields
        counts: dict[str, int] = {}
        seen = unknown = 0
        while place < end:
            left -= 1
            if left < 0:
                raise InvalidInput(
                    f"the request has more than {self._limits.fields} fields, nested ones included, and a "
                    "section counted as 32; send it in parts",
                    reason="TOO_MANY",
                )
            tag = data[place]
            place += 1
            if tag >= 0x80:
                tag, place = varint(data, place - 1)
            wire = tag & 7
            begin = place
            if wire == _DELIMITED:
                length = data[place]
                place += 1
                if length >= 0x80:
                    length, place = varint(data, place - 1)
                begin, place = place, place + length
            elif wire == _VARINT:
                while data[place] >= 0x80:
                    place += 1
                place += 1
                if place - begin > 10:
                    raise malformed()
            elif wire in _WIDTHS:
                place += _WIDTHS[wire]
            else:
                raise malformed()
            if place > end:
                raise malformed()
            known = fields.get(tag)
            if known is not None:
                left -= known.cost - 1
            else:
                unknown += 1
                if tag < 8:
                    raise malformed()
                if unknown > UNKNOWN_FIELDS:
                    raise InvalidInput(
                        f"a message has more than {UNKNOWN_FIELDS} fields that this server does not know",
                        reason="TOO_MANY_UNKNOWN",
                    )
                continue
            if known.bit:
                if seen & known.bit:
                    raise InvalidInput("the field is given twice", field=known.name)
                seen |= known.bit
                number = 0
            else:
                number = counts.get(known.name, 0) + 1
                if known.packed >= 0:
                    number += _count(data[begin:place], known.packed, known.count) - 1
                if number > known.count:
                    raise InvalidInput(
                        f"more than {known.count} are given; at most {known.count} are taken",
                        field=known.name,
                        reason="TOO_MANY",
                    )
                counts[known.name] = number
            if wire != _DELIMITED:
                continue
            inner = known.message
            try:
                if inner is None:
                    if known.packed < 0 and place - begin > known.bytes:
                        raise InvalidInput(
                            f"{place - begin} bytes; at most {known.bytes} are taken", reason="TOO_LONG"
                        )
                elif place > begin:
                    if depth <= 1:
                        raise InvalidInput(f"nested more than {self._limits.depth} deep", reason="TOO_DEEP")
                    left = self._scan(data, begin, place, inner, left, depth - 1)
            except InvalidInput as error:
                if error.reason == "MALFORMED_MESSAGE" or (not error.field and error.reason == "TOO_MANY"):
                    raise
                raise error.within(at(known.name) if known.bit else at(known.name, number - 1)) from None
        return left


def _count(packed: bytes, width: int, most: int) -> int:
    """How many numbers there are; one more than `most` where there are more and it need not be known."""
    if width:
        return len(packed) // width
    if len(packed) <= most:  # each has a byte at least
        return len(packed)
    return len(packed.translate(None, _CONTINUED))
