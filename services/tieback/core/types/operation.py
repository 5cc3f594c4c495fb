"""Work that runs for minutes or hours: what was asked for, how far it is, what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tieback_contract.method_choice import MethodChoice
from tieback_contract.operations import JudgedQuery, OperationState

from tieback.core.errors import TiebackError

Json: TypeAlias = Mapping[str, Any]
"""An object that JSON can hold."""
NOTHING: Json = {}
NO_POLICY = MethodChoice("")


@dataclass(frozen=True, slots=True)
class PlanUpgradeRequest:
    """A collection whose upgrade is planned, and how; zeros and empty values leave it to the server."""

    collection: str
    space: str = ""
    policy: MethodChoice = NO_POLICY
    labels: str = ""
    items: int = 0
    queries: Sequence[JudgedQuery] = ()
    floor: float = 0.0
    earlier: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of an operation's run, of which `done` of `total` are done; the last one has the `result`.

    A `checkpoint` is on the disk before the run goes on, and a run that resumes is given the last one. What
    follows a step that is `committing` cannot be undone, so it is not cancelled either.
    """

    done: int
    total: int
    checkpoint: Json | None = None
    committing: bool = False
    result: Json | None = None


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """An operation as it stands. Times are seconds of the epoch; `remaining` is in seconds."""

    id: str
    kind: str
    owner: str
    """The tenant that started it."""
    subject: str
    """What it works on; one operation of a kind works on it at a time."""
    request: Json
    created: float
    state: OperationState = OperationState.WAITING
    done: int = 0
    total: int = 0
    begun: float | None = None
    """When it first ran."""
    ended: float | None = None
    cancelling: bool = False
    """Whether it was asked to cancel and has not ended yet."""
    remaining: float | None = None
    """How long it still needs at its present rate."""
    trouble: str = ""
    """Why it does not go on at present, where it is to be tried again."""
    checkpoint: Json = field(default_factory=dict)
    result: Json | None = None
    error: TiebackError | None = None
