"""How many replicas each service gets, and on which machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ray.serve._private.build_app import build_app
from tieback.serving.plan import Plan
from tieback.serving.processes import deployments
from tieback.serving.processes.services import targets_of
from tieback.serving.settings import Settings
from tieback_contract.answers import AnswerStyle

DOOR, STORE = "door", "store"


def built(**more: Any) -> dict[str, Any]:
    """The deployments, by name, with Ray Serve's options of each."""
    settings = Settings(
        models=Path("unused"), spaces=("wordllama-256",), binding="none", generator="none",
        replicas=2, gateways=3, replica_cpus=0.05, pin_resource=DOOR, **more,
    )  # fmt: skip
    application = build_app(deployments.build(settings), name=deployments.APPLICATION)
    return {one.name: one for one in application.deployments}


def replicas(found: dict[str, Any]) -> dict[str, int]:
    return {name: one._deployment_config.num_replicas for name, one in found.items()}


def resources(one: Any) -> dict[str, float]:
    return dict(one.ray_actor_options.get("resources") or {})


def test_what_stores_nothing_is_replicated_and_what_is_at_the_store_is_not() -> None:
    found = built()

    assert replicas(found) == {"encoder:wordllama-256": 2, "reranker": 2, "index": 1, "gateway": 3}
    assert resources(found["index"]).keys() == resources(found["gateway"]).keys() == {DOOR}
    assert found["index"]._deployment_config.max_surge_percent == 100  # it waits for the lock of the store
    assert found["reranker"]._deployment_config.max_surge_percent == 100


def test_an_index_in_milvus_is_replicated_and_the_operations_stay_at_the_store() -> None:
    found = built(milvus="http://127.0.0.1:1", store_resource=STORE)

    assert replicas(found) == {
        "encoder:wordllama-256": 2, "reranker": 2, "index": 2, "operations": 1, "gateway": 3,
    }  # fmt: skip
    assert resources(found["operations"]).keys() == {STORE}
    assert found["operations"].ray_actor_options["num_cpus"] == 0
    assert resources(found["index"]) == {}
    assert resources(found["gateway"]).keys() == {DOOR}


def test_without_an_index_there_is_nothing_at_the_store() -> None:
    found = built(index_enabled=False)

    assert replicas(found) == {"encoder:wordllama-256": 2, "reranker": 2, "gateway": 3}


def test_with_a_limit_for_each_machine_a_rollout_needs_room_for_no_more() -> None:
    found = built(replicas_per_node=1)
    at_store = found.pop(
        "index"
    )._replica_config  # of which there is one, which waits for the lock of the store

    assert at_store.max_replicas_per_node is None
    for one in found.values():
        assert one._replica_config.max_replicas_per_node == 1
        assert one._deployment_config.max_surge_percent == 0


def test_answers_are_quoted_beside_the_reranker_where_no_language_model_is_served() -> None:
    plan = Plan(Settings(models=Path("unused"), generator="none"))

    assert targets_of(plan)["tieback.v1.GeneratorService"] == "reranker"
    assert targets_of(Plan(Settings(models=Path("unused"))))["tieback.v1.GeneratorService"] == "generator"
    assert (plan.answers, plan.styles) == (True, (AnswerStyle.QUOTE,))


def test_calls_of_operations_and_heads_find_the_deployment_that_has_them() -> None:
    def answering(milvus: str) -> dict[str, str]:
        deployments_of = targets_of(Plan(Settings(models=Path("unused"), milvus=milvus)))
        return {name: deployments_of[f"tieback.v1.{name}"] for name in ("OperationService", "IndexService")}

    assert answering("") == {"OperationService": "index", "IndexService": "index"}
    assert answering("http://127.0.0.1:1") == {"OperationService": "operations", "IndexService": "index"}


def test_each_checker_of_the_users_own_is_a_deployment_that_scales(tmp_path: Path) -> None:
    fields = {
        "role": "checker", "runtime": "claim_endpoint", "description": "far", "license": "MIT",
        "upstream": "me", "max_tokens": 512,
        "options": {"base_url": "http://127.0.0.1:9", "labels": {"yes": "supported"}},
    }  # fmt: skip
    for name in ("far", "farther"):
        (tmp_path / f"{name}.yaml").write_text(json.dumps({"name": name} | fields))

    found, elastic = built(cards=tmp_path), built(cards=tmp_path, checkers=("far",), replicas_max=5)

    assert {name: count for name, count in replicas(found).items() if name.startswith("checker")} == {
        "checker:far": 2,
        "checker:farther": 2,
    }
    scaling = elastic["checker:far"]._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas) == (2, 5)
    assert "checker:farther" not in elastic
