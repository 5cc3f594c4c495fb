"""Everything that can go wrong in a call, as one tree.

    TiebackError
    ├── InvalidArgument        the request is wrong; `violations` name the fields
    │   └── SpaceMismatch      vectors of two spaces that no bound path joins
    ├── NotFound               an unknown space, model, method, collection or item; names the choices
    ├── AlreadyExists          the name is taken by something else
    ├── Unauthenticated        no token, or a wrong one
    ├── PermissionDenied       the token's role is not enough; the message names the one that is
    ├── ResourceExhausted      a limit was reached
    │   ├── Overloaded         too much is waiting; `retry_delay` is the time to wait
    │   │   └── RateExceeded   the tenant's tokens per second are used up; `retry_delay` as above
    │   ├── StorageFull        the store cannot take more; nothing acknowledged is lost
    │   └── QuotaExceeded      the tenant would store more than its quota
    ├── FailedPrecondition     something must be repaired first, for instance a damaged collection
    ├── DeadlineExceeded       there was no answer in the time given
    ├── Unavailable            the server is down, or a part of it, and may come back
    ├── Cancelled              the call was given up
    ├── Unimplemented          this server cannot do that
    ├── NothingWritten         every item of a stream of writes was refused; carries the error of each
    └── InternalError          a fault of the server

What is wrong on this side (an unreadable file, a lone surrogate, a message over the server's limit) raises
`InvalidArgument` before anything is sent. `tieback_client.transport.status` makes these from what a server
sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from tieback_contract.field_path import FieldPath

_SHOWN = 3  # errors of items that a message quotes


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that is wrong."""

    field: str
    """Its path in the request, for instance ``contents[3].image``."""
    description: str
    """What is wrong with it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What was not found, or was there already."""

    kind: str
    """What it is: space, model, method, collection, item."""
    name: str
    """Its name, as it was asked for."""


@dataclass(frozen=True, slots=True)
class Details:
    """All that an error carries beside its message."""

    code: str = ""
    """The canonical gRPC code, for instance ``"NOT_FOUND"``."""
    reason: str = ""
    """The machine-readable reason, for instance ``"SPACE_NOT_FOUND"``; empty where none was given."""
    hint: str = ""
    """The way out; the message may say it too."""
    choices: Sequence[str] = ()
    """Names that do exist, where something does not; the first ones of very many."""
    retry_delay: float | None = None
    """Seconds to wait before another try, if the server gave a delay."""
    request_id: str = ""
    """Names the call in the server's logs."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The call's initial and trailing metadata, binary values left out."""
    violations: Sequence[FieldViolation] = ()
    """The fields that are wrong."""
    resource: Resource | None = None
    """What was not found, or was there already."""


