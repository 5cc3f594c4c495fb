"""An input of many contents: its work grows with their number and not with its square, and it is bounded."""

from __future__ import annotations

from typing import Any

import pytest
from support.growth import growth
from support.small_binding import binding, imputation, routed, text
from support.sweep import sweep
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput
from tieback.core.types.fusion import FuseRequest
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.router import Router
from tieback_contract.limits import Limits

LINEAR = 2.8
"""Twice the contents take twice the time, and some more where a machine is busy; a square would be four."""


def imputing() -> JointSpaceArtifact:
    return binding(imputations=[imputation("ridge")])


@pytest.mark.parametrize("served", sweep([binding, routed, imputing], quick=[imputing]))
async def test_the_work_grows_with_the_number_of_contents(served: Any) -> None:
    router = Router.bound(served(), limits=Limits(query_parts=0))

    async def fuse(count: int) -> None:
        parts = [part for content in range(count) for part in text(1, content % 7, 3, content=content)]
        await router.fuse(FuseRequest([parts]), NO_CALL)

    assert await growth(fuse, 1000) < LINEAR


async def test_more_contents_than_the_limit_are_refused() -> None:
    router = Router.bound(binding(), limits=Limits(query_parts=3))

    reply = await router.fuse(
        FuseRequest([[part for n in range(count) for part in text(1, n, content=n)] for count in (3, 4)]),
        NO_CALL,
    )

    kept, refused = reply.results
    assert not isinstance(kept, InvalidInput)
    assert isinstance(refused, InvalidInput)
    assert str(refused.field) == "inputs[1].parts"
    assert "4 contents" in refused.message
    assert "3 at most" in refused.message
