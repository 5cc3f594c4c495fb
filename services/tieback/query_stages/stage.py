"""A stage of a query, and what is asked of one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from tieback_contract import query as options
from tieback_contract.field_path import at
from tieback_contract.query import QueryOptions

RETRIEVE, SEARCH = "Retrieve", "Search"

OPTIONS, PLAN = at("options"), at("plan")
"""The places of the options of a request, and of those of a collection."""

STAGES = OPTIONS["stages"]
"""The place where a request names stages of extensions."""


OPTION_OF = {one.name: one for one in options.OPTIONS}
OPTION_NAMES = frozenset(OPTION_OF)


@dataclass(frozen=True, slots=True)
class Asked:
    """Demands of a query: its options, and of other things whether it `has` them, as far as that is known.

    `Retrieve` knows of "query words" and "routing", `Search` of "text", "vector", "signals", "vectors" and
    "explain".
    """

    options: QueryOptions
    has: Mapping[str, bool] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Models:
    """Models of a server that options name: those that rerank, and its learned ranking.

    The name of the `ranker` is empty where there is none, and None where that is not known.
    """

    rerankers: Collection[str] = ()
    ranker: str | None = None


NO_MODELS = Models()


@dataclass(frozen=True, slots=True)
class Rule:
    """A stage that another needs or excludes, and the sentence of the refusal.

    The `other` is a stage, or what a query has. An empty sentence refuses no query: only what a collection
    chooses gives way.
    """

    other: str
    why: str = ""


class NoParameters(BaseModel):
    """Parameters of a stage that has none."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a query."""

    name: str
    """The name by which other stages, stores and explanations know it."""
    does: str
    """A sentence of what it does."""
    of: str = SEARCH
    """The method of the contract that runs it."""
    option: str = ""
    """The option that asks for it, or the field of the request; empty where it follows from the query."""
    reads: tuple[str, ...] = ()
    """More options that it reads."""
    run: str = ""
    """The module of the service's `stages/` that runs it; empty where another one does it too."""
    shown: str = ""
    """The name of its time; empty where what it does is timed by itself."""
    share: float = 1.0
    """The part of the time that is left in which it, or each of its parts, answers or is left out."""
    lost_as: str = ""
    """The name of what is missing where it does not answer in time; empty where the query fails with it."""
    chosen: Callable[[Asked], bool] = lambda _: False
    """Tell whether a query says that it takes place."""
    left_out: Callable[[Asked], bool] = lambda _: False
    """Tell whether a query says that it does not."""
    needs: tuple[Rule, ...] = ()
    """Stages that have to take place beside it."""
    excludes: tuple[Rule, ...] = ()
    """Stages that may not take place beside it; the error names them."""
    excluded_by: tuple[Rule, ...] = ()
    """Stages that it may not take place beside; the error names this one."""
    otherwise: tuple[Rule, ...] = ()
    """Stages that have to take place where it is left out."""
    after: str = ""
    """Of an extension's stage: the one that it is run after; empty where it comes first. It takes place where
    the option `stages` names it."""
    parameters: type[BaseModel] = NoParameters
    """Of an extension's stage: the parameters that it is given there."""

    @property
    def options(self) -> tuple[str, ...]:
        """The options that it reads."""
        return tuple(name for name in (self.option, *self.reads) if name in OPTION_NAMES)


@dataclass(frozen=True, slots=True)
class Clash:
    """Two stages that do not go together, or one without what it needs; `blamed` is named by the error."""

    holder: Stage
    other: Stage | None
    blamed: Stage
    why: str
