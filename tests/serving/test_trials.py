"""An artifact on trial takes its share of the calls, or is compared beside the served one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.small_binding import binding, routed, text, text_router
from tieback.core.call import NO_CALL
from tieback.core.errors import StartupError
from tieback.core.types.fusion import FuseReply, FuseRequest, Role
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.learned.ranker import TrainedRanker, shipped
from tieback.router import Router
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.plan import Plan
from tieback.serving.plan.on_trial import on_trial
from tieback.serving.plan.trials import Trial
from tieback.serving.requests import context
from tieback.serving.settings import Settings
from tieback_contract.fusion import Fused

OTHER = binding([text_router({0: "ears", 2: "ears"})])


@dataclass
class Bound:
    """A plan of a binding, as far as a router is built of it."""

    weighted_by: JointSpaceArtifact | None = None
    trials: list[Trial] = field(default_factory=list)
    artifacts: Any = field(default_factory=lambda: SimpleNamespace(asked={JointSpaceArtifact}))


def router_with(telemetry: Telemetry, percent: float | None, *, read: bool = True) -> Router:
    tried = Bound(OTHER, artifacts=SimpleNamespace(asked={JointSpaceArtifact} if read else set()))
    plan = Bound(trials=[Trial("other", JointSpaceArtifact, cast("Plan", tried), percent)])

    def build(plan: Plan) -> Router:
        return Router.bound(routed(), weighted_by=plan.weighted_by)

    return on_trial(build, cast("Plan", plan), telemetry)


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry(Settings())


@pytest.fixture(autouse=True)
def _no_call() -> Iterator[None]:
    yield
    context.enter([])


async def asked(router: Router, call: str, role: Role = Role.QUERY) -> str:
    """The binding that weighted a query of the call of that id."""
    context.enter([("x-request-id", call)])
    reply: FuseReply = await router.fuse(FuseRequest([text(1.0, 0.0, 0.0)], role=role), NO_CALL)
    (result,) = reply.results
    assert isinstance(result, Fused)
    return result.routing.binding


async def weights(router: Router) -> Mapping[str, float]:
    (result,) = (await router.fuse(FuseRequest([text(1.0, 0.0, 0.0)]), NO_CALL)).results
    assert isinstance(result, Fused)
    return result.routing.weights


async def test_a_trial_takes_its_share_of_the_calls_and_is_counted(telemetry: Telemetry) -> None:
    router = router_with(telemetry, 25)

    taken = [await asked(router, f"call-{number}") == OTHER.revision for number in range(200)]

    assert 30 <= sum(taken) <= 70
    labels = {"method": "fuse", "artifact": "other"}
    assert telemetry.registry.get_sample_value("tieback_trial_calls_total", labels) == sum(taken)


async def test_retries_of_one_call_agree(telemetry: Telemetry) -> None:
    router = router_with(telemetry, 50)

    for number in range(20):
        assert len({await asked(router, f"call-{number}") for _ in range(2)}) == 1


@pytest.mark.parametrize(("percent", "tried"), [(0, False), (100, True)])
async def test_none_and_all_are_shares_too(telemetry: Telemetry, percent: float, tried: bool) -> None:
    found = await asked(router_with(telemetry, percent), "call")

    assert found == (OTHER if tried else routed()).revision


async def test_what_is_compared_answers_nobody_and_its_difference_is_counted(telemetry: Telemetry) -> None:
    router = router_with(telemetry, None)

    found = await asked(router, "call")
    await asked(router, "call", Role.DOCUMENT)  # stored vectors have no weights to compare
    await router.close()

    ours, theirs = [
        await weights(one) for one in (Router.bound(routed()), Router.bound(routed(), weighted_by=OTHER))
    ]
    distance = sum(abs(ours[name] - theirs[name]) for name in ours) / 2
    labels = {"method": "fuse", "artifact": "other"}
    assert found == routed().revision
    read = telemetry.registry.get_sample_value
    assert read("tieback_trial_difference_count", labels) == 1
    assert read("tieback_trial_difference_sum", labels) == pytest.approx(distance)


async def test_what_fails_beside_the_served_one_harms_nobody(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, fuse = router_with(telemetry, None), Router.fuse

    async def failing(self: Router, request: FuseRequest, call: Any) -> FuseReply:
        reply = await fuse(self, request, call)
        if asyncio.current_task() in cast("Any", router)._running:
            raise RuntimeError("broken")
        return reply

    monkeypatch.setattr(Router, "fuse", failing)

    assert await asked(router, "call") == routed().revision
    await router.close()
    labels = {"method": "fuse", "artifact": "other"}
    assert telemetry.registry.get_sample_value("tieback_trial_difference_count", labels) is None


def test_what_does_not_read_the_artifact_is_built_of_the_served_one_alone(telemetry: Telemetry) -> None:
    assert isinstance(router_with(telemetry, 100, read=False), Router)


def test_a_learned_artifact_takes_the_place_of_its_kind_in_a_trial() -> None:
    plan = Plan(Settings(trials=f"{shipped()}:5"))

    (trial,) = plan.trials

    assert (trial.serves, trial.percent) == (TrainedRanker, 5)
    assert not trial.is_read
    assert trial.plan.artifacts.all(TrainedRanker)
    assert trial.is_read
    assert trial.plan.weighted_by is None


@pytest.mark.parametrize(
    ("trials", "says"),
    [("nowhere:5", "TIEBACK_TRIALS: there is no binding 'nowhere'"), ("tests", "there is no artifact at")],
)
def test_what_is_no_artifact_stops_the_start(trials: str, says: str) -> None:
    with pytest.raises(StartupError, match=says):
        _ = Plan(Settings(trials=trials)).trials
