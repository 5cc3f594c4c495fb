"""Fuses encodings into joint vectors, and reports the weight of each space."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.fusion import Fused, FusePart, RoutingExplanation
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.reports import Timing
from tieback_contract.vectors import MultiVector, Vector

from tieback.core.alone import Alone, each_alone
from tieback.core.call import Call
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.fusion import FuseReply, FuseRequest, Role, Routing
from tieback.joint.graphs import projection_graphs
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.joint.bridges import ClassNameBridge
from tieback.ports import DEFAULT_ROUTING
from tieback.router.block_weights import UNIFORM, BlockWeights, Choice, RoutingInput, choose
from tieback.router.blocks import Blocks, blocks_of, joint_regions, project
from tieback.router.bound import joint_space_of
from tieback.router.class_names import class_name_space
from tieback.router.contents import Contents, contents_of
from tieback.router.imputing import FittedImputation, Imputer, expected_loss
from tieback.router.joint_space import Component, JointSpace
from tieback.router.learned import Routers, routers_over

INLINE_INPUTS = 8
"""So many inputs are fused on the event loop: less work than handing them to a thread."""

NOT_GIVEN = "not given"
"""Why a space is missing, as far as the router can tell: no encoding of it came."""

NO_MODALITIES: Mapping[str, Modality] = {}


# Combines queries that are fused at the same time into one batch.
#
# Encoders answer a whole batch at once, so queries also reach the router together. The graphs of a binding
# then read their weights from memory once for all of them. A result does not depend on the other queries of
# its batch.
Inputs = Sequence[Sequence[FusePart]]
Results = list[Fused | TiebackError]


@dataclass(slots=True, eq=False)
class _Waiting:
    inputs: Inputs
    role: Role
    choice: Choice
    imputation: FittedImputation
    future: asyncio.Future[Results]

    def is_like(self, other: _Waiting) -> bool:
        return self.role is other.role and self.choice is other.choice and self.imputation is other.imputation


class FuseBatcher:
    """Collects calls until the next turn of the event loop, at most `most` inputs. For one loop."""

    def __init__(self, fuse: Callable[[Inputs, Role, Choice, FittedImputation], Results], most: int) -> None:
        self._fuse = fuse
        self._most = most
        self._waiting: list[_Waiting] = []

    async def fuse(self, inputs: Inputs, role: Role, choice: Choice, imputation: FittedImputation) -> Results:
        """A result for each of `inputs`. Raises what fusing these alone raises."""
        loop = asyncio.get_running_loop()
        asked = _Waiting(inputs, role, choice, imputation, loop.create_future())
        self._waiting.append(asked)
        loop.call_soon(self._serve)  # each has a round of its own, which those before it may have served
        return await asked.future

    def _serve(self) -> None:
        """Fuses those that are asked for like the first, and leaves the others for a later round."""
        wanted = [one for one in self._waiting if not one.future.done()]  # the others' callers have gone
        chosen: list[_Waiting] = []
        count = 0
        for one in wanted:
            if one.is_like(wanted[0]) and (not chosen or count + len(one.inputs) <= self._most):
                chosen.append(one)
                count += len(one.inputs)
        self._waiting = [one for one in wanted if one not in chosen]
        if chosen:
            self._answer(chosen)

    def _answer(self, chosen: Sequence[_Waiting]) -> None:
        first = chosen[0]
        try:
            inputs = [parts for one in chosen for parts in one.inputs]
            results = self._fuse(inputs, first.role, first.choice, first.imputation)
        except Exception as error:  # noqa: BLE001 - whoever asked for it hears of it, and nobody else
            if len(chosen) == 1:
                first.future.set_exception(error)
            for one in chosen if len(chosen) > 1 else ():
                self._answer([one])
            return
        begin = 0
        for one in chosen:
            one.future.set_result(results[begin : begin + len(one.inputs)])
            begin += len(one.inputs)


class Router:
    """A `RouterPort` over the given components and bindings, or by `bound` over an artifact."""

    def __init__(
        self,
        components: Iterable[Component],
        bridges: Iterable[ClassNameBridge] = (),
        *,
        limits: Limits | None = None,
    ) -> None:
        self._serve(class_name_space(components, bridges), limits)

    @classmethod
    def bound(
        cls,
        served: JointSpaceArtifact,
        *,
        modalities: Mapping[str, Modality] = NO_MODALITIES,
        limits: Limits | None = None,
        weighted_by: JointSpaceArtifact | None = None,
    ) -> Router:
        """The router of a binding, with its learned routers or those of another one over the same blocks.

        `modalities` are those of spaces without a block. StartupError where an artifact does not fit
        together, or the other one has other blocks.
        """
        router = cls.__new__(cls)
        router._serve(joint_space_of(served, modalities, projection_graphs(served)), limits)
        if weighted_by is None:
            router._routers = Routers(served, router.space)
        else:
            router._routers = routers_over(weighted_by, served, router.space)
        router._imputer = Imputer(router.space, served)
        return router

    def _serve(self, space: JointSpace, limits: Limits | None) -> None:
        self.space = space
        self._limits = limits or Limits()
        self._routers: Routers | None = None
        self._imputer = Imputer(space)
        self._batcher = FuseBatcher(self._fuse_each, INLINE_INPUTS)
        self._default: Choice | None = None
        self._expected: dict[frozenset[Modality], Array] = {}

    async def fuse(self, request: FuseRequest, call: Call) -> FuseReply:
        """One result per input, in order; a bad input gets an error and the others succeed.

        A document is stored at full length and uses nothing of `routing` but an imputation that it names;
        with `per_region`, the regions of its picture get a vector each. InvalidInput or
        NotFound where the policy or the imputation is unknown or badly given, and InvalidInput where a query
        is to be given per region.
        """
        begin = time.perf_counter()
        call.deadline.check("fusing")
        inputs, role, per_region = request.inputs, request.role, request.per_region
        if not inputs:
            raise InvalidInput("a batch needs at least one input", field="inputs")
        if self._limits.batch_items and len(inputs) > self._limits.batch_items:
            raise InvalidInput(
                f"the batch holds {len(inputs)} inputs; the limit is {self._limits.batch_items}",
                field="inputs",
            )
        if per_region and role is not Role.DOCUMENT:
            raise InvalidInput(
                "a query is one vector: ask for the regions of documents, by their role", field="per_region"
            )
        choice = self._choice(role, request.routing)
        imputation = self._imputer.choose(request.routing.imputation, role)
        if len(inputs) <= INLINE_INPUTS and not per_region:
            results = await self._batcher.fuse(inputs, role, choice, imputation)
        else:
            results = await asyncio.to_thread(self._fuse_each, inputs, role, choice, imputation, per_region)
        results = [
            result.within(at("inputs", number)) if isinstance(result, TiebackError) else result
            for number, result in enumerate(results)
        ]
        seconds = time.perf_counter() - begin
        return FuseReply(results, Timing(compute=seconds, total=seconds))

    async def close(self) -> None:
        """Nothing is held."""

    def _choice(self, role: Role, routing: Routing) -> Choice:
        if role is Role.DOCUMENT:
            return choose(self.space.names, Routing(UNIFORM), None)
        if routing.policy or routing.weights or routing.parameters:
            return choose(self.space.names, routing, self._routers)
        if self._default is None:  # most queries say nothing, and what that means stays the same
            self._default = choose(self.space.names, DEFAULT_ROUTING, self._routers)
        return self._default

    def _fuse_each(
        self,
        inputs: Sequence[Sequence[FusePart]],
        role: Role,
        choice: Choice,
        imputation: FittedImputation,
        per_region: bool = False,
    ) -> list[Fused | TiebackError]:
        """All inputs at once; what is not foreseen in one is its own."""
        return each_alone(lambda some: self._fuse_all(some, role, choice, imputation, per_region), inputs)

    def _fuse_all(
        self,
        inputs: Sequence[Sequence[FusePart]],
        role: Role,
        choice: Choice,
        imputation: FittedImputation,
        per_region: bool = False,
    ) -> list[Fused | TiebackError]:
        results: dict[int, Fused | TiebackError] = {}
        read: dict[int, Contents] = {}
        regions: dict[int, MultiVector | None] = {}
        for number, parts in enumerate(inputs):
            with Alone() as item:
                read[number] = contents_of(self.space, parts, role, self._limits.query_parts)
            if item.error is not None:
                results[number] = item.error
        project(self.space, list(read.values()))
        self._imputer.fill(imputation, list(read.values()))
        projected: dict[int, Blocks] = {}
        for number, contents in read.items():
            with Alone() as item:
                if per_region:
                    regions[number] = joint_regions(self.space, contents, inputs[number])
                projected[number] = blocks_of(self.space, contents)
            if item.error is not None:
                results[number] = item.error
        routing_inputs = [self._routing_input(read[number], one) for number, one in projected.items()]
        weighted = choice.weight(routing_inputs) if routing_inputs else []
        for (number, blocks), one, weights in zip(projected.items(), routing_inputs, weighted, strict=True):
            fused = self._fused(one, blocks, weights, role, choice, imputation)
            if isinstance(fused, Fused) and regions.get(number) is not None:
                fused = dataclasses.replace(fused, regions=regions[number])
            results[number] = fused
        return [results[number] for number in range(len(inputs))]

    def _routing_input(self, contents: Contents, blocks: Blocks) -> RoutingInput:
        modalities = frozenset(contents.modalities.values())
        if modalities not in self._expected:
            expected = self.space.expected(modalities)
            self._expected[modalities] = np.array([name in expected for name in self.space.names])
        return RoutingInput(contents, blocks.present, self._expected[modalities])

    def _fused(
        self,
        routing_input: RoutingInput,
        blocks: Blocks,
        weighted: BlockWeights | TiebackError,
        role: Role,
        choice: Choice,
        imputation: FittedImputation,
    ) -> Fused | TiebackError:
        if isinstance(weighted, TiebackError):
            return weighted
        names = self.space.names
        weights = dict(zip(names, weighted.weights.tolist(), strict=True))
        wanted = dict(zip(names, weighted.wanted.tolist(), strict=True))
        if not any(weights.values()):
            needed = ", ".join(name for name in names if wanted[name] > 0) or "those that were given a weight"
            return InvalidInput(
                f"every space with a weight is missing: give an encoding for one of {needed}", field="parts"
            )
        contents = routing_input.contents
        present = dict(zip(names, blocks.present.tolist(), strict=True))
        factors = blocks.present if role is Role.DOCUMENT else weighted.weights
        values = self.space.scaled(blocks.vector[None], factors[None])[0]
        missing = [name for name in names if wanted[name] > 0 and not present[name]]
        missing += [name for name in self._missing_spaces(contents, wanted) if name not in missing]
        routers = choice.routers if weighted.routed else None
        filled = {name for imputed in contents.imputed.values() for name in imputed}
        explanation = RoutingExplanation(
            policy=weighted.policy,
            weights={name: weights[name] for name in names if present[name]},
            entropy=-sum(weight * math.log(weight) for weight in weights.values() if weight > 0) or 0.0,
            missing=missing,
            degraded=bool(missing),
            projections=blocks.projections,
            reasons=dict.fromkeys(missing, NOT_GIVEN),
            expected_recall_loss=expected_loss(imputation.losses, contents, missing),
            binding=self.space.binding if routers is None else routers.revision,
            modality=contents.modality,
            fallback=weighted.fallback,
            imputed={name: imputation.name for name in names if name in filled and weights[name] > 0},
        )
        # The norm says how many blocks there are and how they are weighted, so it must not be divided out.
        vector = Vector(values, self.space.ref, normalized=False)
        ignored = self.space.ignored(contents.modalities.values(), weights) if role is Role.QUERY else ()
        return Fused(vector, explanation, blocks.labels, ignored=ignored)

    def _missing_spaces(self, contents: Contents, wanted: Mapping[str, float]) -> list[str]:
        """Spaces of blocks with a weight, without an encoding of a content of their modality."""
        found = []
        for content, modality in contents.modalities.items():
            if (coverage := self.space.coverage.get(modality)) is not None:
                present = contents.sources(content)
                found += [
                    name
                    for name in coverage.sources
                    if name not in present
                    and any(
                        wanted[projection.block] > 0
                        and not (projection.imputes and projection.block in present)
                        for projection in self.space.adapters[name].projections
                    )
                ]
        return list(dict.fromkeys(found))
