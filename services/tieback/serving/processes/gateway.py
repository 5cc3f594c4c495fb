"""The public door of the platform on Ray Serve, in a process of its own.

It passes calls for one service on, serves the pipeline and the catalog itself, and answers Prometheus for
all. Several may share the port of one machine; the kernel spreads connections over them.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Sequence

from tieback_contract.server import Endpoint, ServiceState

from tieback.core.errors import StartupError
from tieback.serving.mesh import Mesh, directory
from tieback.serving.mesh.byte_proxy import ByteProxy
from tieback.serving.mesh.coalescing import Coalescer
from tieback.serving.mesh.directory import DIRECTORY
from tieback.serving.mesh.inner import channel_maker, inner_settings
from tieback.serving.mesh.remote import remote_ports
from tieback.serving.metrics import logs
from tieback.serving.metrics.endpoint_watch import EndpointWatch
from tieback.serving.metrics.scrape import MetricsListener, MetricsPage, Scraper, machine_of_page
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.plan import Plan, assembly
from tieback.serving.processes.doors import OpenedHttpDoor, door_servicers, door_services
from tieback.serving.processes.replica import join_address
from tieback.serving.processes.server import GrpcServer, keep_what_is_there
from tieback.serving.processes.services import SERVICES, targets_of
from tieback.serving.security.credentials import server_credentials
from tieback.serving.settings import Settings

log = logging.getLogger(__name__)
_TAKEOVER_SECONDS = 1.0
_SCRAPE_SECONDS = 8.0


class GatewayProcess:
    """What runs in a gateway's process."""

    def __init__(self, settings: Settings) -> None:
        logs.start(settings)
        self._settings = settings
        self._plan = plan = Plan(settings)
        self._telemetry = Telemetry(settings, process="tieback-gateway")
        self._server = GrpcServer(settings, self._telemetry, shared_port=True)
        self._make_channel = channel_maker(settings)
        self._listener = MetricsListener(self._telemetry, server_credentials(inner_settings(settings)))
        self._scraper = Scraper(DIRECTORY, self._make_channel)
        self._mesh: Mesh | None = None
        self._page: MetricsPage | None = None
        self._http: OpenedHttpDoor | None = None
        if settings.http_port is not None:
            self._http = OpenedHttpDoor(settings, self._server, self._telemetry)
        self._watch = EndpointWatch(plan.endpoints, assembly.open_store(settings), self._server)
        self._host = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        needs = {
            contract: service.deployments(plan)
            for service in SERVICES
            for contract in service.contracts
            if service.is_served(plan)
        }
        self._passed = sorted(needs)
        answering = dict.fromkeys(target for needed in needs.values() for target in needed)
        # The pipeline asks every service but the operations, and a checker of the user's where it is named.
        asked = tuple(target for target in answering if target != directory.OPERATIONS)
        self._targets = (*answering, *(directory.checker(card.name) for card in plan.checkers))
        needs |= {"tieback.v1.AnswerService": asked} if plan.keeps_collections else {}
        needs |= {"tieback.v1.CatalogService": ()}
        needs |= dict.fromkeys(door_services(settings), ())  # each model says itself whether it is there
        self._needs = dict(sorted(needs.items()))

    async def start(self, host: str) -> dict[str, str]:
        """Listens on the public port, and for scrapes on `host`. Returns the addresses to publish."""
        settings, plan, telemetry = self._settings, self._plan, self._telemetry
        mesh = Mesh(DIRECTORY, make_channel=self._make_channel, registry=telemetry.registry)
        self._mesh, self._host = mesh, host
        coalescer = Coalescer(mesh, items=settings.limits.batch_items)
        spaces = [card.name for card in plan.encoders]
        deployments = targets_of(plan)
        passed = {name: deployments[name] for name in self._passed}
        proxy = ByteProxy(mesh, passed, spaces, coalescer=coalescer)
        self._server.add_generic(self._passed, proxy)
        self._server.screen(proxy)
        # Known from cards and bindings alone, so the gateway need not ask the router for it.
        await asyncio.to_thread(lambda: plan.joint)
        ports = remote_ports(mesh, plan, settings, deployments)
        for servicer in assembly.public_servicers(
            settings,
            plan,
            lambda plan: assembly.build_answerer(settings, plan, ports),
            telemetry,
            states=self._states,
            endpoints=functools.partial(direct_endpoints, mesh),
        ):
            self._server.add(servicer)
        for door in door_servicers(settings, plan, ports, self._states):
            self._server.add(door)
        DIRECTORY.listen(self._changed.set)
        keep_what_is_there()
        port = await self._server.start(settings.host, settings.port)
        if self._http is not None:
            await self._http.start(shared=True)
        metrics = join_address(host, await self._listener.start(host))
        self._tasks.append(asyncio.create_task(self._follow_health()))
        await self._watch.start()
        if settings.metrics_port is not None:
            self._tasks.append(asyncio.create_task(self._hold_page(settings.metrics_port)))
        logs.event(log, "serving", deployment=directory.GATEWAY, port=port)
        return {"metrics_address": metrics, "public_port": str(port)}

    def check(self) -> None:
        """Nothing: a gateway serves, or did not start."""

    async def stop(self) -> None:
        """Reports NOT_SERVING, lets running calls end, and frees the ports."""
        for task in self._tasks:
            task.cancel()
        await self._watch.stop()
        if self._http is not None:
            await self._http.stop()
        await self._server.drain()
        if self._page is not None:
            await asyncio.to_thread(self._page.close)
        await self._scraper.close()
        if self._mesh is not None:
            await self._mesh.close()
        await self._listener.stop()
        await asyncio.to_thread(self._telemetry.tracing.close)

    async def _states(self) -> Sequence[ServiceState]:
        return [*self._services(), *self._watch.states()]

    def _services(self) -> list[ServiceState]:
        found = []
        for target in self._targets:
            replicas = len(DIRECTORY.replicas(target))
            found.append(ServiceState(target, replicas > 0, replicas))
        if not self._plan.keeps_collections:
            return found
        ready = all(state.ready for state in found if directory.kind(state.name) != directory.CHECKER)
        return [*found, ServiceState("answer", ready, len(DIRECTORY.replicas(directory.GATEWAY)))]

    async def _follow_health(self) -> None:
        """Keeps the health of every service in step with the replicas that are there, and logs changes."""
        reported: dict[str, bool] = {}
        known: dict[str, int] = {}
        while True:
            self._changed.clear()
            counts = {target: len(DIRECTORY.replicas(target)) for target in self._targets}
            for target, count in counts.items():
                if known and count != known[target]:
                    logs.event(log, "replicas changed", deployment=target, replicas=count)
            known = counts
            for service, needed in self._needs.items():
                ready = all(counts[target] for target in needed)
                if reported.get(service) != ready:
                    reported[service] = ready
                    await self._server.set_ready(service, ready)
            await self._changed.wait()

    async def _hold_page(self, port: int) -> None:
        """Serves the metrics page, or waits to take the port over from another gateway of this machine."""
        loop = asyncio.get_running_loop()

        def read() -> bytes:
            machine = machine_of_page(DIRECTORY)
            if machine not in ("", join_address(self._host, 0).rpartition(":")[0]):
                return f"# All metrics are on the page of {machine}\n".encode()
            return asyncio.run_coroutine_threadsafe(self._scraper.page(), loop).result(_SCRAPE_SECONDS)

        while self._page is None:
            try:
                self._page = MetricsPage(self._settings.host, port, read)
            except StartupError:
                await asyncio.sleep(_TAKEOVER_SECONDS)


def direct_endpoints(mesh: Mesh, service: str) -> list[Endpoint]:
    """The replicas of a deployment that take calls from outside, as this gateway last knew them."""
    found = []
    for replica in mesh.directory.replicas(service):
        if replica.direct_address:
            peer = mesh.peer(replica.address)
            found.append(Endpoint(replica.direct_address, peer.queued, peer.rate))
    return found
