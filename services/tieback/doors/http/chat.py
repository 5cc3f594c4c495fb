"""``POST /v1/chat/completions``: answers that rest on a collection, or what a model writes alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from tieback_client import (
    Abstention,
    Answer,
    AsyncClient,
    AsyncEventStream,
    Citation,
    Claim,
    Conflict,
    Degraded,
    Finish,
    FinishReason,
    InvalidArgument,
    NotFound,
    Repaired,
    RetrievalEvent,
    RetrievedHit,
    RewrittenQuestion,
    TextDelta,
    TiebackError,
    Verdict,
)
from tieback_client.checked_text.document import source_of_hit
from tieback_client.jsonable import jsonable
from tieback_client.shown.answers import is_quoted
from tieback_client.values.events import AnswerEvent
from tieback_contract.answers import ScoredToken, TokenScore, TokenScores
from tieback_contract.field_path import at

from tieback.doors.caller import CALLER, time_of
from tieback.doors.http.chat_request import MISSING, Completion, Conversation
from tieback.doors.http.errors import told
from tieback.doors.http.models import COLLECTION, unknown_writer
from tieback.doors.http.operation import DoorOperation
from tieback.doors.http.query_options import option_fields, options_of
from tieback.doors.http.reading import read

# What an answer carries beside its text, as JSON: the object ``tieback`` that plain clients pass over.
#
# `checked` is the answer as a checked text, docs/grounding.md. Parts of a stream are events of the
# contract, whose spans are bytes in the UTF-8 of the text that they are of.
NAMES: dict[type, str] = {
    Claim: "claims",
    Citation: "citations",
    Verdict: "verdicts",
    Conflict: "conflicts",
    Repaired: "repaired",
}
"""Lists of the events of a kind in a part of a stream."""


def passages(hits: Sequence[RetrievedHit]) -> list[dict[str, Any]]:
    """What was found, by the ids that citations name."""
    return [source_of_hit(one, str(place)) for place, one in enumerate(hits, 1)]


def of_answer(answer: Answer) -> dict[str, Any]:
    """All of a whole answer."""
    return {
        "repaired": jsonable(answer.repaired),
        "abstention": jsonable(answer.abstention),
        "rewritten": answer.rewritten,
        "degraded": jsonable(answer.degraded),
        **at_end(answer),
    }


def at_end(answer: Answer) -> dict[str, Any]:
    """An answer at its end: as a checked text, and as people are told of it."""
    return {
        "checked": answer.document,
        "supported": supported(answer),
        "style": jsonable(answer.finish.style) if answer.finish is not None else None,
        "shown": jsonable(answer.shown),
    }


def supported(answer: Answer) -> bool | None:
    """Tell whether passages support all that was written; None for quotes, which are not checked."""
    return None if is_quoted(answer) else answer.supported


def content(answer: Answer) -> str:
    """Text for clients that show nothing else: the answer, what to read instead, or why there is none."""
    if answer.abstention is not None:
        return answer.text + withdrawal(answer)
    return answer.shown.instead or answer.text


def withdrawal(answer: Answer) -> str:
    """Why there is no answer, behind what was written."""
    told = answer.abstention.message if answer.abstention is not None else ""
    return f"\n\n{told}" if told and answer.text else told


SILENCE_SECONDS = 15.0
"""How long nothing is sent before a comment is, by which proxies know that the connection lives."""
_COMMENT = b": waiting\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


class ServerSentEvents(Response):
    """The events of a generator, each as JSON, and OpenAI's mark of the end."""

    def __init__(self, events: AsyncGenerator[dict[str, Any], None]) -> None:
        super().__init__()
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Sends them as they come."""
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        async with aclosing(self._events) as events:
            while True:
                coming = asyncio.ensure_future(anext(events, None))
                try:
                    while not (await asyncio.wait((coming,), timeout=SILENCE_SECONDS))[0]:
                        await _write(send, _COMMENT)
                except BaseException:
                    coming.cancel()
                    await asyncio.wait((coming,))
                    raise
                event = coming.result()
                if event is None:
                    break
                await _write(send, b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n")
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})


async def _write(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


SECONDS = 300.0
_SAMPLING = ("max_tokens", "temperature", "top_p", "seed", "stop")
FIELDS = {
    **{f"sampling.{name}": name for name in _SAMPLING},
    "sampling.grammar": "response_format",
    "sampling.log_probabilities": "top_logprobs",
    "sampling": "model",
    "retrieval.collection": "model",
    "collection": "model",
    "retrieval.query": "messages[-1]",
    "query": "messages[-1]",
    "prompt": "messages[-1]",
    "retrieval.filter": "tieback.filter",
    "filter": "tieback.filter",
    "evidence_limit": "tieback.evidence",
    "evidence": "tieback.evidence",
    "style": "tieback.style",
    "grounding.repair": "tieback.repair",
    **option_fields("tieback.options"),
}
_REASONS = {
    FinishReason.END: "stop",
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.ABSTAINED: "stop",
    FinishReason.ITEM: "stop",
}


def chat(client: AsyncClient) -> DoorOperation:
    """The operation."""

    async def handle(request: Request) -> Response:
        asked = await read(request, Completion, MISSING)
        said = asked.conversation()
        try:
            return await _answered(asked, _asked(client, asked, said))
        except InvalidArgument as error:
            raise said.located(error) from None
        except NotFound as error:
            if _is_of_the_model(error, asked):
                raise await unknown_writer(client, asked.model, error) from None
            raise

    return DoorOperation("chat.completions", handle, FIELDS)


async def _answered(asked: Completion, stream: AsyncEventStream[Any]) -> Response:
    if not asked.stream:
        try:
            answer = await stream.collect()
        finally:
            await stream.close()
        return JSONResponse(_whole(asked, answer))
    # The first event is waited for, so that what is refused has a status of its own.
    first = await anext(stream)
    return ServerSentEvents(_chunks(asked, stream, first))


def _is_of_the_model(error: NotFound, asked: Completion) -> bool:
    """Tell whether what does not exist was named by the field `model` of the request."""
    kind = error.resource.kind if error.resource is not None else ""
    return kind == "model" or (kind == "collection" and asked.model.startswith(COLLECTION))


def _asked(client: AsyncClient, asked: Completion, said: Conversation) -> AsyncEventStream[Any]:
    words, photos = said.words, said.photos
    common: dict[str, Any] = {
        "model": asked.writer,
        "sampling": asked.sampling(),
        "style": asked.style,
        "history": said.history,
        "system": said.system,
        "timeout": time_of(SECONDS),
    }
    if not asked.collection:
        _refuse_without_collection(asked, photos)
        return client.generate(words, **common)
    return client.answer(
        asked.collection,
        [*([words] if words else []), *photos],
        filter=asked.tieback.filter,
        evidence_limit=asked.tieback.evidence,
        grounding=asked.grounding,
        **common,
        **options_of(asked.tieback.options).chosen(),
    )


def _refuse_without_collection(asked: Completion, photos: list[Any]) -> None:
    own = asked.tieback
    way_out = 'name a collection: the model "collection:NAME", or tieback.collection'
    if photos:
        place = at("messages", len(asked.messages) - 1)
        raise InvalidArgument.at(place, f"the model reads no photos; {way_out}", reason="UNSUPPORTED")
    options = options_of(own.options).chosen()
    given_of = {"filter": own.filter, "evidence": own.evidence, "repair": asked.grounding, "options": options}
    for name, given in given_of.items():
        if given:
            raise InvalidArgument.at(at("tieback")[name], f"it is about passages; {way_out}")


def _whole(asked: Completion, answer: Answer) -> dict[str, Any]:
    finish = answer.finish
    text = content(answer)
    scores = [_scored(one) for one in answer.tokens]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "finish_reason": _REASONS[finish.reason] if finish is not None else None,
        "logprobs": {"content": scores, "refusal": None} if asked.logprobs else None,
    }
    return {
        **_head(asked, "chat.completion"),
        "choices": [choice],
        "usage": _usage(finish),
        "tieback": of_answer(answer),
    }


async def _chunks(
    asked: Completion, stream: AsyncEventStream[Any], first: AnswerEvent
) -> AsyncGenerator[dict[str, Any], None]:
    head = _head(asked, "chat.completion.chunk")

    def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
        logprobs = more.pop("logprobs", None)
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": logprobs}
        return {**head, "choices": [choice], **more}

    async with stream:
        try:
            yield chunk({"role": "assistant", "content": ""})
            async for event in _from(first, stream):
                match event:
                    case TextDelta(is_quoted=True):
                        pass  # its level says at the end whether it is the answer
                    case TextDelta():
                        yield chunk({"content": event.text})
                    case TokenScores():
                        scores = [_scored(one) for one in event.tokens]
                        yield chunk({}, logprobs={"content": scores, "refusal": None})
                    case RetrievalEvent():
                        yield chunk({}, tieback={"evidence": passages(event.result.hits)})
                    case RewrittenQuestion():
                        yield chunk({}, tieback={"rewritten": event.text})
                    case Degraded():
                        yield chunk({}, tieback={"degraded": jsonable(event)})
                    case Abstention():
                        text = withdrawal(stream.answer)
                        yield chunk({"content": text}, tieback={"abstention": jsonable(event)})
                    case Finish():
                        answer = stream.answer
                        if answer.abstention is None and answer.is_quoted:
                            yield chunk({"content": content(answer)})
                        yield chunk({}, _REASONS[event.reason], tieback=at_end(answer))
                    case _:
                        yield chunk({}, tieback={NAMES[type(event)]: [jsonable(event)]})
            if asked.stream_options is not None and asked.stream_options.include_usage:
                yield {**head, "choices": [], "usage": _usage(stream.answer.finish)}
        except (
            TiebackError
        ) as error:  # the status is sent, so the error is an event, as OpenAI's clients read it
            yield {"error": told(error, FIELDS)[1]["error"]}


async def _from(first: AnswerEvent, stream: AsyncEventStream[Any]) -> AsyncIterator[AnswerEvent]:
    yield first
    async for event in stream:
        yield event


def _head(asked: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{CALLER.get().request_id}",
        "object": kind,
        "created": int(time.time()),
        "model": asked.model,
    }


def _usage(finish: Finish | None) -> dict[str, int]:
    read_, written = (0, 0) if finish is None else (finish.prompt_tokens, finish.completion_tokens)
    return {"prompt_tokens": read_, "completion_tokens": written, "total_tokens": read_ + written}


def _scored(one: ScoredToken) -> dict[str, Any]:
    return {**_token(one.chosen), "top_logprobs": [_token(other) for other in one.alternatives]}


def _token(one: TokenScore) -> dict[str, Any]:
    return {"token": one.text, "logprob": one.log_probability, "bytes": list(one.text.encode())}
