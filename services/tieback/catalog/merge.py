"""A card whose weights are made of other cards': which they are, how they are merged, and what it has to
pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from tieback.artifacts import file_digest
from tieback.catalog.own_directory import directory_revision, own_files
from tieback.catalog.source import Strict
from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.types.encoding import MIXED, ROUTED
from tieback.methods.merging import ACTIVATIONS, SPLIT, check_learned, having, mergings

if TYPE_CHECKING:
    from tieback.catalog.base_card import Card
    from tieback.catalog.card import EncoderCard

ParentName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
ONE_FOR_ALL = ("runtime", "width", "max_tokens", "pooling", "options")
"""What the parents of a merge and its own card have in common."""


class Probe(Strict):
    """What a merged model has to reach before it is served.

    `pairs` is a file of pairs of texts, as for `tieback train`, relative to the card's file. Each text should
    find its partner among those of all pairs: `metric` is the mean of 1 / rank, or the share of first ranks.
    The merged model's has to be at least that of `against` plus `margin`: of the base, the best parent, or
    the parents' mean.
    """

    pairs: Path
    metric: Literal["reciprocal_rank", "recall_at_1"] = "reciprocal_rank"
    against: Literal["base", "best", "mean"] = "base"
    margin: Annotated[float, Field(ge=-1, le=1)] = 0.0


class Merge(Strict):
    """A model made of a base and experts that were trained from it, all of them names of cards.

    `folders` are experts too: by a name, a folder of PEFT with a low-rank adapter of the base. A method that
    can split its experts keeps an adapter for each, which requests name by the expert's name; `adapters` are
    the parameters of that, and `router` has for each expert a file of pairs of texts, as for `tieback train`,
    by which a router learns to choose one. `samples` are pairs of texts that all experts read, by whose
    activations a method may match their neurons. `serve` names a parent to be served in place of the merge:
    the way back, while the card stays.
    """

    method: str
    base: ParentName
    experts: tuple[ParentName, ...] = ()
    folders: dict[ParentName, Path] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)
    adapters: dict[str, Any] = Field(default_factory=dict)
    router: dict[ParentName, Path] = Field(default_factory=dict)
    samples: Path | None = None
    probe: Probe | None = None
    serve: ParentName | None = None
    _samples: str = PrivateAttr("")
    _router: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="after")
    def _can_be_made(self) -> Merge:
        if not self.names:
            raise ValueError("at least 1 expert is needed: experts names cards, folders has folders")
        if len(set(self.names)) < len(self.names):
            raise ValueError("an expert is named twice")
        for folder in self.folders.values():
            if not folder.is_dir():
                raise ValueError(f"folders: {folder} does not exist")
            own_files(folder)  # refuses links that lead out of it
        try:
            mergings.configure(self.method, self.parameters)
            check_learned(self.method, self.parameters)
            if self.adapters or mergings.has(SPLIT, self.method):
                mergings.form(SPLIT, self.method, self.split_parameters)
        except (NotFound, InvalidInput) as error:
            raise ValueError(error.message) from None
        if self.router and (set(self.router) != set(self.names) or not mergings.has(SPLIT, self.method)):
            raise ValueError(
                "router has a file of texts for each expert, of a method that keeps adapters: "
                f"{', '.join(self.names)}"
            )
        if missing := [file for file in self.router.values() if not file.is_file()]:
            raise ValueError(f"router: there is no file {missing[0]}")
        self._router = tuple(file_digest(self.router[name]) for name in self.names if self.router)
        if self.samples is not None:
            if not mergings.has(ACTIVATIONS, self.method):
                able = ", ".join(having(ACTIVATIONS)) or "methods of extensions"
                raise ValueError(f"samples are texts that neurons are matched by, which is for: {able}")
            if self.folders:
                raise ValueError("samples are read by experts that are cards, and folders names others")
            if not self.samples.is_file():
                raise ValueError(f"samples: there is no file {self.samples}")
            self._samples = file_digest(self.samples)
        if self.serve is not None and self.serve not in self.parents:
            raise ValueError(f"serve names the base or an expert: {', '.join(self.parents)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The experts, cards first."""
        return (*self.experts, *self.folders)

    @property
    def parents(self) -> tuple[str, ...]:
        """The base, and the experts that are not it."""
        return tuple(dict.fromkeys([self.base, *self.experts]))

    @property
    def kept(self) -> tuple[str, ...]:
        """The experts of which an adapter is kept."""
        return self.names if self.serve is None and mergings.has(SPLIT, self.method) else ()

    @property
    def router_digests(self) -> tuple[str, ...]:
        """The digests of the texts that the router learns from; empty without one."""
        return self._router

    @property
    def split_parameters(self) -> dict[str, Any]:
        """Those of splitting the experts: `adapters`, and what merging and splitting have in common."""
        common = mergings.schema(self.method, SPLIT)["properties"] if mergings.has(SPLIT, self.method) else ()
        return {name: value for name, value in self.parameters.items() if name in common} | self.adapters

    @property
    def recipe(self) -> dict[str, Any]:
        """All that decides which weights come out; files by their content."""
        recipe = self.model_dump(mode="json", exclude={"probe", "router", "samples", "folders"})
        if self.folders:
            recipe["folders"] = {name: directory_revision(folder) for name, folder in self.folders.items()}
        return recipe | ({"samples": self._samples} if self._samples else {})


def check_merged(card: EncoderCard) -> None:
    """ValueError where a merged card cannot be one."""
    if card.runtime != "transformer_text":
        raise ValueError("merged are transformer_text encoders")
    if card.merge is not None and card.name in card.merge.parents:
        raise ValueError(f"merge: {card.name} cannot be merged of itself")
    for name in (ROUTED, MIXED):
        if card.merge is not None and name in card.merge.names:
            raise ValueError(f"merge: {name!r} is how requests ask the router for an expert")


def with_parents(cards: Mapping[str, Card]) -> dict[str, Card]:
    """The cards, each merged one with those that it is made of.

    StartupError where a merge names a card that is not there or one that cannot be its parent.
    """
    return {
        name: card
        if (merge := getattr(card, "merge", None)) is None
        else _made_of_parents(card, merge, cards)
        for name, card in cards.items()
    }


def _made_of_parents(card: Any, merge: Merge, cards: Mapping[str, Card]) -> Card:
    encoders = {name: one for name, one in cards.items() if one.role == "encoder"}
    parents = []
    for name in merge.parents:
        if name not in encoders:
            raise StartupError(f"the card {card.name}: merge: {NotFound('encoder', name, encoders).message}")
        parents.append(encoders[name])
        _check_parent(card, parents[-1])
    made: Card = card.made_of(parents)
    return made


def _check_parent(card: Any, parent: Any) -> None:
    if parent.is_merged:
        raise StartupError(
            f"the card {card.name}: merge: {parent.name} is itself merged; name what that is merged of"
        )
    for field in ONE_FOR_ALL:
        ours, theirs = getattr(card, field), getattr(parent, field)
        if ours != theirs:
            raise StartupError(
                f"the card {card.name}: merge: {field} of {parent.name} is {_shown(theirs)}, and of the card "
                f"{_shown(ours)}; models that are merged have the same"
            )


def _shown(value: Any) -> str:
    return str(value.model_dump(exclude_defaults=True)) if isinstance(value, Strict) else str(value)
