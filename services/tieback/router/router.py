"""Fuses encodings into joint vectors and says which space had which weight."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Sequence

import numpy as np

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types import (
    Fused,
    FusePart,
    FuseReply,
    Limits,
    Role,
    Routing,
    RoutingExplanation,
    Timing,
    Vector,
)
from tieback.methods.binding import bindings as binding_methods
from tieback.methods.routing import RoutingPolicy, routings
from tieback.models.binding import ClassNameBinding
from tieback.ports import DEFAULT_ROUTING
from tieback.router.blocks import blocks_of
from tieback.router.joint_space import Component, JointSpace

INLINE_INPUTS = 8
"""So many inputs are fused on the event loop: less work than handing them to a thread."""

UNIFORM = Routing()


class Router:
    """A `RouterPort` over the given components and bindings."""

    def __init__(
        self,
        components: Iterable[Component],
        bindings: Iterable[ClassNameBinding] = (),
        *,
        limits: Limits | None = None,
    ) -> None:
        self.space = JointSpace(components, bindings)
        self._limits = limits or Limits()
        self._binding = binding_methods.configure("class_names")

    async def fuse(
        self,
        inputs: Sequence[Sequence[FusePart]],
        *,
        role: Role = Role.QUERY,
        routing: Routing = DEFAULT_ROUTING,
        deadline: Deadline = NO_DEADLINE,
    ) -> FuseReply:
        """One result per input, in order; a bad input gets an error and the others succeed.

        A document is stored at full length and ignores `routing`. InvalidInput where the policy is unknown or
        its weights are bad.
        """
        begin = time.perf_counter()
        deadline.check("fusing")
        if not inputs:
            raise InvalidInput("a batch needs at least one input", field="inputs")
        if self._limits.batch_items and len(inputs) > self._limits.batch_items:
            raise InvalidInput(
                f"the batch holds {len(inputs)} inputs; the limit is {self._limits.batch_items}",
                field="inputs",
            )
        asked = UNIFORM if role is Role.DOCUMENT else routing
        policy = self._policy(asked)
        if len(inputs) <= INLINE_INPUTS:
            results = self._fuse_all(inputs, role, asked.policy, policy)
        else:
            results = await asyncio.to_thread(self._fuse_all, inputs, role, asked.policy, policy)
        seconds = time.perf_counter() - begin
        return FuseReply(results, Timing(compute=seconds, total=seconds))

    async def close(self) -> None:
        """Nothing is held."""

    def _policy(self, routing: Routing) -> RoutingPolicy:
        parameters = {"weights": dict(routing.weights)} if routing.weights else {}
        try:
            policy = routings.configure(routing.policy, parameters)
            everyone = np.ones((1, len(self.space.names)), dtype=bool)
            policy(self.space.names, everyone, np.zeros(everyone.shape))
        except InvalidInput as error:
            # In the request a policy's one parameter, weights, is a field beside the policy's name.
            error.field = error.field.removeprefix("parameters.")
            raise error.within("routing") from None
        return policy

    def _fuse_all(
        self, inputs: Sequence[Sequence[FusePart]], role: Role, policy_name: str, policy: RoutingPolicy
    ) -> list[Fused | TiebackError]:
        results: list[Fused | TiebackError] = []
        for position, parts in enumerate(inputs):
            try:
                results.append(self._fuse(parts, role, policy_name, policy))
            except InvalidInput as error:
                results.append(error.within(f"inputs[{position}]"))
        return results

    def _fuse(self, parts: Sequence[FusePart], role: Role, policy_name: str, policy: RoutingPolicy) -> Fused:
        said = blocks_of(self.space, self._binding, parts)
        names = self.space.names
        spoke = np.array([[name in said.vectors for name in names]])
        scores = np.zeros(spoke.shape)
        wanted = dict(zip(names, policy(names, np.ones_like(spoke), scores)[0].tolist(), strict=True))
        weights = dict(zip(names, policy(names, spoke, scores)[0].tolist(), strict=True))
        if not any(weights.values()):
            needed = ", ".join(name for name in names if wanted[name] > 0)
            raise InvalidInput(
                f"no space of any weight spoke: give an encoding that reaches one of {needed}", field="parts"
            )
        values = np.zeros(self.space.width, dtype=np.float32)
        for name, block in said.vectors.items():
            values[self.space.block(name)] = block if role is Role.DOCUMENT else weights[name] * block
        missing = [name for name in names if wanted[name] > 0 and name not in said.vectors]
        explanation = RoutingExplanation(
            policy=policy_name,
            weights={name: weights[name] for name in said.vectors},
            entropy=-sum(weight * math.log(weight) for weight in weights.values() if weight > 0) or 0.0,
            missing=missing,
            degraded=bool(missing),
            paths=said.paths,
        )
        # The norm says how many blocks there are and how they are weighted, so it must not be divided out.
        return Fused(Vector(self.space.ref, values, normalized=False), explanation, said.labels)
