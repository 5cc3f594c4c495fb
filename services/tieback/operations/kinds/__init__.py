"""Kinds of operations: a file is a kind, and nothing else is touched to add one.

A kind is a frozen model whose fields are its request, with their defaults. Its run is an asynchronous
generator of progress that ends where its work is done, can be ended at any point, and goes on by itself when
it is begun again: what it needs for that is on the disk, in what it changes or in its last checkpoint. What
is of no use after a cancellation is removed by its `discard`.
"""

from __future__ import annotations

import importlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError
from tieback_contract.field_path import at

from tieback.core.errors import InvalidInput, NotFound
from tieback.core.extensions import entries
from tieback.core.types.operation import Json, Progress
from tieback.operation_ports import HeadsPort, MovingPort, ReindexPort, UpgradePort


@dataclass(frozen=True, slots=True)
class Services:
    """What kinds work with."""

    reindex: ReindexPort
    upgrade: UpgradePort
    heads: HeadsPort
    moving: MovingPort


class Kind(BaseModel, ABC):
    """A request for an operation, checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    excludes: ClassVar[frozenset[str]] = frozenset()
    """Other kinds that may not work on the same at the same time."""

    @property
    @abstractmethod
    def subject(self) -> str:
        """What it works on: one operation of the kind does at a time."""

    @abstractmethod
    async def check(self, services: Services) -> None:
        """Raises what a run would at once, for whoever starts it: what is not there, or not allowed."""

    @abstractmethod
    def run(self, services: Services, checkpoint: Json) -> AsyncGenerator[Progress, None]:
        """Does the work, or goes on with it; `checkpoint` is the last one, empty where there was none."""

    async def discard(self, services: Services) -> None:
        """Removes what cancelled runs made, before the operation is reported as over.

        It is done again where it was cut short. A kind whose runs keep nothing leaves it out.
        """


def names() -> list[str]:
    """The kinds' names, sorted, without importing them."""
    return list(entries(__name__))


def read(kind: str, request: Mapping[str, Any]) -> Kind:
    """A request of a kind. NotFound with the kinds, or InvalidInput with the field."""
    there = entries(__name__)
    if kind not in there:
        raise NotFound("kind of operation", kind, there)
    module = importlib.import_module(there[kind])
    made = next(
        one
        for one in vars(module).values()
        if inspect.isclass(one) and issubclass(one, Kind) and one.__module__ == module.__name__
    )
    try:
        return made(**request)
    except ValidationError as error:
        first = error.errors()[0]
        known = ", ".join(made.model_fields)
        raise InvalidInput(
            f"an operation {kind!r}: {first['msg'].lower()}; its fields are: {known}", field=at(*first["loc"])
        ) from None
