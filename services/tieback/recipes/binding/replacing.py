"""One component of a binding is replaced by another encoder; all other parts stay as they are, bit by bit.

The new encoder is projected into the blocks that the old one was projected into, towards the old one's
projected vectors of the same contents. Texts enter blocks of other modalities by attention to what is frozen
there, as where all is bound. Of the router it gets rows of the
first layer (`replacement_fit.py`). So vectors of contents that the component does not encode are the same in
both joint spaces, which the artifact says (`stays`). It is measured by the tasks of any binding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tieback_contract.field_path import at
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.joint.retrieval import Task, losses, retrieval
from tieback.joint.space import Joint
from tieback.models.joint.artifact import BoundRouter, JointSpaceArtifact
from tieback.models.joint.graphs import PROJECTIONS, ROUTER, graph_name
from tieback.models.store import Store
from tieback.recipes.binding.bind import BindingOutcome, Say
from tieback.recipes.binding.blocks import BlockSpec, layout
from tieback.recipes.binding.participants import BindingOptions, Participants, participants
from tieback.recipes.binding.replacement_fit import (
    TRAINING,
    VALIDATION,
    Examples,
    examples,
    fitted,
    rerouted,
)
from tieback.recipes.binding.tasks import class_tasks, losing_tasks, user_tasks
from tieback.recipes.binding.training_set import TrainingSet, captions_by_modality, collect, sentences
from tieback.recipes.fitting.projections import ProjectionFitter
from tieback.recipes.fitting.routers import decoupling
from tieback.recipes.graphs.router import export_graphs
from tieback.recipes.train import one_thread
from tieback.recipes.train.encoders import Encoders
from tieback.router.bound import joint_space_of
from tieback.training.data.corpus import read_corpus
from tieback.training.data.user_pairs import read_pairs
from tieback.training.step_cache import StepCache


@dataclass(frozen=True, slots=True)
class Replacement:
    """Encoders by name: one that is bound, and the one that takes its place."""

    old: str
    new: str


def replace_component(
    bound: JointSpaceArtifact,
    one: Replacement,
    cards: Iterable[EncoderCard],
    store: Store,
    options: BindingOptions,
    say: Say,
    *,
    out: Path | None = None,
) -> BindingOutcome:
    """The binding with the component replaced, written into `out` or the store.

    NotFound where no such component is bound, or there is no such encoder. InvalidInput where they do not go
    together. StartupError where a model is not in the store, which the old one has to be to learn from, or
    the data are too few.
    """
    cards = tuple(cards)
    with store.lock(lambda: say("waiting for another that writes into the store to end")):
        steps = StepCache(store.steps)
        known = _bound_cards(bound, cards, store)
        new = _checked(bound, one, known, cards, store)
        with one_thread():
            found = _Replacing(bound, known[one.old], new, known, options, say)
            made = found.made(Encoders(store, steps, say), steps, store)
        folder = made.save(out or store.bound)
        steps.forget_old()
    return BindingOutcome(made, folder, tuple(steps.made), tuple(steps.found))


def _bound_cards(
    bound: JointSpaceArtifact, cards: Sequence[EncoderCard], store: Store
) -> dict[str, EncoderCard]:
    """The cards of the bound spaces that are in the store, by name, in exactly those revisions."""
    every = [
        card.at(precision)
        for card in (*cards, *store.stored_encoders())
        for precision in card.offered_precisions
    ]
    found = {}
    for name, space in bound.spaces.items():
        card = next((one for one in every if one.space == space and store.is_ready(one)), None)
        if card is not None:
            found[name] = card
    return found


def _checked(
    bound: JointSpaceArtifact,
    one: Replacement,
    known: Mapping[str, EncoderCard],
    cards: Sequence[EncoderCard],
    store: Store,
) -> EncoderCard:
    """The card of the new encoder."""
    if one.old not in bound.spaces:
        raise NotFound("component", one.old, bound.spaces)
    by_name = {card.name: card for card in cards}
    if one.new not in by_name:
        raise NotFound("space", one.new, by_name)
    new, field = by_name[one.new], at("replace")
    if any(block.encodes for block in bound.blocks) or new.shares is not None:
        raise InvalidInput(
            "encoders that share a space are bound by each other's projections, so none of such a binding is "
            "replaced alone; bind again: tieback bind",
            field=field,
        )
    if one.new in bound.spaces or one.new in {block.space.name for block in bound.blocks}:
        raise InvalidInput(
            f"{one.new} is in the binding already, or a block has its name; name an encoder that is not, "
            f"under a name of its own. The binding has {', '.join(bound.spaces)}",
            field=field,
        )
    if one.old not in known:
        raise StartupError(
            f"the model of {bound.spaces[one.old]} is not in the store, and the new one learns from its "
            f"vectors; run: tieback models pull {one.old}"
        )
    if not store.is_ready(new):
        raise StartupError(f"the model {one.new} is not in the store; run: tieback models pull {one.new}")
    if new.modality is not known[one.old].modality:
        raise InvalidInput(
            f"{one.new} encodes {new.modality}, and {one.old} {known[one.old].modality}; one replaces "
            "another of its modality",
            field=field,
        )
    return new


@dataclass(frozen=True, slots=True, eq=False)
class _Replacing:
    """From the binding and the two encoders to the new binding; `known` are the cards of those bound."""

    bound: JointSpaceArtifact
    old: EncoderCard
    new: EncoderCard
    known: Mapping[str, EncoderCard]
    options: BindingOptions
    say: Say

    def made(self, encoders: Encoders, steps: StepCache, store: Store) -> JointSpaceArtifact:
        """All of it."""
        options, say, bound = self.options, self.say, self.bound
        fitter = ProjectionFitter(steps, options.seed, options.method, say)
        pairs = read_pairs(options.anchors) if options.anchors else []
        corpus = read_corpus(options.data).limited(
            options.texts, options.photos, options.sounds, options.seed
        )
        collected = collect(self._participants(store), corpus, pairs, encoders, options.seed, say)
        specs = [one for one in layout(collected, {}).specs if one.name != self.old.name]
        seen = examples(collected, specs, bound, self.old, self.new)
        found = fitted(bound, seen, self.old, self.new, fitter, say)
        routers = self._rerouted(seen)
        made = replace(
            bound, projections=tuple(found.served), routers=tuple(routers), graphs={}, stays=self._stays()
        )
        say("exporting the graphs that are served")
        made = replace(made, graphs=self._graphs(made))
        say("measuring on what the new projections have not learned from")
        widths = {one.source.name: one.source_width for one in made.projections}
        known = {one.modality: one for one in self._rerouted(seen.of(TRAINING, VALIDATION))}
        after = Joint(made.blocks, found.measured, known, widths)
        return self._measured(made, after, collected, specs, found.report)

    def _rerouted(self, seen: Examples) -> list[BoundRouter]:
        return [rerouted(one, self.bound, seen, self.old, self.new) for one in self.bound.routers]

    def _participants(self, store: Store) -> Participants:
        """The encoders that are bound and whose models are there, with the new one."""
        bound = {
            name: card for name, card in self.known.items() if card.joint in ("component", "class_names")
        }
        try:
            found = participants(bound.values(), store, tuple(bound), self.say, self.options.seed)
        except StartupError:  # what is left is texts alone
            texts = tuple(card for card in bound.values() if card.modality is Modality.TEXT)
            found = Participants(texts, ())
        every = {card.name for card in found.cards}
        own = (self.new,) if self.old.name in every else (self.old, self.new)
        if self.new.modality is Modality.TEXT:
            return replace(found, texts=(*found.texts, *own))
        return replace(found, towers=(*found.towers, *own))

    def _stays(self) -> dict[SpaceRef, frozenset[Modality]]:
        """What is the same in the binding's joint space, and in those that it was itself made of."""
        kept = {card.modality for card in self.known.values()}
        kept |= {block.modality for block in self.bound.blocks}
        kept -= {self.new.modality}
        earlier = {ref: modalities & kept for ref, modalities in self.bound.stays.items()}
        return {
            ref: frozenset(modalities)
            for ref, modalities in {**earlier, joint_space_of(self.bound).ref: kept}.items()
            if modalities
        }

    def _graphs(self, made: JointSpaceArtifact) -> dict[str, bytes]:
        """The graphs of all that stays as they were, and those of the new parts."""
        modality = self.new.modality
        sources = [
            one.source.name
            for one in made.projections
            if one.source.name == self.new.name
            or (one.source.name in self.known and self.known[one.source.name].modality is modality)
        ]
        changed = {graph_name(PROJECTIONS, modality)} | {
            graph_name(ROUTER, now.modality)
            for now, before in zip(made.routers, self.bound.routers, strict=True)
            if now is not before
        }
        fresh = export_graphs(made, {modality: list(dict.fromkeys(sources))})
        kept = {name: graph for name, graph in self.bound.graphs.items() if name not in changed}
        return {**fresh, **kept}

    def _measured(
        self,
        made: JointSpaceArtifact,
        after: Joint,
        training_set: TrainingSet,
        specs: Sequence[BlockSpec],
        report: list[dict[str, Any]],
    ) -> JointSpaceArtifact:
        """With losses and metrics by the joint space `after`, and the same metrics of the one before.

        What stays has learned from all classes, before and after; the old component has too, the new one not.
        """
        rows = {one.name: one.member.once(one.member.split.held_out) for one in specs}
        of_user = user_tasks(training_set)
        shown = [*class_tasks(training_set, specs, rows), *of_user]
        read = sentences(len(training_set.corpus.texts), training_set.seed)
        lost = [*losing_tasks(training_set, specs, rows, read.held_out), *of_user]
        before = Joint.of(self.bound)
        measured = _without(lost, self.old.name)
        metrics: dict[str, Any] = dict(self.bound.metrics) | {
            "retrieval": retrieval(after, _without(shown, self.old.name), self.options.seed),
            "replacement": {
                "old": self.old.name,
                "new": self.new.name,
                "binding": self.bound.revision,
                "projections": report,
                "before": retrieval(before, _without(shown, self.new.name), self.options.seed),
            },
        }
        texts = captions_by_modality(training_set).held_out
        if self.new.modality is Modality.TEXT and "decoupling" in metrics:
            metrics["decoupling"] = decoupling(after, texts, set())
        imputations = tuple(
            replace(one, losses=self._losses(one.losses, losses(replace(after, imputation=one), measured)))
            for one in made.imputations
        )
        first = imputations[0].losses if imputations else self._losses(made.losses, losses(after, measured))
        return replace(
            made,
            losses=first,
            metrics=metrics,
            imputations=imputations,
            provenance=dict(self.bound.provenance)
            | {
                "replaced": {
                    "binding": self.bound.revision,
                    "seed": self.options.seed,
                    "texts": len(training_set.corpus.texts),
                    "inputs": {name: len(one.files) for name, one in training_set.inputs.items()},
                    "anchors": len(training_set.user.pairs),
                }
            },
        )

    def _losses(
        self, before: Mapping[str, Mapping[str, float]], measured: Mapping[str, Mapping[str, float]]
    ) -> dict[str, dict[str, float]]:
        """What a missing space costs; of modalities without a task, what it cost with the old component."""
        renamed = {
            modality: {
                self.new.name if space == self.old.name else space: one for space, one in known.items()
            }
            for modality, known in before.items()
        }
        return {**renamed, **{modality: dict(known) for modality, known in measured.items()}}


def _without(tasks: Sequence[Task], space: str) -> list[Task]:
    """The tasks without the vectors of a space; those that then have nothing on one side are left out."""
    found = [
        replace(
            task,
            queries={name: rows for name, rows in task.queries.items() if name != space},
            documents={name: rows for name, rows in task.documents.items() if name != space},
        )
        for task in tasks
    ]
    return [task for task in found if task.queries and task.documents]
