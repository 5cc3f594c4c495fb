"""Everything that can go wrong, as one tree.

    TiebackError
    ├── InvalidInput          the request is wrong; names the field and the way out
    │   └── SpaceMismatch     vectors of two spaces that no bound path joins
    ├── NotFound              an unknown space, model, method, collection or item; names the choices
    ├── AlreadyExists         the name is taken by something else
    ├── Unauthenticated       no token, or a wrong one
    ├── PermissionDenied      the token's role is not enough; names the role that is
    ├── Overloaded            too much is waiting; has the time to come back
    │   └── RateExceeded      the tenant has used its tokens per second; has the time to come back
    ├── DeadlineExceeded      the work could not be done in the time given
    ├── Unavailable           a part is down and may come back
    │   └── EndpointUnavailable    the endpoint of a model does not answer
    ├── EndpointMisconfigured the endpoint of a model refuses what its card makes this server send
    ├── StorageFull           the store cannot take more; nothing acknowledged is lost
    ├── QuotaExceeded         the tenant would store more than its quota
    ├── Damaged               a collection's files are damaged: it cannot be written, or not even read
    │   └── DamagedSnapshot   a snapshot's files are not what was written: it cannot be restored
    ├── StaleCollection       a collection's space is not served any more: its model changed, or is gone
    │   └── ChangedEndpoint   another model answers at an endpoint than the one that made the stored vectors
    ├── Unsupported           a well-formed request for what this server cannot do
    └── StartupError          the server cannot start, or a command cannot run; names the way out
        └── ArtifactError     something learned cannot be used; names how to make it again
            ├── MissingArtifact    it is not there
            ├── AlteredArtifact    its files are not what was written
            ├── OtherKind          it is something else than what is read
            ├── OtherSchema        another release wrote it
            └── OtherWeights       it was made for other weights than those that are served

Messages are written for the caller: they name the fault and the way out, and never an internal name, a path
or an address. `tieback.serving.requests.failures` turns each class into a gRPC status, in one table.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Self

from tieback_contract.field_path import ROOT, FieldPath, at

WRONG_MODALITY = "WRONG_MODALITY"
"""The reason of the error where a space does not read contents of a modality."""

_LONGEST_NAME = 120  # characters of it in a message


class TiebackError(Exception):
    """An error that is reported to the caller.

    `reason` is the machine-readable name (UPPER_SNAKE_CASE) that ends in google.rpc.ErrorInfo.
    """

    reason = "INTERNAL"
    hint = ""
    """The way out, for callers of the bare contract; the message may say it too."""
    field = ROOT
    """Where in the request it is. Only what is wrong with the request has a place there."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def within(self, prefix: FieldPath) -> Self:
        """The same error, seen from the request that handed on what is at `prefix` of it."""
        return self.about(self.field.under(prefix))

    def moved(self, old: FieldPath, new: FieldPath) -> Self:
        """The same error, about `new` where it is about something at or below `old`."""
        return self.about(self.field.moved(old, new))

    def about(self, field: FieldPath) -> Self:  # noqa: ARG002 - for those that have a place
        """The same error, about another field; itself where it has no place in a request."""
        return self


class InvalidInput(TiebackError):  # noqa: N818 - errors are named for what they are, not for being errors
    """The request is wrong, at the path `field` of it: ``at("contents", 3, "image")``, or a field's name."""

    reason = "INVALID_INPUT"

    def __init__(self, message: str, *, field: FieldPath | str = ROOT, reason: str | None = None) -> None:
        super().__init__(message)
        self.field = at(field) if isinstance(field, str) else field
        if reason is not None:
            self.reason = reason

    def about(self, field: FieldPath) -> Self:
        """The same error, about another field. A copy: who asked for the same has this one too."""
        told = copy.copy(self)
        told.field = field
        return told


class SpaceMismatch(InvalidInput):
    """Two vectors that must not be compared."""

    reason = "SPACE_MISMATCH"


class NotFound(TiebackError):  # noqa: N818 - see InvalidInput
    """Something that does not exist. `kind` is what it is: space, model, method, collection, item."""

    reason = "NOT_FOUND"

    def __init__(self, kind: str, name: str, choices: Iterable[str] = (), *, hint: str = "") -> None:
        self.kind, self.name, self.choices = kind, cut(name), sorted(choices)
        near = get_close_matches(self.name, self.choices, n=1, cutoff=0.7)
        guess = f"did you mean {near[0]!r}?" if near else ""
        super().__init__(_unknown(kind, self.name, guess, self.choices, hint))
        self.hint = hint or guess
        self.reason = f"{kind.upper().replace(' ', '_')}_NOT_FOUND"


