"""The platform as a Ray Serve application: a deployment per encoder space, per other service, and a gateway.

Ray Serve places, restarts and rolls out the replicas; calls go straight from gRPC server to gRPC server. So
Serve's proxies are off, and what a replica publishes of itself is the address of its own server.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

import yaml
from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

from tieback.serving.mesh import directory, discovery
from tieback.serving.plan import Plan
from tieback.serving.processes.autoscaling import autoscaling_config
from tieback.serving.processes.services import SERVICES
from tieback.serving.settings import Settings, load_settings

if TYPE_CHECKING:
    from tieback.serving.processes.gateway import GatewayProcess
    from tieback.serving.processes.replica import ServiceProcess

APPLICATION = "tieback"
HEALTH_SECONDS = 1.0  # how soon a replica that was killed is noticed
_WILDCARDS = ("0.0.0.0", "::", "[::]")  # noqa: S104 - compared with, not bound to
_PIN = 0.001  # of a resource that stands for a machine, not for an amount
Handles = Mapping[str, DeploymentHandle[Any]]


class Replica:
    """A replica of any deployment. Ray Serve calls its methods; nobody else does.

    `host` is the address that the inner side listens on; empty for this machine's address in the cluster.
    """

    def __init__(self, settings: Settings, target: str, others: Handles, host: str) -> None:
        self._settings = settings
        self._host = host
        self._process = _process(settings, target)
        self._watched = discovery.watch(others)

    async def record_replica_metadata(self) -> dict[str, str]:
        """Starts serving; Serve hands what this returns to every process that watches the deployment."""
        return await self._process.start(self._host or discovery.own_host())

    def check_health(self) -> None:
        """Runs on the event loop that serves, so it does not return where that loop is stuck."""
        self._process.check()

    async def __del__(self) -> None:
        """Serve awaits this before it ends the process, also where the constructor failed."""
        if hasattr(self, "_process"):
            await self._process.stop()


class ScalingReplica(Replica):
    """A replica whose kind may grow in number."""

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Rules of the number, where it follows the load: see `tieback.serving.processes.autoscaling`."""
        return cast("ServiceProcess", self._process).signal()


class EncoderReplica(ScalingReplica):
    """A replica that clients may ask themselves."""

    async def record_replica_metadata(self) -> dict[str, str]:
        """Serves clients directly too, where `direct` is set."""
        public = self._settings.host if self._settings.host not in _WILDCARDS else discovery.own_host()
        process = cast("ServiceProcess", self._process)
        return await process.start(
            self._host or discovery.own_host(), public if self._settings.direct else ""
        )


class Gateway(Replica):
    """A replica of the public door. It watches its own kind too: the metrics page joins all gateways."""

    def __init__(self, settings: Settings, target: str, others: Handles, host: str) -> None:
        own = discovery.handle_of(target, APPLICATION)
        super().__init__(settings, target, {**others, target: own}, host)


def _process(settings: Settings, target: str) -> ServiceProcess | GatewayProcess:
    # Imported here, so that neither kind loads what the other needs.
    if target == directory.GATEWAY:
        from tieback.serving.processes.gateway import GatewayProcess

        return GatewayProcess(settings)
    from tieback.serving.processes.replica import ServiceProcess

    return ServiceProcess(settings, target, discovery.shared_key())


def build(settings: Settings, *, inner_host: str = "") -> Application:
    """The application for these settings. `inner_host` is for clusters of one machine: see `Replica`."""
    plan = Plan(settings)
    ordinary: dict[str, Any] = {"num_cpus": settings.replica_cpus}
    store = settings.store_resource or settings.pin_resource
    places: dict[str, dict[str, Any]] = {
        "any": ordinary,
        "accelerated": ordinary | {"num_gpus": settings.replica_gpus},
        "door": ordinary | {"resources": {settings.pin_resource: _PIN} if settings.pin_resource else {}},
        # It needs no core to be kept off other machines, so that one without any can be for it alone.
        "store": {"num_cpus": 0, "resources": {store: _PIN}} if store else ordinary,
    }
    most = settings.replicas_per_node
    limit: dict[str, Any] = {"max_replicas_per_node": most} if most else {}

    def bound(target: str, others: Handles, place: str, kind: type[Any] = Replica, **number: Any) -> Any:
        decorate = serve.deployment(
            name=target,
            **number,
            **({} if place == "store" else limit),
            ray_actor_options=dict(places[place]),
            request_router_config=discovery.router_config(),
            health_check_period_s=HEALTH_SECONDS,
            # Gateways share their port, so a new one listens before the old one stops, and a new replica at
            # the store waits for the old one's lock. Where machines are limited, others may have no room.
            max_surge_percent=0 if limit and place != "store" else 100,
            graceful_shutdown_timeout_s=settings.drain_seconds + 5.0,
            graceful_shutdown_wait_loop_s=0.1,
            # Serve logs its own calls, of which there are none; replicas log by
            # `tieback.serving.metrics.logs`.
            logging_config={"log_level": "ERROR", "enable_access_log": False},
        )
        return decorate(kind).bind(settings, target, others, inner_host)

    handles: dict[str, Any] = {}
    elsewhere = {card.name for card in plan.endpoints}
    for service in SERVICES:
        for target in service.own_deployments(plan):
            called = {name: one for name, one in handles.items() if directory.kind(name) in service.calls}
            place: str = service.place(plan)
            if target.partition(":")[2] in elsewhere:  # asked over the network
                place = "any"
            kind: type[Replica] = Replica
            number: dict[str, Any] = {"num_replicas": 1 if place == "store" else settings.replicas}
            if service.each is not None:
                kind = EncoderReplica if service.name == directory.ENCODER else ScalingReplica
                if (scaling := autoscaling_config(settings)) is not None:
                    number = {"autoscaling_config": scaling}
            handles[target] = bound(target, called, place, kind, **number)
    application: Application = bound(
        directory.GATEWAY, handles, "door", Gateway, num_replicas=settings.gateways
    )
    return application


def application(arguments: dict[str, Any]) -> Application:
    """The application that a Ray Serve configuration names: ``import_path:
    tieback.serving.processes.deployments:application``.

    Arguments are settings by name; what they leave out comes from the environment.
    """
    return build(load_settings(**arguments))


IMPORT_PATH = "tieback.serving.processes.deployments:application"


def serve_config(settings: Settings, given: Collection[str]) -> str:
    """YAML with the settings whose names were given; the environment of the cluster decides the others."""
    application: dict[str, Any] = {
        "name": APPLICATION,
        "import_path": IMPORT_PATH,
        "route_prefix": None,
        "args": settings.model_dump(mode="json", include=set(given)),
    }
    return yaml.safe_dump({"proxy_location": "Disabled", "applications": [application]}, sort_keys=False)
