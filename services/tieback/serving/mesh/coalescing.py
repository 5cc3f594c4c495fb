"""Small calls that wait for the same hop share it.

A hop costs the gateway and the replica about as much for one text as for thirty, and more than the model
takes for a short one. So while a hop per replica is unanswered for a kind of call, the calls of that kind
that come meanwhile wait for the next answer, and go on as one request: sooner where `ITEMS` of them wait, and
after `PATIENCE` seconds in any case. A call that finds fewer hops under way goes on at once, so at low load
nothing waits for anything.

Calls are of a kind where everything but their content is the same, byte for byte: space, output, truncation,
cache policy, and the caller's token. A call that is traced goes alone, so that its trace is whole, and so
does one whose deadline may choose a layer: that of a shared request is the latest of its members.

Each caller gets what it would have got alone: its own result and its own share of the cost; its deadline and
its cancellation are its own; a failure of the hop as a whole is everybody's. Where the server finds fault
with a member's input, that member is asked again alone, and so has the field paths and the status of a call
of its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc

from tieback.core.call import IN_BULK
from tieback.core.deadline import Deadline
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.peers import estimate
from tieback.serving.requests import context
from tieback.serving.requests.contract import METHODS
from tieback.serving.requests.wire import fields
from tieback.v1 import encoder_pb2, report_pb2

ITEMS = 32
BYTES = 1024
"""Of a request: a larger one takes the model so much longer than the hop that there is little to save."""

PATIENCE = 0.002
"""Seconds: less than a batch takes, so that the worker finds the next hop waiting when it is done."""

_ENCODE = METHODS["/tieback.v1.EncoderService/Encode"]
_CONTENTS = 2  # the number of EncodeRequest.contents
_INVALID = grpc.StatusCode.INVALID_ARGUMENT
_OF_ONE = (_INVALID, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
"""Errors of a hop that one of its contents can be the reason of."""
_COMPUTED = (encoder_pb2.ENCODING_SOURCE_UNSPECIFIED, encoder_pb2.ENCODING_SOURCE_COMPUTED)
_CACHED = (encoder_pb2.ENCODING_SOURCE_MEMORY, encoder_pb2.ENCODING_SOURCE_DISK)


@dataclass(slots=True, eq=False)
class _Member:
    """A call that waits. Its answer is None where it is to be asked again alone."""

    content: bytes
    deadline: Deadline
    answer: asyncio.Future[bytes | None]
    context: contextvars.Context


_Key = tuple[str, bytes, str, bool]


@dataclass(slots=True, eq=False)
class _Kind:
    """Calls that differ in their content alone: the replicas they are for, the other fields, the token."""

    target: str
    rest: bytes
    authorization: str
    in_bulk: bool
    hops: int = 0
    waiting: list[_Member] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


class Coalescer:
    """Passes calls of `Encode` on to the mesh, several in one where that saves work."""

    def __init__(self, mesh: Mesh, *, items: int = ITEMS) -> None:
        self._mesh = mesh
        self._items = min(items, ITEMS)
        self._kinds: dict[_Key, _Kind] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def encode(self, target: str, request: bytes, deadline: Deadline) -> bytes:
        """As `Mesh.unary` does."""
        if len(request) > BYTES or context.is_traced():
            return await self._mesh.unary(target, _ENCODE, request, deadline=deadline)
        rest, contents = parted(request)
        if len(contents) != 1 or _ends_by_deadline(rest):
            return await self._mesh.unary(target, _ENCODE, request, deadline=deadline)
        key = (target, rest, context.current().authorization, IN_BULK.get())
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _Kind(*key)
        if kind.hops < max(len(self._mesh.peers(target)), 1):
            kind.hops += 1
            try:
                return await self._mesh.unary(target, _ENCODE, request, deadline=deadline)
            finally:
                self._landed(kind)
        answer = await self._joined(kind, contents[0], deadline)
        if answer is None:
            return await self._mesh.unary(target, _ENCODE, request, deadline=deadline)
        return answer

    def waiting(self, target: str) -> int:
        """Tokens of the calls for a deployment that wait for a hop, estimated."""
        return sum(
            estimate(member.content)
            for kind in self._kinds.values()
            if kind.target == target
            for member in kind.waiting
        )

    async def _joined(self, kind: _Kind, content: bytes, deadline: Deadline) -> bytes | None:
        loop = asyncio.get_running_loop()
        member = _Member(content, deadline, loop.create_future(), contextvars.copy_context())
        kind.waiting.append(member)
        if len(kind.waiting) >= self._items:
            self._send(kind)
        elif kind.timer is None:
            kind.timer = loop.call_later(PATIENCE, self._send, kind)
        try:
            return await member.answer
        finally:
            if member in kind.waiting:  # cancelled before it was sent
                kind.waiting.remove(member)

    def _send(self, kind: _Kind) -> None:
        """Sends what waits in one hop."""
        if kind.timer is not None:
            kind.timer.cancel()
            kind.timer = None
        members, kind.waiting = kind.waiting, []
        if not members:
            return
        kind.hops += 1
        # On behalf of the first: the request id that the replica logs is its.
        hop = self._hop(kind, members)
        task = asyncio.get_running_loop().create_task(hop, context=members[0].context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        for member in members:
            member.answer.add_done_callback(lambda _: _cancel_unwanted(task, members))

    async def _hop(self, kind: _Kind, members: Sequence[_Member]) -> None:
        request = b"".join((kind.rest, *(member.content for member in members)))
        deadline = Deadline(max(member.deadline.at for member in members))
        answers: Sequence[bytes | Exception | None]
        try:
            response = await self._mesh.unary(
                kind.target, _ENCODE, request, deadline=deadline, calls=len(members)
            )
            answers = split(response, len(members))
        except asyncio.CancelledError:
            for member in members:
                member.answer.cancel()
            raise
        except grpc.aio.AioRpcError as error:
            answers = [None if error.code() in _OF_ONE else error] * len(members)
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody may be left waiting
            answers = [error] * len(members)
        finally:
            self._landed(kind)
        for member, answer in zip(members, answers, strict=True):
            if member.answer.done():
                continue
            if isinstance(answer, Exception):
                member.answer.set_exception(answer)
            else:
                member.answer.set_result(answer)

    def _landed(self, kind: _Kind) -> None:
        """A hop was answered: the next one may go."""
        kind.hops -= 1
        if kind.waiting:
            self._send(kind)
        elif not kind.hops:
            self._kinds.pop((kind.target, kind.rest, kind.authorization, kind.in_bulk), None)


@functools.lru_cache(maxsize=256)  # calls of a kind have the same bytes
def _ends_by_deadline(rest: bytes) -> bool:
    """Whether a request without its contents allows its deadline to choose a layer."""
    return bool(encoder_pb2.EncodeRequest.FromString(rest).output.earliest_layer)


def _cancel_unwanted(task: asyncio.Task[None], members: Sequence[_Member]) -> None:
    if all(member.answer.cancelled() for member in members):
        task.cancel()


def parted(request: bytes) -> tuple[bytes, list[bytes]]:
    """An EncodeRequest without its contents, and each of these as the field that it is on the wire."""
    rest: list[bytes] = []
    contents: list[bytes] = []
    for number, begin, _, end in fields(request):
        (contents if number == _CONTENTS else rest).append(request[begin:end])
    return b"".join(rest), contents


def split(response: bytes, count: int) -> list[bytes | None]:
    """A response per result of an EncodeResponse of `count`; None for an input that was found at fault."""
    merged = encoder_pb2.EncodeResponse.FromString(response)
    if len(merged.results) != count:
        raise RuntimeError(f"{count} contents gave {len(merged.results)} results")
    tokens = sum(_computed(result.encoding) for result in merged.results)
    return [
        None
        if result.error.code == _INVALID.value[0]
        else encoder_pb2.EncodeResponse(
            results=[result], timing=merged.timing, cost=_share(merged.cost, result.encoding, tokens)
        ).SerializeToString()
        for result in merged.results
    ]


def _computed(encoding: encoder_pb2.Encoding) -> int:
    return encoding.token_count if encoding.source in _COMPUTED else 0


def _share(cost: report_pb2.Cost, encoding: encoder_pb2.Encoding, tokens: int) -> report_pb2.Cost:
    """One result's part of a cost, by its part of the tokens that were computed."""
    part = _computed(encoding) / tokens if tokens else 0.0
    return report_pb2.Cost(
        batch_size=cost.batch_size,
        tokens=round(cost.tokens * part),
        padding_tokens=round(cost.padding_tokens * part),
        cached_items=int(encoding.source in _CACHED),
        shared_items=int(encoding.source == encoder_pb2.ENCODING_SOURCE_IN_FLIGHT),
    )
