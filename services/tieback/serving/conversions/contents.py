"""Contents, items and encodings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from tieback_contract.field_path import ROOT, FieldPath, at
from tieback_contract.modality import Modality
from tieback_contract.tensors import fill_array, fill_vector
from tieback_contract.vectors import DType, Vector

from tieback.core.errors import InvalidInput
from tieback.core.types.content import CategoricalFeatures, Content, Item, Section, TokenNumbers
from tieback.core.types.encoding import CachePolicy, EncodeReply, SplitPiece, Truncation
from tieback.core.types.heads import ClassifyRequest, check_second_texts
from tieback.serving.conversions.codec import CODEC, check_order, reading, writing
from tieback.serving.conversions.frames import Numbers, each
from tieback.serving.conversions.vectors import (
    read_tensor,
    read_vector,
)
from tieback.v1 import content_pb2, encoder_pb2

EMPTY = "the content is empty: set text, image, audio, points, features, vector or token_ids"
_BY_FIELD = {"text": Modality.TEXT, "image": Modality.IMAGE, "audio": Modality.AUDIO}
_FIELD_OF: dict[Modality | None, str] = {modality: name for name, modality in _BY_FIELD.items()}


def read_content(message: content_pb2.Content, field: FieldPath, *, tokenised: bool = True) -> Content:
    """One piece of input; token numbers are for one space, and refused where not `tokenised`."""
    kind = message.WhichOneof("kind")
    if kind is None:
        raise InvalidInput(EMPTY, field=field)
    if kind == "points":
        path = field["points"]["coordinates"]
        points = read_tensor(message.points.coordinates, path, rank=2)
        if points.shape[1] != 3 or points.dtype != np.float32:
            raise InvalidInput("coordinates are FLOAT32 of shape [points, 3]", field=path)
        return Content(Modality.POINTS, points)
    if kind == "features":
        own = {name: one.values for name, one in message.features.values.items()}
        return Content(Modality.FEATURES, CategoricalFeatures.of(own))
    if kind == "vector":
        return Content(None, read_vector(message.vector, field["vector"]))
    if kind == "token_ids":
        if not tokenised:
            raise InvalidInput(
                "token numbers belong to one space, and this is for several: send the text", field=field
            )
        ids = np.array(message.token_ids.ids, np.int64)
        if not ids.size:
            raise InvalidInput("there are no token numbers", field=field["token_ids"]["ids"])
        return Content(Modality.TEXT, TokenNumbers(ids))
    return Content(_BY_FIELD[kind], getattr(message, kind))


def _fill_content(message: content_pb2.Content, content: Content) -> None:
    if isinstance(content.data, Vector):
        fill_vector(message.vector, content.data)
    elif isinstance(content.data, TokenNumbers):
        message.token_ids.ids.extend(content.data.ids.tolist())
    elif isinstance(content.data, CategoricalFeatures):
        message.features.SetInParent()
        for name, values in content.data.values:
            message.features.values[name].values.extend(values)
    elif content.modality is Modality.POINTS:
        fill_array(message.points.coordinates, np.asarray(content.data), DType.FLOAT32)
    else:
        setattr(message, _FIELD_OF[content.modality], content.data)


CODEC.converter(Content, lambda message: read_content(message, ROOT), _fill_content)
write_content = writing(Content, content_pb2.Content)


def _read_for_all_spaces(message: content_pb2.Content) -> Content:
    return read_content(message, ROOT, tokenised=False)


def _read_stored(message: content_pb2.Content) -> Content | None:
    return _read_for_all_spaces(message) if message.WhichOneof("kind") else None


for _name in (
    "QueryPart.content",
    "HeadExample.content",
    "PredictRequest.contents",
    "ClassifyRequest.contents",
):
    CODEC.converter(f"tieback.v1.{_name}", _read_for_all_spaces, _fill_content)
CODEC.check(ClassifyRequest, check_second_texts)
CODEC.converter("tieback.v1.Section.content", _read_stored, _fill_content)
CODEC.check(Section, lambda section: check_order(section.segments, None, at("segments")))
_read_section = reading(Section, content_pb2.Section)
_fill_section = CODEC.filler(Section, content_pb2.Section.DESCRIPTOR)


def _read_sections(messages: Iterable[content_pb2.Section]) -> list[Section]:
    sections = each(messages, _read_section, ROOT)
    return [one if one.id else replace(one, id=str(number)) for number, one in enumerate(sections, 1)]


def _fill_sections(messages: Any, sections: Sequence[Section]) -> None:
    for section in sections:
        _fill_section(messages.add(), section)


CODEC.list_converter("tieback.v1.Section", _read_sections, _fill_sections)
_read_item = reading(Item, content_pb2.Item)


def read_item(message: content_pb2.Item, field: FieldPath, *, contents: bool = True) -> Item:
    """A document. With `contents` False, sections may be without content (as an index returns them)."""
    item = _read_item(message, field)
    for place, section in enumerate(item.sections):
        if contents and section.content is None:
            raise InvalidInput(EMPTY, field=field["sections"][place]["content"])
    return item


CODEC.converter("tieback.v1.IngestItemsRequest.items", lambda message: read_item(message, ROOT))
_TRUNCATIONS = Numbers(encoder_pb2.Truncation, Truncation, "truncation", unspecified=Truncation.REFUSE)
read_truncation, write_truncation = _TRUNCATIONS.read, _TRUNCATIONS.write
_CACHE_POLICIES = Numbers(encoder_pb2.CachePolicy, CachePolicy, "cache policy", unspecified=CachePolicy.USE)
read_cache, write_cache = _CACHE_POLICIES.read, _CACHE_POLICIES.write


def _read_pieces(message: Any) -> list[SplitPiece]:
    return [_read_piece(piece) for piece in message.pieces]


def _fill_pieces(message: Any, pieces: Sequence[SplitPiece]) -> None:
    message.SetInParent()
    for piece in pieces:
        _fill_piece(message.pieces.add(), piece)


_read_piece = reading(SplitPiece, encoder_pb2.TextPiece)
_fill_piece = CODEC.filler(SplitPiece, encoder_pb2.TextPiece.DESCRIPTOR)
CODEC.converter("tieback.v1.TextPieces", _read_pieces, _fill_pieces)
read_encode_reply = reading(EncodeReply, encoder_pb2.EncodeResponse)
write_encode_reply = writing(EncodeReply, encoder_pb2.EncodeResponse)
fill_encode_reply = CODEC.filler(EncodeReply, encoder_pb2.EncodeResponse.DESCRIPTOR)
