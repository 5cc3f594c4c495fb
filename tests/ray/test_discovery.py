"""Parts of Ray Serve that `tieback.serving.mesh.discovery` rests on. A failure tells that Ray has moved."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.ray


def test_a_router_is_told_of_the_replicas_that_run() -> None:
    from ray.serve.request_router import RequestRouter

    assert list(inspect.signature(RequestRouter.update_replicas).parameters) == ["self", "replicas"]
    assert inspect.iscoroutinefunction(RequestRouter.choose_replicas)


def test_a_replica_carries_what_it_published() -> None:
    from ray.serve._private.constants import RECORD_REPLICA_METADATA_METHOD
    from ray.serve.request_router import RunningReplica
    from tieback.serving.processes.deployments import Gateway, Replica

    assert isinstance(inspect.getattr_static(RunningReplica, "replica_metadata"), property)
    assert hasattr(Replica, RECORD_REPLICA_METADATA_METHOD)
    assert hasattr(Gateway, RECORD_REPLICA_METADATA_METHOD)


def test_a_handle_is_made_before_its_deployment_runs() -> None:
    from ray import serve

    assert "_check_exists" in inspect.signature(serve.get_deployment_handle).parameters


def test_the_control_store_keeps_a_value_that_is_there() -> None:
    from ray.experimental import internal_kv

    assert {"overwrite", "namespace"} <= inspect.signature(internal_kv._internal_kv_put).parameters.keys()
    assert "namespace" in inspect.signature(internal_kv._internal_kv_get).parameters


def test_options_of_a_handle_start_its_router() -> None:
    from ray.serve.handle import DeploymentHandle

    assert "self._init()" in inspect.getsource(DeploymentHandle._options)


async def test_the_router_writes_what_replicas_published_into_the_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ray.serve.request_router import RequestRouter
    from tieback.serving.mesh.directory import DIRECTORY, Replica
    from tieback.serving.mesh.discovery import DirectoryRouter

    monkeypatch.setattr(RequestRouter, "update_replicas", lambda self, replicas: None)
    router: Any = DirectoryRouter.__new__(DirectoryRouter)
    router._deployment_id = SimpleNamespace(name="somewhere")

    router.update_replicas(
        [
            SimpleNamespace(
                replica_id=SimpleNamespace(unique_id="a"),
                replica_metadata={"address": "1.2.3.4:5", "metrics_address": "1.2.3.4:6"},
            )
        ]
    )

    assert DIRECTORY.replicas("somewhere") == (Replica("a", "1.2.3.4:5", "1.2.3.4:6"),)
    DIRECTORY.update("somewhere", {})
