"""The weights of a query's blocks: set by the caller, or computed by learned routers from its contents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.modality import Modality

from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.fusion import Routing
from tieback.methods.routing import RoutingPolicy, routings
from tieback.router.contents import Contents
from tieback.router.learned import LearnedRouter, Routers

DEFAULT, UNIFORM, EXPLICIT = "", "uniform", "explicit"


@dataclass(slots=True)
class RoutingInput:
    """An input to weight: its contents, the present blocks `[blocks]`, and the expected ones."""

    contents: Contents
    present: Array
    expected: Array


@dataclass(slots=True)
class BlockWeights:
    """Weights `[blocks]` over the present blocks, and over the expected ones.

    `policy` is the method, `routed` whether a learned router was used, and `fallback` why it was not.
    """

    weights: Array
    wanted: Array
    policy: str
    routed: bool = False
    fallback: str = ""


@dataclass(slots=True)
class Choice:
    """The weighting of a request: one policy for all, or one for each modality's router.

    `strict` refuses an input of a modality that no router knows; otherwise its blocks have equal weights.
    """

    names: Sequence[str]
    name: str
    policy: RoutingPolicy
    routers: Routers | None = None
    learned: Mapping[Modality, RoutingPolicy] = field(default_factory=dict)
    strict: bool = False

    def weight(self, inputs: Sequence[RoutingInput]) -> list[BlockWeights | TiebackError]:
        """One result per input; InvalidInput if `strict` refuses it."""
        if self.routers is None:
            present = np.stack([one.present for one in inputs])
            expected = np.stack([one.expected for one in inputs])
            scores = np.zeros(present.shape)
            weights, wanted = (self.policy(self.names, rows, scores) for rows in (present, expected))
            return [BlockWeights(*rows, self.name) for rows in zip(weights, wanted, strict=True)]
        return self._routed(inputs, self.routers)

    def _routed(self, inputs: Sequence[RoutingInput], routers: Routers) -> list[BlockWeights | TiebackError]:
        found = [_no_weights(len(self.names)) for _ in inputs]
        refused: dict[int, TiebackError] = {}
        readable: dict[LearnedRouter, list[tuple[int, int, Array]]] = defaultdict(list)
        unreadable: dict[RoutingPolicy, list[tuple[int, int]]] = defaultdict(list)
        for number, one in enumerate(inputs):
            for content, modality in one.contents.modalities.items():
                router = routers.of(modality)
                if router is None and self.strict:
                    refused[number] = _no_router(self.name, modality, routers)
                elif router is None:
                    found[number].fallback = f"no router knows {modality}: equal weights"
                    unreadable[self.policy].append((number, content))
                elif (vector := _vector_for(router, one.contents, content)) is None:
                    found[number].policy = router.method
                    found[number].fallback = (
                        f"the router for {modality} reads {', '.join(router.widths)}, and none of them "
                        "is present: its mean weights at binding"
                    )
                    unreadable[router.without_inputs].append((number, content))
                else:
                    found[number].policy, found[number].routed = self.name or router.method, True
                    readable[router].append((number, content, vector))
        for policy, places in unreadable.items():
            self._add(found, inputs, places, policy, np.zeros((len(places), len(self.names))))
        for router, rows in readable.items():
            scores = router.scores(np.stack([vector for _, _, vector in rows]))
            places = [(number, content) for number, content, _ in rows]
            self._add(found, inputs, places, self.learned[router.modality], scores)
        return [refused.get(number) or _scaled(one) for number, one in enumerate(found)]

    def _add(
        self,
        found: Sequence[BlockWeights],
        inputs: Sequence[RoutingInput],
        places: Sequence[tuple[int, int]],
        policy: RoutingPolicy,
        scores: Array,
    ) -> None:
        """Adds the weights of contents, by number of their input and their own, by their shares."""
        present = np.stack([inputs[number].present for number, _ in places])
        expected = np.stack([inputs[number].expected for number, _ in places])
        weights = wanted = policy(self.names, present, scores)
        if (present != expected).any():  # something is missing
            wanted = policy(self.names, expected, scores)
        for row, (number, content) in enumerate(places):
            share = inputs[number].contents.shares[content]
            found[number].weights += share * weights[row]
            found[number].wanted += share * wanted[row]


def choose(names: Sequence[str], routing: Routing, routers: Routers | None) -> Choice:
    """What the request asks for, checked.

    InvalidInput names the field of the routing, NotFound the policies.
    """
    routers = routers or None
    if routing.policy == DEFAULT and not routing.weights:
        if routing.parameters:
            raise InvalidInput("parameters belong to a policy: name it", field=at("routing", "parameters"))
        uniform = routings.configure(UNIFORM)
        if routers is None:
            return Choice(names, UNIFORM, uniform)
        own = {router.modality: router.policy for router in routers.all}
        return Choice(names, DEFAULT, uniform, routers, own)
    name = routing.policy or EXPLICIT
    parameters = {**routing.parameters, **({"weights": dict(routing.weights)} if routing.weights else {})}
    try:
        policy = routings.configure(name, parameters)
        if not _uses_scores(policy, names):
            return Choice(names, name, policy)
        if routers is None:
            raise InvalidInput(
                f"{name} weights by a learned router, and this joint space has none; "
                f"ask for {UNIFORM} or {EXPLICIT}",
                field="policy",
            )
        learned = {router.modality: router.configured(name, parameters) for router in routers.all}
        return Choice(names, name, policy, routers, learned, strict=True)
    except InvalidInput as error:
        # In the request, weights are a field beside the policy's name.
        raise error.moved(at("parameters", "weights"), at("weights")).within(at("routing")) from None


def _uses_scores(policy: RoutingPolicy, names: Sequence[str]) -> bool:
    """Whether the policy's weights depend on a router's scores; raises where its parameters are bad."""
    everyone = np.ones((2, len(names)), bool)
    scores = np.stack([np.zeros(len(names)), np.linspace(0, 1, len(names))])
    flat, steep = policy(names, everyone, scores)
    return not np.allclose(flat, steep)


def _vector_for(router: LearnedRouter, contents: Contents, content: int) -> Array | None:
    """The unit vectors that the router reads, side by side; None where it would read none.

    A missing space has its imputed block, else zeros: routers are trained with
    spaces missing, and the losses of a binding are measured so.
    """
    readings = {
        encoding.adapter.source.name: encoding.reading[0]
        for encoding in contents.by_content.get(content, ())
        if encoding.adapter.source.name in router.widths
    }
    if router.widths and not any(space in readings for space in router.widths):
        return None
    imputed = contents.imputed.get(content, {})
    parts = [
        readings[space] if space in readings else _in_place(imputed.get(space), width)
        for space, width in router.widths.items()
    ]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _in_place(imputed: Array | None, width: int) -> Array:
    """The imputed block of a space, where that is as wide as the space itself; else zeros."""
    return imputed if imputed is not None and len(imputed) == width else np.zeros(width, np.float32)


def _no_router(name: str, modality: Modality, routers: Routers) -> InvalidInput:
    known = ", ".join(router.modality for router in routers.all)
    return InvalidInput(
        f"{name} weights by a learned router, and the binding {routers.revision} has none for {modality}, "
        f"only for {known}; ask for {UNIFORM} or {EXPLICIT}",
        field="parts",
    )


def _no_weights(blocks: int) -> BlockWeights:
    return BlockWeights(np.zeros(blocks), np.zeros(blocks), UNIFORM)


def _scaled(found: BlockWeights) -> BlockWeights:
    for rows in (found.weights, found.wanted):
        total = rows.sum()
        if total > 0:
            rows /= total
    return found
