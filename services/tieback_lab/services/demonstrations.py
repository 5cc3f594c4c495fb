"""The service that keeps demonstrations, beside the generator whose model reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieback.core.call import Call
from tieback.core.errors import Unsupported
from tieback.services import FurtherService

from tieback_lab.contract.demonstrations import Demonstration, PutReply, StoredDemonstration

if TYPE_CHECKING:
    from tieback.generator import Generator

    from tieback_lab.generator.demonstrations import Demonstrations

NO_DEMONSTRATIONS = (
    "this server has no compression of demonstrations; train one (tieback train aim), and name it in "
    "TIEBACK_ARTIFACTS: docs/answers.md"
)


class DemonstrationService:
    """Puts, lists and deletes the demonstrations of the running task's tenant.

    Unsupported where nothing compresses them.
    """

    def __init__(self, generator: Generator) -> None:
        from tieback_lab.generator.demonstrations import Demonstrations

        prompts = generator.soft_prompts.values()
        self._kept = next((one for one in prompts if isinstance(one, Demonstrations)), None)

    async def put_demonstration(self, demonstration: Demonstration, call: Call) -> PutReply:
        """Reads one and keeps it, in place of one of the same id. Durable when it returns."""
        return await self._there.put(demonstration, call)

    async def list_demonstrations(self) -> list[StoredDemonstration]:
        """Those of the tenant, by id."""
        return await self._there.all()

    async def delete_demonstration(self, id: str) -> None:
        """Removes one. NotFound, with the choices, where there is none."""
        await self._there.delete(id)

    @property
    def _there(self) -> Demonstrations:
        if self._kept is None:
            raise Unsupported(NO_DEMONSTRATIONS)
        return self._kept


SERVICE = FurtherService(
    "tieback.lab.v1.DemonstrationService",
    "tieback_lab.v1.demonstration_pb2",
    DemonstrationService,
    "generator",
    lambda generator, _: DemonstrationService(generator),
)
