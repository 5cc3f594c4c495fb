"""Combines queries that are fused at the same time into one batch.

Encoders answer a whole batch at once, so queries also reach the router together. The graphs of a binding then
read their weights from memory once for all of them. A result does not depend on the other queries of its
batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tieback_contract.fusion import Fused, FusePart

from tieback.core.errors import TiebackError
from tieback.core.types.fusion import Role
from tieback.router.block_weights import Choice
from tieback.router.imputing import FittedImputation

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
