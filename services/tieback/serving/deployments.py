"""The platform as a Ray Serve application: a deployment per encoder space, per other service, and a gateway.

Ray Serve places, restarts and rolls out the replicas; calls go straight from gRPC server to gRPC server. So
Serve's proxies are off, and what a replica publishes of itself is the address of its own server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig
from ray.serve.handle import DeploymentHandle

from tieback.serving import discovery, targets
from tieback.serving.autoscaling import autoscaling_config
from tieback.serving.plan import Plan
from tieback.serving.settings import Settings, load_settings

if TYPE_CHECKING:
    from tieback.serving.gateway import GatewayProcess
    from tieback.serving.replica import ServiceProcess

APPLICATION = "tieback"
HEALTH_SECONDS = 1.0  # how soon a replica that was killed is noticed
_WILDCARDS = ("0.0.0.0", "::", "[::]")  # noqa: S104 - compared with, not bound to
_PIN = 0.001  # of a resource that says where, not how much
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

    async def __del__(self) -> None:
        """Serve awaits this before it ends the process, also where the constructor failed."""
        if hasattr(self, "_process"):
            await self._process.stop()


class EncoderReplica(Replica):
    """A replica whose kind may grow in number."""

    async def record_replica_metadata(self) -> dict[str, str]:
        """Serves clients directly too, where the settings say so."""
        public = self._settings.host if self._settings.host not in _WILDCARDS else discovery.own_host()
        process = cast("ServiceProcess", self._process)
        return await process.start(
            self._host or discovery.own_host(), public if self._settings.direct else ""
        )

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What the number is decided by, where it follows the load: see `tieback.serving.autoscaling`."""
        return cast("ServiceProcess", self._process).signal()


class Gateway(Replica):
    """A replica of the public door. It watches its own kind too: the metrics page joins all gateways."""

    def __init__(self, settings: Settings, target: str, others: Handles, host: str) -> None:
        own = discovery.handle_of(target, APPLICATION)
        super().__init__(settings, target, {**others, target: own}, host)


def _process(settings: Settings, target: str) -> ServiceProcess | GatewayProcess:
    # Imported here, so that neither kind loads what the other needs.
    if target == targets.GATEWAY:
        from tieback.serving.gateway import GatewayProcess

        return GatewayProcess(settings)
    from tieback.serving.replica import ServiceProcess

    return ServiceProcess(settings, target, discovery.shared_key())


def build(settings: Settings, *, inner_host: str = "") -> Application:
    """The application for these settings. `inner_host` is for clusters of one machine: see `Replica`."""
    plan = Plan(settings)
    ordinary: dict[str, Any] = {"num_cpus": settings.replica_cpus}
    accelerated = ordinary | {"num_gpus": settings.replica_gpus}
    # Where the public port and the store are.
    pinned = ordinary | {"resources": {settings.pin_resource: _PIN} if settings.pin_resource else {}}

    def bound(
        target: str,
        others: Handles,
        *,
        kind: type[Any] = Replica,
        replicas: int = 1,
        scaling: AutoscalingConfig | None = None,
        resources: Mapping[str, Any] = ordinary,
    ) -> Any:
        number = {"num_replicas": replicas} if scaling is None else {"autoscaling_config": scaling}
        deployment = _deployment(kind, target, settings, number, resources)
        return deployment.bind(settings, target, others, inner_host)

    def encoder(target: str) -> Any:
        return bound(
            target,
            {},
            kind=EncoderReplica,
            replicas=settings.replicas,
            scaling=autoscaling_config(settings),
            resources=accelerated,
        )

    names = [targets.encoder(card.name) for card in plan.encoders]
    encoders = {name: encoder(name) for name in names}
    services = dict(encoders)
    if targets.ROUTER in plan.services:
        services[targets.ROUTER] = bound(targets.ROUTER, {})
    # One process owns the store, and runs operations, which encode.
    services[targets.INDEX] = bound(targets.INDEX, dict(services), resources=pinned)
    if targets.RERANKER in plan.services:
        services[targets.RERANKER] = bound(targets.RERANKER, encoders)
    if targets.GENERATOR in plan.services:
        services[targets.GENERATOR] = bound(targets.GENERATOR, encoders, resources=accelerated)
    application: Application = bound(
        targets.GATEWAY, services, kind=Gateway, replicas=settings.gateways, resources=pinned
    )
    return application


def application(arguments: dict[str, Any]) -> Application:
    """What a Ray Serve configuration names: ``import_path: tieback.serving.deployments:application``.

    Arguments are settings by name; what they leave out comes from the environment.
    """
    return build(load_settings(**arguments))


def _deployment(
    kind: type[Any], name: str, settings: Settings, number: Mapping[str, Any], resources: Mapping[str, Any]
) -> serve.Deployment:
    decorate = serve.deployment(
        name=name,
        **number,
        ray_actor_options=dict(resources),
        request_router_config=discovery.router_config(),
        health_check_period_s=HEALTH_SECONDS,
        # Gateways share their port, so a new one listens before the old one stops. The index must not: its
        # store lets one process in. The others are there for the mesh once they are up.
        max_surge_percent=0 if name == targets.INDEX else 100,
        graceful_shutdown_timeout_s=settings.drain_seconds + 5.0,
        graceful_shutdown_wait_loop_s=0.1,
        # Serve logs its own calls, of which there are none; what replicas say is in `tieback.serving.logs`.
        logging_config={"log_level": "ERROR", "enable_access_log": False},
    )
    deployment: serve.Deployment = decorate(kind)
    return deployment