class AlreadyExists(TiebackError):  # noqa: N818 - see InvalidInput
    """The name is taken by something else."""

    reason = "ALREADY_EXISTS"

    def __init__(self, kind: str, name: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.name = kind, cut(name)


class Unauthenticated(TiebackError):  # noqa: N818 - see InvalidInput
    """No token, or a wrong one."""

    reason = "UNAUTHENTICATED"
    hint = "send a token of this server's in the metadata 'authorization: Bearer TOKEN'"


class PermissionDenied(TiebackError):  # noqa: N818 - see InvalidInput
    """The caller is known, and its role is not enough. The message names the role that is needed."""

    reason = "PERMISSION_DENIED"


class Overloaded(TiebackError):  # noqa: N818 - see InvalidInput
    """Too much is waiting. `retry_after` is in seconds, from queued tokens and the measured rate."""

    reason = "OVERLOADED"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateExceeded(Overloaded):
    """The tenant's tokens per second are used up; others are not affected. `retry_after` is in seconds."""

    reason = "TENANT_QUOTA"


class DeadlineExceeded(TiebackError):  # noqa: N818 - see InvalidInput
    """The work could not be done in the time given, or was not begun because it could not."""

    reason = "DEADLINE_EXCEEDED"


class Unavailable(TiebackError):  # noqa: N818 - see InvalidInput
    """A part is down and may come back; `retry_after` is in seconds."""

    reason = "UNAVAILABLE"

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EndpointUnavailable(Unavailable):
    """The endpoint of a model does not answer, and has written nothing yet."""

    reason = "ENDPOINT_UNAVAILABLE"
    hint = "answers by quotes work: ask for the style quote"


class EndpointMisconfigured(TiebackError):  # noqa: N818 - see InvalidInput
    """The endpoint of a model refuses what every request to it has, such as the model's name."""

    reason = "ENDPOINT_MISCONFIGURED"
    hint = "answers by quotes work: ask for the style quote"

    def __init__(self, message: str, *, status: int = 0, words: str = "") -> None:
        super().__init__(message)
        self.status, self.words = status, words  # the endpoint's own; words were made harmless


class StorageFull(TiebackError):  # noqa: N818 - see InvalidInput
    """The store cannot take more. What was acknowledged is safe; nothing of this write was kept."""

    reason = "STORAGE_FULL"


class QuotaExceeded(TiebackError):  # noqa: N818 - see InvalidInput
    """The tenant would store more than its quota. Nothing of this write was kept; waiting does not help."""

    reason = "TENANT_QUOTA"


class Damaged(TiebackError):  # noqa: N818 - see InvalidInput
    """A collection's files are damaged, and trying again does not help. The message names what does."""

    reason = "COLLECTION_DAMAGED"


class DamagedSnapshot(Damaged):
    """A snapshot's files are not what was written. Nothing of it was restored."""

    reason = "SNAPSHOT_DAMAGED"


class StaleCollection(TiebackError):  # noqa: N818 - see InvalidInput
    """A collection whose `space` is not served any more. The message names the way out."""

    reason = "COLLECTION_STALE"

    def __init__(self, message: str, *, space: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.space, self.hint = space, hint


class ChangedEndpoint(StaleCollection):
    """Another model answers at the endpoint of a `space` than the one that made the stored vectors."""

    reason = "ENDPOINT_CHANGED"


class Unsupported(TiebackError):  # noqa: N818 - see InvalidInput
    """A well-formed request for what this server cannot do."""

    reason = "UNSUPPORTED"


class StartupError(TiebackError):
    """The server cannot start, or a command cannot run. The message names the way out."""

    reason = "STARTUP"


class ArtifactError(StartupError):
    """Something learned cannot be used. The message names how to make it again."""

    reason = "ARTIFACT"


class MissingArtifact(ArtifactError):  # noqa: N818 - see InvalidInput
    """The artifact is not there."""

    reason = "ARTIFACT_MISSING"


class AlteredArtifact(ArtifactError):  # noqa: N818 - see InvalidInput
    """A file of the artifact is not what was written."""

    reason = "ARTIFACT_ALTERED"


class OtherKind(ArtifactError):  # noqa: N818 - see InvalidInput
    """The artifact is of another kind than the one that is read."""

    reason = "ARTIFACT_KIND"


class OtherSchema(ArtifactError):  # noqa: N818 - see InvalidInput
    """The artifact is of another schema version than this release reads."""

    reason = "ARTIFACT_SCHEMA"


class OtherWeights(ArtifactError):  # noqa: N818 - see InvalidInput
    """The artifact was made for another revision or fingerprint of a space than the one that is served."""

    reason = "ARTIFACT_WEIGHTS"


def cut(name: str) -> str:
    """A caller's name for something, short enough to be quoted in a message."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _unknown(kind: str, name: str, guess: str, choices: Sequence[str], hint: str) -> str:
    message = f"no {kind} is named {name!r}" if name else f"no {kind} was named"
    if guess:
        message += f"; {guess}"
    if choices:
        shown = ", ".join(choices[:20]) + (", …" if len(choices) > 20 else "")
        message += f"; the choices are: {shown}"
    if hint:
        message += f"; {hint}"
    return message
