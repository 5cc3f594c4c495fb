"""The sides that are compared, grouped by the server behind them. Only one server runs at any time: an idle
Ray cluster alone would slow a neighbour's calls by half a millisecond."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import grpc
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.v1 import catalog_pb2, catalog_pb2_grpc

from benchmarks.load.target import Target
from benchmarks.load.tieback import PHOTO_SPACE, TEXT_SPACE, ClientTarget, StubTarget
from benchmarks.peers import peers
from benchmarks.peers.tuning import Tuning
from benchmarks.served import Served, served

LOCAL, LOCAL_CLIENT, INT8, RAY, RAY_DIRECT = "local", "local_client", "local_int8", "ray", "ray_direct"
TITLES = {
    LOCAL: "tieback, local",
    LOCAL_CLIENT: "tieback, local, by its client",
    INT8: "tieback, local, int8",
    RAY: "tieback on Ray Serve",
    RAY_DIRECT: "tieback on Ray Serve, direct",
    "ray_proxy": "Ray Serve's own proxy",
    "infinity": "Infinity",
    "mlserver": "MLServer",
    "litserve": "LitServe",
    "triton": "Triton",
}
SECONDARY = (LOCAL_CLIENT, RAY_DIRECT)
"""Other ways to a server that is measured anyhow: they are compared on short texts alone."""

SPACES = (TEXT_SPACE, PHOTO_SPACE)
FLOAT32 = {"TIEBACK_GENERATOR": "none", "TIEBACK_PRECISION": "float32"}
DIRECT_SECONDS = 5.0


@dataclass(frozen=True)
class Running:
    """A server that runs, how each side reaches it, and where it is ours, itself."""

    targets: Mapping[str, Target]
    server: Served | None = None


@dataclass(frozen=True)
class Group:
    """Sides with one server. `serve` runs it, a peer's as it is tuned; StartError where it does not start."""

    name: str
    sides: Sequence[str]
    serve: Callable[[Tuning], AbstractContextManager[Running]]
    is_peer: bool = False


def groups(wanted: Sequence[str]) -> list[Group]:
    """The groups with at least one of the wanted sides; what is not wanted of them is left out."""
    found = [
        Group("local", (LOCAL, LOCAL_CLIENT), _local),
        Group("local, int8", (INT8,), _int8),
        Group("Ray Serve", (RAY, RAY_DIRECT), _ray),
        *(Group(name, (name,), _peer(name), is_peer=True) for name in peers()),
    ]
    return [
        Group(group.name, sides, group.serve, group.is_peer)
        for group in found
        if (sides := [side for side in group.sides if side in wanted])
    ]


def names() -> list[str]:
    """Every side."""
    return [LOCAL, LOCAL_CLIENT, INT8, RAY, RAY_DIRECT, *peers()]


@contextlib.contextmanager
def _local(_: Tuning) -> Iterator[Running]:
    with served(local=True, spaces=SPACES, settings=FLOAT32) as server:
        targets: dict[str, Target] = {
            LOCAL: StubTarget([server.address]),
            LOCAL_CLIENT: ClientTarget(server.address),
        }
        yield Running(targets, server)


@contextlib.contextmanager
def _int8(_: Tuning) -> Iterator[Running]:
    with served(local=True, spaces=SPACES, settings=FLOAT32 | {"TIEBACK_PRECISION": "int8"}) as server:
        yield Running({INT8: StubTarget([server.address])}, server)


@contextlib.contextmanager
def _ray(_: Tuning) -> Iterator[Running]:
    with served(local=False, spaces=SPACES, settings=FLOAT32 | {"TIEBACK_DIRECT": "true"}) as server:
        targets: dict[str, Target] = {RAY: StubTarget([server.address])}
        if direct := _endpoints(server.address):
            targets[RAY_DIRECT] = StubTarget(direct)
        yield Running(targets, server)


def _peer(name: str) -> Callable[[Tuning], AbstractContextManager[Running]]:
    @contextlib.contextmanager
    def serve(tuning: Tuning) -> Iterator[Running]:
        card = next(card for card in Catalog.load().encoders() if card.name == TEXT_SPACE)
        model = Store().open(card)
        graph, tokenizer = model.path("model.onnx"), model.path("tokenizer.json")
        with peers()[name].serve(graph, tokenizer, card.max_tokens or 0, tuning) as target:
            yield Running({name: target})

    return serve


def _endpoints(address: str) -> list[str]:
    """Addresses of the text encoder's replicas themselves; nothing where the server names none."""
    request = catalog_pb2.ListEndpointsRequest(service=f"encoder:{TEXT_SPACE}")
    with grpc.insecure_channel(address) as channel:
        try:
            reply = catalog_pb2_grpc.CatalogServiceStub(channel).ListEndpoints(
                request, timeout=DIRECT_SECONDS
            )
        except grpc.RpcError:
            return []
    return [endpoint.address for endpoint in reply.endpoints]