class TiebackError(Exception):
    """A call failed. Every error of this package is one."""

    code = "UNKNOWN"
    """The canonical gRPC code of this class."""
    retryable = False
    """Whether the same call may succeed later without a change."""

    def __init__(self, message: str, details: Details | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or Details()
        self.code = self.details.code or type(self).code

    @property
    def reason(self) -> str:
        """The machine-readable reason, for instance ``"SPACE_NOT_FOUND"``."""
        return self.details.reason

    @property
    def hint(self) -> str:
        """The way out; the message may say it too."""
        return self.details.hint

    @property
    def choices(self) -> Sequence[str]:
        """Names that do exist, where something does not; the first ones of very many."""
        return self.details.choices

    @property
    def retry_delay(self) -> float | None:
        """Seconds to wait before another try, if the server gave a delay."""
        return self.details.retry_delay

    @property
    def request_id(self) -> str:
        """Names the call in the server's logs."""
        return self.details.request_id

    @property
    def metadata(self) -> Mapping[str, str]:
        """The call's initial and trailing metadata."""
        return self.details.metadata

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint not in self.message else self.message


class InvalidArgument(TiebackError):  # noqa: N818 - named for what it is, as the gRPC codes are
    """The request is wrong. `violations` name the fields."""

    code = "INVALID_ARGUMENT"

    @classmethod
    def at(cls, field: FieldPath | str, message: str, *, reason: str = "INVALID_INPUT") -> InvalidArgument:
        """The error for one field, by its path or its name, that this side found wrong."""
        return cls(message, Details(reason=reason, violations=(FieldViolation(str(field), message),)))

    @property
    def violations(self) -> Sequence[FieldViolation]:
        """The fields that are wrong."""
        return self.details.violations

    @property
    def field(self) -> str:
        """The path of the first wrong field; empty where none was named."""
        return self.violations[0].field if self.violations else ""

    def within(self, prefix: FieldPath) -> Self:
        """The same error, seen from the request that has what is at `prefix` of it."""
        found = [replace(one, field=_within(one.field, prefix)) for one in self.violations]
        return type(self)(self.message, replace(self.details, violations=found))

    def moved(self, old: FieldPath, new: FieldPath) -> Self:
        """The same error, for whoever calls `new` what the server called `old`."""
        found = [replace(one, field=_moved(one.field, old, new)) for one in self.violations]
        return type(self)(self.message, replace(self.details, violations=found))

    def __str__(self) -> str:
        text = super().__str__()
        told = not self.field or text.startswith(tuple(f"{self.field}{end}" for end in " ,:"))
        return text if told else f"{self.field}: {text}"


class SpaceMismatch(InvalidArgument):
    """Vectors of two spaces that no bound path joins."""


class NotFound(TiebackError):  # noqa: N818 - see InvalidArgument
    """Something that does not exist. The message names the choices."""

    code = "NOT_FOUND"

    @property
    def resource(self) -> Resource | None:
        """What was asked for."""
        return self.details.resource


class AlreadyExists(TiebackError):  # noqa: N818 - see InvalidArgument
    """The name is taken by something else."""

    code = "ALREADY_EXISTS"

    @property
    def resource(self) -> Resource | None:
        """What was there already."""
        return self.details.resource


class Unauthenticated(TiebackError):  # noqa: N818 - see InvalidArgument
    """No token, or a wrong one."""

    code = "UNAUTHENTICATED"


class PermissionDenied(TiebackError):  # noqa: N818 - see InvalidArgument
    """The token's role is not enough for this. The message names the role that is."""

    code = "PERMISSION_DENIED"


class ResourceExhausted(TiebackError):  # noqa: N818 - see InvalidArgument
    """A limit was reached."""

    code = "RESOURCE_EXHAUSTED"


class Overloaded(ResourceExhausted):
    """Too many requests are waiting. `retry_delay` is the time to wait before a retry."""

    retryable = True


class StorageFull(ResourceExhausted):
    """The store cannot take more. What was acknowledged is safe."""


class RateExceeded(Overloaded):
    """The tenant's tokens per second are used up. `retry_delay` is the time to wait before a retry."""


class QuotaExceeded(ResourceExhausted):
    """The tenant would store more than its quota. Nothing of the request was kept; waiting does not help."""


class FailedPrecondition(TiebackError):  # noqa: N818 - see InvalidArgument
    """Something must be repaired first, for instance a damaged collection. The message names how."""

    code = "FAILED_PRECONDITION"


class DeadlineExceeded(TiebackError):  # noqa: N818 - see InvalidArgument
    """There was no answer in the time given."""

    code = "DEADLINE_EXCEEDED"


class Unavailable(TiebackError):  # noqa: N818 - see InvalidArgument
    """The server is down, or a part of it, and may come back."""

    code = "UNAVAILABLE"
    retryable = True


class Cancelled(TiebackError):  # noqa: N818 - see InvalidArgument
    """The call was given up, by this side or by the server."""

    code = "CANCELLED"


class Unimplemented(TiebackError):  # noqa: N818 - see InvalidArgument
    """The server cannot do that."""

    code = "UNIMPLEMENTED"


class NothingWritten(TiebackError):  # noqa: N818 - see InvalidArgument
    """Every item of a stream of writes was refused. Its code is theirs where they have the same."""

    def __init__(self, errors: Mapping[str, TiebackError]) -> None:
        shown = [f"{name!r}: {error}" for name, error in list(errors.items())[:_SHOWN]]
        more = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
        codes = {error.code for error in errors.values()}
        super().__init__(
            f"nothing was written; refused: {'; '.join(shown)}{more}",
            Details(code=codes.pop() if len(codes) == 1 else ""),
        )
        self.errors = errors
        """Why items were refused, by their id."""


class InternalError(TiebackError):
    """A fault of the server."""

    code = "INTERNAL"


def _within(path: str, prefix: FieldPath) -> str:
    return f"{prefix}{path}" if path.startswith("[") or not (path and prefix) else f"{prefix}.{path}"


def _moved(path: str, old: FieldPath, new: FieldPath) -> str:
    try:
        return str(FieldPath.parse(path).moved(old, new))
    except ValueError:  # a newer server writes paths in another form
        return path
