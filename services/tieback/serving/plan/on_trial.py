"""Ports with artifacts on trial: of a share of the calls, or compared beside every call.

A call keeps to one side by its id, in every service that it passes. What is compared runs after the reply,
so that nobody waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
from tieback_contract.fusion import Fused

from tieback.core.types.fusion import FuseReply, Role
from tieback.core.types.generation import CheckedClaims, CheckReply
from tieback.core.types.retrieval import RetrieveReply
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.plan import Plan
from tieback.serving.plan.trials import Trial
from tieback.serving.requests import context

P = TypeVar("P")
AT_ONCE = 8
"""Calls that are compared at once; others are not compared while so many are."""

log = logging.getLogger(__name__)


def _weights(ours: FuseReply, theirs: FuseReply) -> float:
    """The mean total variation distance of the weights: 0 where they agree, 1 where they share no block."""
    found = [
        sum(abs(one.routing.weights.get(name, 0.0) - other.routing.weights.get(name, 0.0)) for name in names)
        / 2
        for one, other in zip(ours.results, theirs.results, strict=True)
        if isinstance(one, Fused) and isinstance(other, Fused)
        for names in [one.routing.weights.keys() | other.routing.weights.keys()]
    ]
    return float(np.mean(found)) if found else 0.0


def _verdicts(ours: CheckReply, theirs: CheckReply) -> float:
    """The share of claims whose label differs."""

    def labels(reply: CheckReply) -> list[Any]:
        of = [one.verdicts if isinstance(one, CheckedClaims) else [one] for one in reply.results]
        return [getattr(verdict, "label", None) for verdicts in of for verdict in verdicts]

    pairs = list(zip(labels(ours), labels(theirs), strict=False))
    return sum(one is not other for one, other in pairs) / max(1, len(pairs))


def _hits(ours: RetrieveReply, theirs: RetrieveReply) -> float:
    """The share of hits that only one of the two has."""
    sides = [{(one.hit.item_id, one.hit.section_id) for one in reply.hits} for reply in (ours, theirs)]
    return 1 - len(sides[0] & sides[1]) / max(1, *map(len, sides))


@dataclass(frozen=True, slots=True)
class Tried:
    """A method that trials are of: what two of its replies `differ` by, 0 to 1, and the requests that count.

    An answer is not written twice, so those methods are not compared.
    """

    differ: Callable[[Any, Any], float] | None = None
    counts: Callable[[Any], bool] = lambda _: True


METHODS: Mapping[str, Tried] = {
    "fuse": Tried(_weights, lambda request: request.role is Role.QUERY),
    "check_grounding": Tried(_verdicts),
    "retrieve": Tried(_hits),
    "answer": Tried(),
    "generate": Tried(),
}
"""By the port's method; others are the served one's."""


def on_trial(build: Callable[[Plan], P], plan: Plan, telemetry: Telemetry) -> P:
    """The port that is built of the plan, and in front of it those of trials whose artifact it reads."""
    port = build(plan)
    for trial in plan.trials:
        other = build(trial.plan)
        if trial.is_read:
            port = cast("P", _Tried(port, other, trial, telemetry))
    return port


class _Tried:
    """A port in front of two."""

    def __init__(self, served: Any, other: Any, trial: Trial, telemetry: Telemetry) -> None:
        self._served, self._other, self._trial, self._telemetry = served, other, trial, telemetry
        self._running: set[asyncio.Task[None]] = set()

    def __getattr__(self, name: str) -> Any:
        """The served port's, or a method that chooses. It is made once."""
        method, tried = getattr(self._served, name), METHODS.get(name)
        if tried is not None and self._trial.percent is not None:
            method = self._shared(method, getattr(self._other, name), name)
        elif tried is not None and tried.differ is not None:
            method = self._compared(method, getattr(self._other, name), name, tried)
        setattr(self, name, method)
        return method

    async def close(self) -> None:
        """Closes both, once nothing is compared any more."""
        await asyncio.gather(*self._running)
        for port in (self._served, self._other):
            await port.close()

    def _shared(self, served: Callable[..., Any], other: Callable[..., Any], name: str) -> Callable[..., Any]:
        def chosen(*request: Any) -> Any:
            takes = self._trial.takes(context.current().request_id)
            if takes:
                self._telemetry.trials.took(name, self._trial.name)
            return (other if takes else served)(*request)

        return chosen

    def _compared(
        self, served: Callable[..., Any], other: Callable[..., Any], name: str, tried: Tried
    ) -> Callable[..., Any]:
        async def beside(reply: Any, *request: Any) -> None:
            try:
                found = tried.differ(reply, await other(*request)) if tried.differ is not None else 0.0
            except Exception as error:  # noqa: BLE001 - nobody waits for it
                log.warning("%s failed beside %s: %s", self._trial.name, name, error)
            else:
                self._telemetry.trials.compared(name, self._trial.name, found)

        async def compared(*request: Any) -> Any:
            reply = await served(*request)
            if tried.counts(request[0]) and len(self._running) < AT_ONCE:
                task = asyncio.create_task(beside(reply, *request))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            return reply

        return compared
