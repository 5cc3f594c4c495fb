"""Replicas are asked without the server in between where that goes, and the server where it does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from support.canned.encoding import Encoder
from support.canned.log import Log
from support.canned.serving import serve
from tieback.v1 import answer_pb2, encoder_pb2, encoder_pb2_grpc, index_pb2
from tieback_client import AsyncClient, Client, Item, Retry, Unavailable
from tieback_client.transport.replicas import Endpoints, LineReplica, Replicas, service_of
from tieback_client.transport.rpc import RPCS
from tieback_contract.server import Endpoint

NOWHERE = "localhost:1"


@pytest.fixture
def replicas() -> Iterator[list[Any]]:
    """Two servers that stand for replicas: each with its address, its log and its end."""

    class One:
        def __init__(self) -> None:
            self.server, port, self.log = serve()
            self.address = f"127.0.0.1:{port}"

    made = [One(), One()]
    yield made
    for one in made:
        one.server.stop(0).wait()


def until(true: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def asked(one: Any, name: str = "Encode") -> int:
    return int(one.log.calls.count(name))


def connected(client: Client, replicas: list[Any]) -> None:
    """Calls until each replica has been asked once."""

    def done() -> bool:
        client.encode("a", space="tiny")
        return all(asked(one) for one in replicas)

    until(done)


def test_replicas_are_asked_themselves_once_they_are_connected(served: Any, replicas: list[Any]) -> None:
    served.log.endpoints = [one.address for one in replicas]
    with Client(served.address, direct=True, token="hush") as client:
        client.encode("a", space="tiny")
        assert asked(served) == 1  # nothing waits for the list
        connected(client, replicas)
        before = asked(served)

        for _ in range(20):
            client.encode("a", space="tiny")

        assert asked(served) == before
        assert replicas[0].log.metadata[-1]["authorization"] == "Bearer hush"


def test_a_replica_that_goes_away_is_noticed_by_the_count_of_retries_alone(
    served: Any, replicas: list[Any]
) -> None:
    served.log.endpoints = [one.address for one in replicas]
    with Client(served.address, direct=True) as client:
        connected(client, replicas)

        replicas[0].server.stop(0).wait()
        served.log.endpoints = [replicas[1].address]
        for _ in range(20):
            client.encode("a", space="tiny")
        after_one = asked(replicas[1])
        replicas[1].server.stop(0).wait()
        served.log.endpoints = []
        begin = time.monotonic()
        for _ in range(20):
            client.encode("a", space="tiny")

        assert after_one >= 15
        assert asked(served) >= 20
        assert client.retries in (1, 2)  # a closed connection may be seen before a call is sent on it
        assert time.monotonic() - begin < 2


def test_a_replica_that_comes_back_is_asked_again(served: Any) -> None:
    server, port, _ = serve()
    served.log.endpoints = [f"127.0.0.1:{port}"]
    with Client(served.address, direct=True) as client:
        until(lambda: bool(client.encode("a", space="tiny") and client.retries == 0 and asked(served) < 100))
        server.stop(0).wait()
        client.encode("a", space="tiny")
        server, _, log = serve(port)
        try:
            until(lambda: bool(client.encode("a", space="tiny")) and bool(log.calls))
        finally:
            server.stop(0).wait()


def test_where_no_replica_can_be_reached_or_none_is_listed_the_server_is_asked(served: Any) -> None:
    with Client(served.address, direct=True) as client:
        client.encode("a", space="tiny")
        served.log.endpoints = [NOWHERE]
        begin = time.monotonic()
        while time.monotonic() - begin < 0.6:
            client.encode("a", space="tiny")

        assert client.retries == 0
        assert asked(served, "ListEndpoints") >= 2  # the list is kept for 0.2 s


def test_a_server_that_knows_no_lists_is_asked_itself() -> None:
    log = Log()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    encoder_pb2_grpc.add_EncoderServiceServicer_to_server(Encoder(log, 0), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with Client(f"127.0.0.1:{port}", direct=True) as client:
            for _ in range(3):
                client.encode("a", space="tiny")
        assert log.calls == ["Encode"] * 3
    finally:
        server.stop(0).wait()


def test_streams_go_to_replicas_and_go_on_elsewhere_when_one_goes_away(
    served: Any, replicas: list[Any]
) -> None:
    served.log.endpoints = [replicas[0].address]
    with Client(served.address, direct=True) as client:
        connected(client, replicas[:1])

        def texts() -> Iterator[str]:
            for number in range(400):
                if number == 200:
                    served.log.endpoints = []
                    replicas[0].server.stop(0).wait()
                yield "abc"

        outcomes = list(client.encode_stream(texts(), space="tiny", batch=8))

        assert len(outcomes) == 400
        assert not any(isinstance(one, Exception) for one in outcomes)
        assert asked(replicas[0], "EncodeStream") == asked(served, "EncodeStream") == 1
        assert client.retries == 1


def test_the_pipeline_and_the_catalog_are_asked_of_the_server(served: Any, replicas: list[Any]) -> None:
    served.log.endpoints = [one.address for one in replicas]
    with Client(served.address, direct=True) as client:
        connected(client, replicas)

        client.spaces()
        client.ingest("notes", [Item("a", "words")]).collect()
        client.retrieve("notes", "words")

        assert served.log.calls.count("ListSpaces") == 1
        assert not any(asked(one, "ListSpaces") + asked(one, "Retrieve") for one in replicas)


async def test_the_asynchronous_client_does_the_same(served: Any, replicas: list[Any]) -> None:
    served.log.endpoints = [one.address for one in replicas]
    async with AsyncClient(served.address, direct=True) as client:
        async with asyncio.timeout(5):
            while not all(asked(one) for one in replicas):
                await client.encode("a", space="tiny")
        before = asked(served)
        for _ in range(10):
            await client.encode("a", space="tiny")
        assert asked(served) == before

        served.log.endpoints = []
        for one in replicas:
            await asyncio.to_thread(one.server.stop(0).wait)
        for _ in range(10):
            await client.encode("a", space="tiny")
        assert asked(served) >= before + 8


def test_without_retries_a_lost_replica_is_an_error(served: Any, replicas: list[Any]) -> None:
    served.log.endpoints = [replicas[0].address]
    with Client(served.address, direct=True, retry=None) as client:
        connected(client, replicas[:1])
        replicas[0].server.stop(0).wait()

        with pytest.raises(Unavailable):
            client.encode("a", space="tiny")
        assert client.encode("a", space="tiny").vectors.shape == (1, 8)


def test_an_overloaded_replica_is_not_left_out(served: Any, replicas: list[Any]) -> None:
    served.log.endpoints = [replicas[0].address]
    with Client(served.address, direct=True, retry=Retry(overloads=True)) as client:
        connected(client, replicas[:1])
        before = asked(replicas[0])

        until(lambda: bool(client.encode("a", space="busy-at-first")) and client.retries > 0)

        assert asked(served) + asked(replicas[0]) >= before + 2


def test_the_list_is_what_the_server_says(client: Client, served: Any) -> None:
    served.log.endpoints = ["10.0.0.1:50052"]

    found = client.endpoints("encoder:tiny")

    assert found == Endpoints([Endpoint("10.0.0.1:50052")], 0.2)


def replica(address: str) -> LineReplica:
    made = LineReplica(address, None)
    made.ready = True
    return made


def test_the_least_loaded_replica_is_taken_by_what_waits_and_what_was_sent() -> None:
    known = Replicas(lambda service: None, replica, lambda one: None, lambda one: None)
    known.take("encoder:tiny", 1)
    known.listed("encoder:tiny", Endpoints([Endpoint("busy", 1000, 100), Endpoint("idle", 0, 100)], 60))

    first = [known.take("encoder:tiny", 300) for _ in range(3)]
    known.listed("encoder:tiny", Endpoints([Endpoint("busy", 1000, 1000), Endpoint("idle", 200, 100)], 60))
    fast = known.take("encoder:tiny", 300)

    assert [one.address for one in first if one is not None] == ["idle"] * 3
    assert fast is not None
    assert fast.address == "busy"


def test_a_replica_says_its_load_with_each_answer() -> None:
    known = Replicas(lambda service: None, replica, lambda one: None, lambda one: None)
    known.take("index", 1)
    known.listed("index", Endpoints([Endpoint("one", 10), Endpoint("other", 20)], 60))
    one = known.take("index", 1)
    assert one is not None

    one.observe({"tieback-load": "500 1000.0"})
    one.observe({"tieback-load": "nonsense"})
    one.observe({})

    assert (one.address, one.queued_tokens, one.tokens_per_second) == ("one", 500, 1000.0)
    other = known.take("index", 1)
    assert other is not None
    assert other.address == "other"


def test_a_replica_is_closed_when_it_is_listed_no_more_and_its_last_call_has_ended() -> None:
    ended: list[str] = []
    known = Replicas(lambda service: None, replica, lambda one: None, lambda one: ended.append(one.address))
    known.take("index", 1)
    known.listed("index", Endpoints([Endpoint("one")], 60))
    taken = known.take("index", 5)
    assert taken is not None

    known.listed("index", Endpoints([Endpoint("other")], 60))
    assert ended == []
    known.give_back(taken, 5)

    assert ended == ["one"]


def test_a_call_says_which_service_it_is_for() -> None:
    stream = encoder_pb2.EncodeStreamRequest(request=encoder_pb2.EncodeRequest(space="tiny"))

    assert service_of(RPCS["Encode"], encoder_pb2.EncodeRequest(space="tiny")) == "encoder:tiny"
    assert service_of(RPCS["EncodeStream"], stream) == "encoder:tiny"
    assert service_of(RPCS["Search"], index_pb2.SearchRequest()) == "index"
    assert service_of(RPCS["Answer"], answer_pb2.AnswerRequest()) is None
    assert service_of(RPCS["ListSpaces"], None) is None


def test_several_channels_are_several_connections_taken_in_turn(served: Any) -> None:
    with Client(served.address, channels=3) as client:
        peers = {client.encode("a", space="tiny").call.metadata["x-peer"] for _ in range(6)}

        assert len(peers) == 3
