"""One page of metrics for all processes.

Every replica answers one internal method with its own page, on a listener of its own on the platform's inner
side, so that scrapes count as no calls and need no tenant's token. The gateway asks all of them, gives every
series the labels `deployment` and `replica`, and merges the families. A replica that does not answer in time
is missing from the page and counted on it: `tieback_scrape_failures`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc

from tieback.serving import targets
from tieback.serving.directory import Directory, Replica
from tieback.serving.mesh import MakeChannel
from tieback.serving.telemetry import Telemetry

METHOD = "/tieback.internal.Metrics/Read"
FAILURES = "tieback_scrape_failures"
TIMEOUT = 2.0  # seconds; Prometheus itself gives up after 10


class _Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # the stubs make it generic, grpc does not
    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        if handler_call_details.method != METHOD:
            return None

        async def read(_: bytes, __: Any) -> bytes:
            return self._telemetry.page()

        return grpc.unary_unary_rpc_method_handler(read)


class MetricsListener:
    """Answers `METHOD` with this process's page."""

    def __init__(self, telemetry: Telemetry, credentials: grpc.ServerCredentials | None = None) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((_Handler(telemetry),))
        self._credentials = credentials

    async def start(self, host: str) -> int:
        """Listens on a free port and returns it."""
        address = f"{host}:0"
        if self._credentials is None:
            port = self._server.add_insecure_port(address)
        else:
            port = self._server.add_secure_port(address, self._credentials)
        await self._server.start()
        return port

    async def stop(self) -> None:
        """Stops at once."""
        await self._server.stop(None)


def machine_of_page(directory: Directory) -> str:
    """The machine whose page has the whole platform: that of the gateway listed first. "": none yet.

    Of several machines with gateways only one shows them, so that who scrapes all counts everything once.
    """
    gateways = directory.replicas(targets.GATEWAY)
    return gateways[0].metrics_address.rpartition(":")[0] if gateways else ""


class Scraper:
    """Reads the pages of all replicas in the directory and joins them."""

    def __init__(self, directory: Directory, make_channel: MakeChannel) -> None:
        self._directory = directory
        self._make_channel = make_channel
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def page(self) -> bytes:
        """All series of all replicas, in Prometheus's text format."""
        replicas = [
            (deployment, replica)
            for deployment in self._directory.deployments()
            for replica in self._directory.replicas(deployment)
            if replica.metrics_address
        ]
        await self._forget({replica.metrics_address for _, replica in replicas})
        texts = await asyncio.gather(*(self._read(replica) for _, replica in replicas))
        return join({(name, replica.id): text for (name, replica), text in zip(replicas, texts, strict=True)})

    async def close(self) -> None:
        """Closes the channels."""
        await self._forget(set())

    async def _read(self, replica: Replica) -> str | None:
        address = replica.metrics_address
        if address not in self._channels:
            self._channels[address] = self._make_channel(address, [("grpc.enable_http_proxy", 0)])
        read: Any = self._channels[address].unary_unary(METHOD, None, None)
        try:
            page: bytes = await read(b"", timeout=TIMEOUT)
        except grpc.aio.AioRpcError:
            return None
        return page.decode()

    async def _forget(self, kept: set[str]) -> None:
        for address in self._channels.keys() - kept:
            await self._channels.pop(address).close(None)


def join(pages: Mapping[tuple[str, str], str | None]) -> bytes:
    """One page of the pages by (deployment, replica); None for a replica that did not answer.

    Works on lines, since a scrape must not hold up the calls of the gateway that answers it: a page as
    `generate_latest` writes it is families of two comment lines and then one line per series.
    """
    heads: dict[str, list[str]] = {}
    series: dict[str, list[str]] = {}
    failures = [
        f"# HELP {FAILURES} Replicas that did not answer this scrape; their other series are missing."
    ]
    failures.append(f"# TYPE {FAILURES} gauge")
    for (deployment, replica), page in pages.items():
        labels = f'deployment="{deployment}",replica="{replica}"'
        failures.append(f"{FAILURES}{{{labels}}} {int(page is None)}")
        family = ""
        for line in (page or "").splitlines():
            if line.startswith("# "):
                _, kind, name, *_ = line.split(" ", 3)
                if kind == "HELP":
                    family = name
                    fresh = name not in heads
                    heads.setdefault(name, [])
                    series.setdefault(name, [])
                if fresh:
                    heads[family].append(line)
            elif line:
                name, brace, rest = line.partition("{")
                if brace:
                    series[family].append(f"{name}{{{labels},{rest}")
                else:
                    name, _, value = line.partition(" ")
                    series[family].append(f"{name}{{{labels}}} {value}")
    lines = [line for family in heads for line in (*heads[family], *series[family])]
    return ("\n".join([*failures, *lines]) + "\n").encode()
