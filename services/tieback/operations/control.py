"""Operations are started, and upgrades paused, resumed, rolled back and finished."""

from __future__ import annotations

from tieback.core.call import NO_CALL, Call
from tieback.core.errors import InvalidInput, NotFound, Unavailable
from tieback.core.types.collection import StoredCollection
from tieback.core.types.operation import OperationRecord, PlanUpgradeRequest
from tieback.operation_ports import MovingPort
from tieback.operations.service import LONGEST_WAIT, Operations

KIND, PLAN = "upgrade", "plan_upgrade"


class Control:
    """An `OperationsPort`, of the running task's tenant."""

    def __init__(self, operations: Operations, moving: MovingPort) -> None:
        self._operations, self._moving = operations, moving

    async def start_reindex(
        self, collection: str, space: str = "", drop_missing: bool = False
    ) -> OperationRecord:
        """See `Operations.start`."""
        asked = {"collection": collection, "space": space, "drop_missing": drop_missing}
        return await self._operations.start("reindex", asked)

    async def plan_upgrade(
        self,
        request: PlanUpgradeRequest,
        call: Call = NO_CALL,  # noqa: ARG002 - it goes on without the call
    ) -> OperationRecord:
        """See `Operations.start`. What the request does not say is left to the kind."""
        said = {
            "policy": request.policy.name,
            "parameters": dict(request.policy.parameters),
            "items": request.items,
            "queries": [{"text": one.text, "grades": dict(one.grades)} for one in request.queries],
            "floor": request.floor,
            "earlier": list(request.earlier),
        }
        asked = {"collection": request.collection, "space": request.space, "labels": request.labels}
        return await self._operations.start(PLAN, asked | {name: one for name, one in said.items() if one})

    async def start_upgrade(
        self, collection: str, space: str = "", least_trust: float | None = None
    ) -> OperationRecord:
        """See `Operations.start`. Trust that is not said is left to the kind."""
        said = {} if least_trust is None else {"least_trust": least_trust}
        return await self._operations.start(KIND, {"collection": collection, "space": space, **said})

    async def pause_upgrade(self, collection: str) -> StoredCollection:
        """NotFound where the collection is in one space; Unavailable where its upgrade waits for its turn."""
        try:
            return await self._moving.pause(collection, paused=True)
        except NotFound as missing:
            if missing.kind != KIND or self._operations.active(KIND, collection) is None:
                raise
            raise Unavailable("the upgrade has not begun yet; try again") from None

    async def resume_upgrade(self, collection: str) -> OperationRecord:
        """The operation that goes on: the one under way, or another one with the same request."""
        found = await self._moving.pause(collection, paused=False)
        if found.moving is None:
            raise NotFound("upgrade", collection, hint="it has just ended")
        return await self._operations.start(KIND, found.moving.request or {})

    async def rollback_upgrade(self, collection: str) -> StoredCollection:
        """Cancels the operation under way, which drops what was made; without one, that is done here."""
        under_way = self._operations.active(KIND, collection)
        if under_way is None:
            return await self._moving.roll_back(collection)
        await self._operations.cancel(under_way.id)
        ended = await self._operations.wait(under_way.id, LONGEST_WAIT)
        if not ended.state.is_over:
            raise Unavailable("the upgrade is still ending; call it again")
        found = await self._moving.state(collection)
        return found if found.moving is None else await self._moving.roll_back(collection)

    async def known(self, collection: str) -> tuple[StoredCollection, list[OperationRecord]]:
        """The collection, and its plans that have a result, the newest first. NotFound where it has neither.

        Plans of a collection of this name that was removed are left out.
        """
        found = await self._moving.state(collection)
        made = found.created.timestamp()
        plans = [one for one in self._operations.succeeded(PLAN, collection) if one.created >= made]
        if found.moving is None and not plans:
            hint = "PlanUpgrade (tieback upgrade plan) makes one for a collection"
            raise NotFound("upgrade plan", collection, hint=hint)
        return found, plans

    async def finish_upgrade(self, collection: str, drop_missing: bool = False) -> StoredCollection:
        """InvalidInput while an operation encodes for it, or where items have no new vectors."""
        under_way = self._operations.active(KIND, collection)
        if under_way is not None:
            raise InvalidInput(
                f"the operation {under_way.id} still encodes the collection {collection!r}: wait until it "
                "has ended, then finish the upgrade",
                field="collection",
            )
        return await self._moving.finish(collection, drop_missing=drop_missing)
