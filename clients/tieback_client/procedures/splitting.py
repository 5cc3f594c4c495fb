"""From a long text to pieces that a space reads to their end."""

from __future__ import annotations

from tieback.v1 import encoder_pb2

from tieback_client import writing
from tieback_client.rpc import RPCS, Procedure, UnaryCall
from tieback_client.status import from_status
from tieback_client.surface import unary
from tieback_client.text_pieces import TextPiece


def split(
    text: str,
    *,
    space: str,
    max_tokens: int = 0,
    overlap: float | None = None,
    timeout: float | None = None,
) -> Procedure[list[TextPiece]]:
    """Cuts a text so that a text space reads every piece to its end; `ingest` does it by itself.

    Pieces end at the ends of sentences where they can, and have at most `max_tokens`, 0 for as many as the
    space reads. The last sentence of one is repeated at the beginning of the next where it takes at most the
    share `overlap` of that, 0 to 0.5; None for the server's default. Together the pieces hold all of the
    text. A text that is short enough is one piece.
    """
    request = encoder_pb2.SplitTextsRequest(
        space=space, texts=[writing.text(text, "text")], max_tokens=max_tokens, overlap=overlap
    )
    reply = yield UnaryCall(RPCS["SplitTexts"], request, timeout)
    (result,) = reply.message.results
    if result.WhichOneof("outcome") == "error":
        raise from_status(result.error)
    data = text.encode()
    return [
        TextPiece(
            data[piece.span.begin_byte : piece.span.end_byte].decode(),
            (piece.span.begin_byte, piece.span.end_byte),
            piece.token_count,
        )
        for piece in result.pieces.pieces
    ]


class SplittingMethods:
    """The methods of both clients."""

    split = unary(split)
