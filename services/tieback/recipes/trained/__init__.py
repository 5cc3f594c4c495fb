"""Recipes that learn something: a file here is a recipe, and nothing else is touched to add one.

`tieback recipes` lists them and `tieback train NAME` runs one. A recipe is a function of its file's name: its
argument is the run (models, data, cache of steps), its keyword parameters are its configuration, typed, each
with a default. It gives what was learned, which the run keeps as an artifact. PyTorch is imported within the
function: recipes are listed without it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tieback_contract.arrays import Array
from tieback_contract.vectors import SpaceRef

from tieback.artifacts import Artifact, Kind
from tieback.catalog.card import EncoderCard, GeneratorCard
from tieback.core.family import Family
from tieback.models.store import Store
from tieback.training.step_cache import StepCache

if TYPE_CHECKING:
    from tieback.training.loop import Attempt

PAPER = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """What a recipe works with.

    `cards` are the encoders in the precisions that are served, by name; `data` the files and folders that are
    learned from; `say` is called with each step. `generators` are the language models, by name.
    """

    store: Store
    cards: Mapping[str, EncoderCard]
    data: Sequence[Path]
    steps: StepCache
    say: Callable[[str], None]
    generators: Mapping[str, GeneratorCard] = field(default_factory=dict)

    def attempt(self, name: str, trained_on: str, *, every: int) -> Attempt:
        """A training with its checkpoint beside the steps; every so many of its own it says how far it is."""
        from tieback.training import loop

        checkpoint = self.steps.root / f"{name}.checkpoint.safetensors"
        return loop.Attempt(checkpoint, trained_on, loop.said_every(every, self.say))


class Adapt(Protocol):
    """From an artifact to the model that serves it."""

    def __call__(
        self,
        artifact: Artifact,
        cards: Mapping[str, EncoderCard],
        store: Store,
        output: Path,
        say: Callable[[str], None],
    ) -> Path:
        """The file of the card. OtherWeights where the encoder is not the one that it was made for."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What a recipe gives: the content of an artifact of that `kind`, and numbers for whoever decides by it.

    `made_for` are the spaces whose weights it belongs to, `data` the files that were learned from. `metrics`
    are structured; `report` are tables by their titles, each a list of rows. `files` are further ones, by
    their names. `adapt` writes the model and the card that serve it; artifacts of other kinds need none.
    """

    kind: Kind
    arrays: Mapping[str, Array]
    made_for: tuple[SpaceRef, ...]
    data: Sequence[Path]
    facts: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    adapt: Adapt | None = None


class Recipe(Protocol):
    """From data to what is learned from them."""

    def __call__(self, run: TrainingRun) -> Learned:
        """InvalidInput, with the parameter's name, or StartupError where the run cannot be done."""
        ...


recipes: Family[Recipe] = Family(__name__, Recipe, called="recipe")


@dataclass(frozen=True, slots=True)
class RecipeDescription:
    """A recipe as `tieback recipes` and docs/recipes.md show it; `papers` are arXiv numbers."""

    name: str
    summary: str
    papers: tuple[str, ...]
    makes: str
    schema: Mapping[str, Any]


def describe(name: str) -> RecipeDescription:
    """What the recipe is, by its file: the docstring, `MAKES`, the function's signature.

    NotFound, with the choices, where there is none of that name.
    """
    described = recipes.describe(name)
    module = sys.modules[recipes.get(name).__module__]
    papers = tuple(dict.fromkeys(PAPER.findall(module.__doc__ or "")))
    return RecipeDescription(name, described.summary, papers, module.MAKES, described.schema)
