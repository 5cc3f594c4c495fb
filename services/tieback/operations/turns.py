"""Which operation runs next: tenants take turns, and of one tenant the first to come is the first to run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from tieback_contract.operations import OperationState

from tieback.core.types.operation import OperationRecord


class Turns:
    """Remembers who had the last turn."""

    def __init__(self) -> None:
        self._number = 0
        self._last: dict[str, int] = {}  # by tenant: the number of its last turn

    def next(self, operations: Collection[OperationRecord]) -> OperationRecord | None:
        """The one whose turn it is, of those that wait: of the tenant with the fewest that run.

        Of tenants with equally many it is the one whose last turn is the longest ago. None where none waits.
        """
        waiting = [one for one in operations if one.state is OperationState.WAITING]
        if not waiting:
            return None
        running = Counter(one.owner for one in operations if one.state is OperationState.RUNNING)
        chosen = min(
            waiting, key=lambda one: (running[one.owner], self._last.get(one.owner, 0), one.created, one.id)
        )
        self._number += 1
        self._last[chosen.owner] = self._number
        return chosen
