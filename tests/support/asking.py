"""Contents for an encoder, and what came of them."""

from __future__ import annotations

from tieback.core.errors import TiebackError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodeReply
from tieback_contract.encodings import Encoding
from tieback_contract.modality import Modality
from tieback_contract.vectors import Vector


def texts(*given: str) -> list[Content]:
    return [Content(Modality.TEXT, text) for text in given]


def encodings(reply: EncodeReply) -> list[Encoding]:
    assert all(isinstance(result, Encoding) for result in reply.results), reply.results
    return [result for result in reply.results if isinstance(result, Encoding)]


def error(reply: EncodeReply, place: int) -> TiebackError:
    found = reply.results[place]
    assert isinstance(found, TiebackError)
    return found


def vector(encoding: Encoding) -> Vector:
    assert encoding.vector is not None
    return encoding.vector
