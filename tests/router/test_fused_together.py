"""Queries that come at the same moment are fused at once, and none of them notices."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from support.small_binding import routed, text
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput
from tieback.core.types.fusion import FuseRequest, Role, Routing
from tieback.router import Router
from tieback.router.router import INLINE_INPUTS, FuseBatcher
from tieback_contract.fusion import Fused, FusePart

QUERIES = [text(*np.eye(3)[number % 3] + 0.1 * number) for number in range(3 * INLINE_INPUTS + 1)]


async def each_alone(router: Router) -> list[Any]:
    return [(await router.fuse(FuseRequest([parts]), NO_CALL)).results[0] for parts in QUERIES]


async def all_together(router: Router, *others: Any) -> list[Any]:
    asked = [router.fuse(FuseRequest([parts]), NO_CALL) for parts in QUERIES]
    replies = await asyncio.gather(*asked, *others)
    return [reply.results[0] for reply in replies]


async def test_a_query_gets_the_same_vector_and_explanation_alone_and_among_others() -> None:
    router = Router.bound(routed())

    for alone, among in zip(await each_alone(router), await all_together(router), strict=True):
        assert isinstance(among, Fused)
        assert among.vector.values.tolist() == alone.vector.values.tolist()
        assert among.routing == alone.routing


async def test_a_query_that_asks_for_another_policy_gets_it_among_others() -> None:
    router = Router.bound(routed())

    *_, uniform = await all_together(
        router, router.fuse(FuseRequest([QUERIES[0]], routing=Routing("uniform")), NO_CALL)
    )

    assert uniform.routing.policy == "uniform"


async def test_the_error_of_a_query_among_others_names_the_place_in_its_own_request() -> None:
    router = Router.bound(routed())
    twice: list[FusePart] = [*QUERIES[0], QUERIES[0][0]]

    *rest, wrong = await all_together(
        router,
        router.fuse(FuseRequest([QUERIES[1], twice]), NO_CALL),
        router.fuse(FuseRequest([twice]), NO_CALL),
    )

    assert isinstance(wrong, InvalidInput)
    assert str(wrong.field).startswith("inputs[0].parts[")
    assert all(isinstance(one, Fused) for one in rest)


async def test_queries_of_one_moment_make_one_batch_and_a_fault_in_it_is_its_own_querys() -> None:
    batches: list[int] = []

    def fuse(inputs: Any, *_: Any) -> list[Any]:
        batches.append(len(inputs))
        if "bad" in inputs:
            raise ValueError("no such query")
        return list(inputs)

    batcher = FuseBatcher(fuse, 4)
    choice: Any = object()
    way: Any = object()

    async def ask(name: str) -> Any:
        return await batcher.fuse([name], Role.QUERY, choice, way)  # type: ignore[list-item]  # stands for parts

    good = await asyncio.gather(*(ask(name) for name in "abcdef"))
    mixed = await asyncio.gather(*(ask(name) for name in ("a", "bad", "b")), return_exceptions=True)

    assert good == [[name] for name in "abcdef"]
    assert batches[:2] == [4, 2]
    assert (mixed[0], mixed[2]) == (["a"], ["b"])
    assert isinstance(mixed[1], ValueError)
