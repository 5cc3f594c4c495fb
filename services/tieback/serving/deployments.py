"""The platform as a Ray Serve application: a deployment per encoder space, per other service, and a gateway.

Ray Serve places, restarts and rolls out the replicas; calls go straight from gRPC server to gRPC server. So
Serve's proxies are off, and what a replica publishes of itself is the address of its own server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

from tieback.serving import discovery, targets
from tieback.serving.assembly import Plan
from tieback.serving.settings import Settings, load_settings

APPLICATION = "tieback"
HEALTH_SECONDS = 1.0  # how soon a replica that was killed is noticed
Handles = Mapping[str, DeploymentHandle[Any]]


class Replica:
    """A service's replica. Ray Serve calls its methods; nobody else does."""

    def __init__(self, settings: Settings, target: str, others: Handles) -> None:
        from tieback.serving.replica import ServiceProcess

        self._process = ServiceProcess(settings, target)
        self._watched = discovery.watch(others)

    async def record_replica_metadata(self) -> dict[str, str]:
        """Starts serving; Serve hands what this returns to every process that watches the deployment."""
        return await self._process.start(discovery.own_host())

    def check_health(self) -> None:
        """Runs on the event loop that serves, so it does not return where that loop is stuck."""

    async def __del__(self) -> None:
        """Serve awaits this before it ends the process."""
        await self._process.stop()


class Gateway:
    """A replica of the public door."""

    def __init__(self, settings: Settings, others: Handles) -> None:
        from tieback.serving.gateway import GatewayProcess

        self._process = GatewayProcess(settings)
        # Itself among them: the metrics page joins the pages of all gateways.
        own = discovery.handle_of(targets.GATEWAY, APPLICATION)
        self._watched = discovery.watch({**others, targets.GATEWAY: own})

    async def record_replica_metadata(self) -> dict[str, str]:
        """Starts serving."""
        return await self._process.start(discovery.own_host())

    def check_health(self) -> None:
        """Runs on the event loop that serves."""

    async def __del__(self) -> None:
        """Serve awaits this before it ends the process."""
        await self._process.stop()


def build(settings: Settings) -> Application:
    """The application for these settings."""
    plan = Plan(settings)
    accelerated = {"num_cpus": settings.replica_cpus, "num_gpus": settings.replica_gpus}
    ordinary = {"num_cpus": settings.replica_cpus}

    def service(
        target: str, others: Handles, *, replicas: int = 1, resources: Mapping[str, float] = ordinary
    ) -> Any:
        return _deployment(Replica, target, settings, replicas, resources).bind(settings, target, others)

    encoders = {
        targets.encoder(card.name): service(
            targets.encoder(card.name), {}, replicas=settings.replicas, resources=accelerated
        )
        for card in plan.encoders
    }
    others = {
        **encoders,
        targets.ROUTER: service(targets.ROUTER, {}),
        # One process owns the store: its replacement starts once it has let go of the lock.
        targets.INDEX: service(targets.INDEX, {}),
        targets.RERANKER: service(targets.RERANKER, encoders),
    }
    if plan.generator is not None:
        others[targets.GENERATOR] = service(targets.GENERATOR, encoders, resources=accelerated)
    gateway = _deployment(Gateway, targets.GATEWAY, settings, settings.gateways, ordinary)
    # The public port is shared, so a new gateway listens before the old one stops.
    return gateway.options(max_surge_percent=100).bind(settings, others)


def application(arguments: dict[str, Any]) -> Application:
    """What a Ray Serve configuration names: ``import_path: tieback.serving.deployments:application``.

    Arguments are settings by name; what they leave out comes from the environment.
    """
    return build(load_settings(**arguments))


def _deployment(
    kind: type[Any], name: str, settings: Settings, replicas: int, resources: Mapping[str, float]
) -> serve.Deployment:
    decorate = serve.deployment(
        name=name,
        num_replicas=replicas,
        ray_actor_options=dict(resources),
        request_router_config=discovery.router_config(),
        health_check_period_s=HEALTH_SECONDS,
        graceful_shutdown_timeout_s=settings.drain_seconds + 5.0,
        graceful_shutdown_wait_loop_s=0.1,
        # Serve logs its own calls, of which there are none; what replicas say is in `tieback.serving.logs`.
        logging_config={"log_level": "ERROR", "enable_access_log": False},
    )
    deployment: serve.Deployment = decorate(kind)
    return deployment
