"""How a process learns where replicas of other deployments listen: Ray Serve's request router, listened to.

All that rests on the inner life of Ray Serve is in this file, and tests/ray/test_discovery.py fails where
Ray moves:

- a deployment's `request_router_class` is made in every process that holds a handle to the deployment, and
  its `update_replicas` is called with the running replicas whenever they change;
- `replica.replica_metadata` is what the replica returned from `record_replica_metadata`;
- a handle makes its router when `options` is called on it, with no request being sent;
- the router's module is pickled by value, so what it writes to must live in a module imported by name;
- the cluster's control store keeps small values, and can be asked not to replace one.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import ray
from ray import serve
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_put
from ray.serve.config import RequestRouterConfig
from ray.serve.handle import DeploymentHandle
from ray.serve.request_router import PendingRequest, RequestRouter, RunningReplica

# Routing statistics are not used; the longest period keeps Serve from asking replicas for them.
_NEVER = 86_400.0
_KEY, _NAMESPACE = b"inner-tokens", b"tieback"


class DirectoryRouter(RequestRouter):
    """Routes nothing: it writes the addresses of a deployment's replicas into this process's directory."""

    def update_replicas(self, replicas: list[RunningReplica]) -> None:
        """Called by Ray Serve, in the router's thread, with the replicas that run now."""
        super().update_replicas(replicas)
        from tieback.serving.mesh.directory import DIRECTORY  # not at the top: see the module's docstring

        DIRECTORY.update(
            self._deployment_id.name,
            {replica.replica_id.unique_id: replica.replica_metadata for replica in replicas},
        )

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,  # noqa: ARG002 - the signature is Ray's
    ) -> list[list[RunningReplica]]:
        """Any replica, for the few calls that go through a handle."""
        return [candidate_replicas] if candidate_replicas else []


def router_config() -> RequestRouterConfig:
    """What makes a deployment discoverable."""
    return RequestRouterConfig.model_validate(
        {
            "request_router_class": f"{__name__}.{DirectoryRouter.__name__}",
            "request_routing_stats_period_s": _NEVER,
        }
    )


def watch(handles: Mapping[str, DeploymentHandle[Any]]) -> list[DeploymentHandle[Any]]:
    """Keeps this process's directory up to date on these deployments as long as the result is kept."""
    return [handle.options(method_name="metadata") for handle in handles.values()]


def handle_of(deployment: str, application: str) -> DeploymentHandle[Any]:
    """A handle to a deployment of the application, which may be one that is only starting."""
    handle: DeploymentHandle[Any] = serve.get_deployment_handle(deployment, application, _check_exists=False)
    return handle


def own_host() -> str:
    """The address of this machine within the cluster."""
    node = ray.get_runtime_context().get_node_id()
    nodes = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's
    return next(str(one["NodeManagerAddress"]) for one in nodes if one["NodeID"] == node)


def shared_key() -> bytes:
    """A key that the processes of this cluster share, made by the first that asks; lost with the cluster."""
    _internal_kv_put(_KEY, secrets.token_bytes(32), overwrite=False, namespace=_NAMESPACE)
    return bytes(_internal_kv_get(_KEY, namespace=_NAMESPACE))
