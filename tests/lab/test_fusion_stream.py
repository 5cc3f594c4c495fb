"""Parts of one thing that come one after another over one call, and what may happen to it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest
from support.coloured_triplets import shades_in
from support.lab import lab as lab
from support.served_fusions import DRAIN_SECONDS, FusionServer, fusion_server, gateway_to
from support.small_fusions import rounds_file, things_file, train_fusion
from support.statuses import Failure
from support.waiting import until
from tieback_client import DeadlineExceeded, InvalidArgument, NotFound, TiebackError
from tieback_client.transport.codec import writing
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector
from tieback_lab.client import AsyncClient
from tieback_lab.contract.fusion import FusedThing, Thing, ThingPart
from tieback_lab.models.learned.fusion import LearnedFusion
from tieback_lab.v1 import fusion_pb2, fusion_pb2_grpc

IN_TURN = ("shades", "rounds")
Parts = Mapping[str, Encoding]
_thing = writing(Thing, fusion_pb2.Thing)


@pytest.fixture(scope="module")
def fusions(tmp_path_factory: pytest.TempPathFactory) -> list[LearnedFusion]:
    world = shades_in(tmp_path_factory.mktemp("streams"))
    data = things_file(world)
    made = [
        train_fusion(world, data, method="multimodn", dropout=0.0, steps=20),
        train_fusion(world, rounds_file(world), method="lstm", name="rounds", dropout=0.0, steps=20),
        train_fusion(world, data, method="ptunifier", name="pooled", steps=5),
        train_fusion(world, data, method="multimodn", name="substituted", missing="substitute", steps=5),
    ]
    return [LearnedFusion.load(one.folder, world.cards) for one in made]


@pytest.fixture
async def server(fusions: list[LearnedFusion]) -> AsyncIterator[FusionServer]:
    async with fusion_server(*fusions) as one:
        yield one


@pytest.fixture
async def client(server: FusionServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.address, timeout=20) as one:
        yield one


@pytest.fixture
def parts(fusions: list[LearnedFusion]) -> list[tuple[str, Encoding]]:
    """A photo and what is said of it, in turn."""
    one, draw = fusions[0], np.random.default_rng(3)
    widths = dict(zip(one.names, one.widths, strict=True))
    spaces = {part.name: one.spaces[part.space] for part in one.description.parts}
    return [
        (name, encoded(draw.normal(size=widths[name]).astype(np.float32), spaces[name]))
        for name in ("photo", "title", "note")
    ]


def encoded(values: Array, space: SpaceRef) -> Encoding:
    return Encoding(space, Modality.TEXT, Vector(values, space))


def of(*parts: tuple[str, Encoding], known: FusedThing | None = None) -> Thing:
    """New parts of a thing, of which something may be known."""
    given = [ThingPart(*one) for one in parts]
    return Thing(given) if known is None else Thing(given, state=known.state, seen=known.present)


def assert_same(one: FusedThing, other: FusedThing) -> None:
    """Asserts that two things are the same in all that is known of them."""
    for mine, its in ((one.vector, other.vector), (one.state, other.state)):
        assert mine is not None
        assert its is not None
        np.testing.assert_array_equal(mine.decoded(), its.decoded())
    for name in ("present", "missing", "replaced", "unseen", "expected_loss", "predictions"):
        assert getattr(one, name) == getattr(other, name), name


async def one_by_one(client: AsyncClient, fusion: str, things: Sequence[Thing]) -> list[FusedThing]:
    """The same by calls of Fuse, each with the state of the one before."""
    known: list[FusedThing] = []
    for thing in things:
        given = Thing(thing.parts, state=known[-1].state, seen=known[-1].present) if known else thing
        known.append((await client.fuse_parts(fusion, [given]))[0])
    return known


@asynccontextmanager
async def raw(address: str, **options: Any) -> AsyncIterator[Any]:
    """A stream without the SDK."""
    async with grpc.aio.insecure_channel(address) as channel:
        call = fusion_pb2_grpc.FusionServiceStub(channel).FuseStream(**options)  # type: ignore[no-untyped-call]  # generated
        yield call
        call.cancel()


def request(*parts: tuple[str, Encoding], **more: Any) -> fusion_pb2.FuseStreamRequest:
    return fusion_pb2.FuseStreamRequest(thing=_thing(of(*parts), None), **more)


@pytest.mark.parametrize("fusion", IN_TURN)
async def test_a_stream_gives_after_each_part_what_fuse_gives_with_the_state_before(
    client: AsyncClient, parts: list[tuple[str, Encoding]], fusion: str
) -> None:
    given = [of(parts[0]), of(parts[1], parts[2])]
    if fusion == "rounds":
        given += [of(parts[1]), of(parts[2], parts[1])]

    streamed = [one async for one in client.fuse_stream(fusion, given)]

    for mine, its in zip(streamed, await one_by_one(client, fusion, given), strict=True):
        assert_same(mine, its)
    assert list(streamed[0].missing) == ["title", "note"]
    assert list(streamed[-1].present) == ["photo", "title", "note"]


@pytest.mark.parametrize("fusion", IN_TURN)
async def test_a_session_that_is_resumed_at_any_part_ends_as_an_unbroken_one(
    client: AsyncClient, parts: list[tuple[str, Encoding]], fusion: str
) -> None:
    unbroken = [one async for one in client.fuse_stream(fusion, map(of, parts))]

    for place in (1, 2):
        known, rest = unbroken[place - 1], [of(one) for one in parts[place:]]
        resumed = [of(parts[place], known=known), *rest[1:]]
        for mine, its in zip(
            [one async for one in client.fuse_stream(fusion, resumed)], unbroken[place:], strict=True
        ):
            assert_same(mine, its)


async def test_the_server_keeps_the_state_and_the_name_of_the_fusion_within_a_stream(
    server: FusionServer, client: AsyncClient, parts: list[tuple[str, Encoding]]
) -> None:
    whole = [one async for one in client.fuse_stream("rounds", map(of, parts))]

    async with raw(server.address) as call:
        await call.write(request(parts[0], fusion="rounds"))
        await call.read()
        for one, expected in zip(parts[1:], whole[1:], strict=True):
            await call.write(request(one))
            fused = (await call.read()).fused
            assert list(fused.present) == list(expected.present)
            assert expected.state is not None
            assert fused.state.values.data == expected.state.values.astype("<f4").tobytes()


async def test_a_part_is_drawn_when_the_reply_to_the_last_was_taken(
    client: AsyncClient, parts: list[tuple[str, Encoding]]
) -> None:
    drawn: list[str] = []

    def said() -> Iterator[Thing]:
        for name, encoding in parts:
            drawn.append(name)
            yield of((name, encoding))

    async with client.fuse_stream("shades", said(), explain=True) as replies:
        first = await anext(replies)
        assert drawn == ["photo"]
        assert [one.part for one in first.steps] == ["photo"]
        await anext(replies)
        assert drawn == ["photo", "title"]


def _bad(parts: Sequence[tuple[str, Encoding]], what: str) -> Thing:
    (_, photo), (_, title), (_, note) = parts
    assert title.vector is not None
    values, space = np.asarray(title.vector.values), title.space
    foreign = SpaceRef("shades", "r", "state")
    return {
        "name": of(("smell", title)),
        "nan": of(("title", encoded(np.full_like(values, np.nan), space))),
        "width": of(("title", encoded(values[:-1], space))),
        "space": of(("title", photo)),
        "missing": Thing(),
        "twice": of(("note", note), ("note", note)),
        "condition": Thing([ThingPart("title", title)], condition=title),
        "seen": Thing([ThingPart("title", title)], seen=["note"]),
        "state": Thing([ThingPart("title", title)], state=Vector(values, foreign, normalized=False)),
        "rounds": of(*[("title", title)] * 10_000),
    }[what]


@pytest.mark.parametrize(
    ("what", "place"),
    [
        ("name", "thing.parts[0].name"),
        ("width", "thing.parts[0].encoding"),
        ("space", "thing.parts[0].encoding.space"),
        ("missing", "thing.parts"),
        ("twice", "thing.parts[1].name"),
        ("condition", "thing.condition"),
        ("seen", "thing.seen"),
        ("state", "thing.state.space"),
        ("rounds", "thing.parts"),
    ],
)
async def test_the_first_error_ends_a_stream_and_is_that_of_fuse_with_the_path_of_the_field(
    client: AsyncClient, parts: list[tuple[str, Encoding]], what: str, place: str
) -> None:
    bad, replies = _bad(parts, what), []

    with pytest.raises(TiebackError) as unary:
        _ = (await client.fuse_parts("shades", [bad]))[0]
    with pytest.raises(TiebackError) as ended:
        async for one in client.fuse_stream("shades", [of(parts[0]), bad, of(parts[1])]):
            replies.append(one)

    assert len(replies) == 1
    assert type(ended.value) is type(unary.value)
    found, expected = ended.value.details, unary.value.details
    assert found.reason == expected.reason
    told = [(one.field, one.description) for one in found.violations]
    assert told == [(one.field.replace("things[0]", "thing"), one.description) for one in expected.violations]
    assert told[0][0].startswith(place)


async def test_numbers_that_are_not_finite_are_refused_by_the_sdk_and_by_the_server(
    server: FusionServer, client: AsyncClient, parts: list[tuple[str, Encoding]]
) -> None:
    with pytest.raises(InvalidArgument, match="not finite") as refused:
        _ = [one async for one in client.fuse_stream("shades", [of(parts[0]), _bad(parts, "nan")])]
    assert refused.value.field == "parts[1].parts[0].encoding.dense.values"

    broken = request(parts[0], fusion="shades")
    values = broken.thing.parts[0].encoding.dense.values
    values.data = np.full(len(values.data) // 4, np.nan, "<f4").tobytes()
    async with raw(server.address) as call:
        await call.write(broken)
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await call.read()
    failure = Failure.of(ended.value)
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.field.startswith("thing.parts[0].encoding.dense")


async def test_a_fusion_that_takes_no_state_an_unknown_one_and_another_one_are_refused_by_name(
    server: FusionServer, client: AsyncClient, parts: list[tuple[str, Encoding]]
) -> None:
    for name, method in (("pooled", "ptunifier"), ("substituted", "multimodn")):
        with pytest.raises(InvalidArgument, match=f"{method} reads all parts at once") as refused:
            await anext(client.fuse_stream(name, [of(parts[0])]))
        assert refused.value.field == "fusion"
    with pytest.raises(NotFound, match="pooled"):
        await anext(client.fuse_stream("shapes", [of(parts[0])]))

    async with raw(server.address) as call:
        await call.write(request(parts[0], fusion="shades"))
        await call.read()
        await call.write(request(parts[1], fusion="rounds"))
        with pytest.raises(grpc.aio.AioRpcError, match="this stream is for the fusion 'shades'"):
            await call.read()


async def test_many_rounds_are_fused_beside_the_event_loop_as_few_are_on_it(
    client: AsyncClient, parts: list[tuple[str, Encoding]]
) -> None:
    rounds = list(itertools.islice(itertools.cycle(parts), 60))

    at_once = [one async for one in client.fuse_stream("rounds", [of(*rounds)])]
    in_turn = [one async for one in client.fuse_stream("rounds", map(of, rounds))]

    assert len(in_turn) == 60
    assert_same(at_once[-1], in_turn[-1])


async def test_a_caller_that_goes_away_frees_the_stream_which_waited_for_a_part(
    server: FusionServer, client: AsyncClient, parts: list[tuple[str, Encoding]]
) -> None:
    replies = client.fuse_stream("shades", map(of, parts))
    await anext(replies)
    assert server.streams == 1

    await replies.close()

    await until(lambda: server.streams == 0)
    assert (await client.fuse_parts("shades", [of(parts[0])]))[0].present == ["photo"]


async def test_a_deadline_ends_a_stream_that_waits_for_a_part(
    server: FusionServer, client: AsyncClient, parts: list[tuple[str, Encoding]]
) -> None:
    async with raw(server.address, timeout=0.5) as call:
        await call.write(request(parts[0], fusion="shades"))
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            for _ in range(2):
                await call.read()
        assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: server.streams == 0)

    async def slowly() -> AsyncIterator[Thing]:
        yield of(parts[0])
        await asyncio.sleep(1)
        yield of(parts[1])

    with pytest.raises(DeadlineExceeded):
        _ = [one async for one in client.fuse_stream("shades", slowly(), timeout=0.5)]


@pytest.mark.parametrize("fusion", IN_TURN)
async def test_a_server_that_was_killed_and_returned_goes_on_with_what_was_known(
    server: FusionServer, client: AsyncClient, parts: list[tuple[str, Encoding]], fusion: str
) -> None:
    unbroken = [one async for one in client.fuse_stream(fusion, map(of, parts))]

    replies, found = client.fuse_stream(fusion, map(of, parts)), []
    for _ in parts:
        found.append(await anext(replies))
        await server.kill()
        await server.start()

    for mine, its in zip(found, unbroken, strict=True):
        assert_same(mine, its)


async def test_a_server_that_drains_ends_an_idle_stream_at_once_so_that_another_goes_on(
    server: FusionServer, parts: list[tuple[str, Encoding]]
) -> None:
    async with raw(server.address) as call:
        await call.write(request(parts[0], fusion="shades"))
        await call.read()
        async with asyncio.timeout(DRAIN_SECONDS / 2):
            await server.drain()
        with pytest.raises(grpc.aio.AioRpcError, match="shutting down") as ended:
            await call.read()
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_stream_goes_through_a_gateway_with_its_errors(
    server: FusionServer, client: AsyncClient, parts: list[tuple[str, Encoding]]
) -> None:
    direct = [one async for one in client.fuse_stream("rounds", map(of, parts))]

    async with gateway_to(server) as address, AsyncClient(address, timeout=20) as outside:
        passed = [one async for one in outside.fuse_stream("rounds", map(of, parts))]
        with pytest.raises(InvalidArgument, match="there is no part 'smell'") as refused:
            await anext(outside.fuse_stream("rounds", [_bad(parts, "name")]))

    assert refused.value.field == "thing.parts[0].name"
    for mine, its in zip(passed, direct, strict=True):
        assert_same(mine, its)
