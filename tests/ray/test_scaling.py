"""A platform whose encoder follows its load, behind two gateways, and with replicas that clients may ask."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Iterator

import grpc
import pytest
from support.running_platform import Platform, wait_for
from support.statuses import trailing
from tieback.v1 import catalog_pb2, catalog_pb2_grpc, content_pb2, encoder_pb2, encoder_pb2_grpc
from tieback_client import Client, TiebackError

pytestmark = pytest.mark.ray
SPACE = "paraphrase-minilm-l3-v2"  # the lightest one that a queue forms in front of
SERVICE = f"encoder:{SPACE}"
QUICK = """
from tieback.serving.processes.cluster import Cluster
deploy = Cluster.deploy

def quickly(*arguments):
    from tieback.serving.processes import autoscaling
    autoscaling.TARGET_WAIT, autoscaling.UP_SECONDS, autoscaling.DOWN_SECONDS = 0.2, 1.0, 2.0
    deploy(*arguments)

Cluster.deploy = quickly
"""
"""Scales within seconds. Ray is imported only once its token is set, so not here."""
WORDS = "the gravity of the moon pulls the sea and makes the tides " * 4


@pytest.fixture(scope="module")
def elastic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    options = {
        "spaces": f"{SPACE},wordllama-256",
        "gateways": "2",
        "replicas-max": "2",
    }
    given = [word for name, value in options.items() for word in (f"--{name}", value)]
    given += ["--direct", "--generator", "none", "--cache-bytes", "0"]
    running = Platform(tmp_path_factory.mktemp("elastic"), *given, before=QUICK)
    try:
        yield running.ready()
    finally:
        running.kill()


class Callers:
    """Threads that encode batches of new texts without a pause; counts what came of it."""

    def __init__(self, address: str, count: int, batch: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self._address, self._batch = address, batch
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(count)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _call(self) -> None:
        with Client(self._address, timeout=60) as client:
            while not self._stop.is_set():
                texts = [f"{secrets.token_hex(4)} {WORDS}" for _ in range(self._batch)]
                try:
                    client.encode(texts, space=SPACE)
                except TiebackError as error:
                    self.outcomes[repr(error)] += 1
                else:
                    self.outcomes["ok"] += 1


def replicas(client: Client) -> int:
    return next(state.replicas for state in client.server_info().services if state.name == SERVICE)


def asked(platform: Platform) -> Counter[str]:
    return platform.by_replica("tieback_requests_total", deployment=SERVICE, method="Encode", code="OK")


def endpoints(platform: Platform, service: str) -> list[catalog_pb2.Endpoint]:
    with grpc.insecure_channel(platform.address) as channel:
        request = catalog_pb2.ListEndpointsRequest(service=service)
        return list(catalog_pb2_grpc.CatalogServiceStub(channel).ListEndpoints(request, timeout=10).endpoints)


def test_a_replica_is_asked_directly_at_the_address_that_the_catalog_has(elastic: Platform) -> None:
    [endpoint] = endpoints(elastic, SERVICE)
    request = encoder_pb2.EncodeRequest(space=SPACE, contents=[content_pb2.Content(text="the sea")])

    with grpc.insecure_channel(endpoint.address) as channel:
        response, call = encoder_pb2_grpc.EncoderServiceStub(channel).Encode.with_call(request, timeout=20)

    assert endpoint.address != elastic.address
    assert response.results[0].encoding.token_count > 0
    assert "tieback-load" in trailing(call)


def test_a_service_without_replicas_for_clients_is_asked_at_the_gateway(elastic: Platform) -> None:
    assert endpoints(elastic, "router") == []
    with pytest.raises(grpc.RpcError) as caught:
        endpoints(elastic, "encoder:nowhere")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert SERVICE in str(caught.value.details())


def test_both_gateways_take_connections(elastic: Platform) -> None:
    for _ in range(16):
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(elastic.address, options) as channel:
            request = encoder_pb2.EncodeRequest(
                space="wordllama-256", contents=[content_pb2.Content(text="a")]
            )
            encoder_pb2_grpc.EncoderServiceStub(channel).Encode(request, timeout=20)

    counts = elastic.by_replica("tieback_requests_total", deployment="gateway", method="Encode")
    assert len([count for count in counts.values() if count]) == 2


def test_replicas_follow_a_step_of_load_up_and_down_and_no_call_fails(elastic: Platform) -> None:
    with Client(elastic.address, timeout=60) as client, Callers(elastic.address, 1, 1) as light:
        assert replicas(client) == 1
        with Callers(elastic.address, 8, 64) as heavy:
            wait_for(lambda: replicas(client) == 2, 60)
            wait_for(lambda: len(asked(elastic)) == 2, 30)
        wait_for(lambda: replicas(client) == 1, 60)

    assert heavy.outcomes.keys() == {"ok"}, heavy.outcomes
    assert light.outcomes.keys() == {"ok"}, light.outcomes
