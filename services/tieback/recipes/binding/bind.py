"""The whole binding, step by step; what a step has computed is kept, so an interrupted run goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.catalog.card import EncoderCard
from tieback.joint.projecting import Dense
from tieback.joint.retrieval import Worth, retrieval, worths
from tieback.joint.space import Joint
from tieback.methods.imputation import imputations as known_imputations
from tieback.models.joint.artifact import BoundRouter, JointSpaceArtifact
from tieback.models.store import Store
from tieback.recipes.binding import dual_encoders, measure
from tieback.recipes.binding.anchoring import Fitted, fit_projections
from tieback.recipes.binding.blocks import Layout, layout
from tieback.recipes.binding.pairs import with_pairs
from tieback.recipes.binding.participants import (
    BindingOptions,
    Member,
    Participants,
    participants,
    taking_part,
)
from tieback.recipes.binding.partners import own_blocks, partners
from tieback.recipes.binding.tasks import class_tasks, losing_tasks, user_tasks
from tieback.recipes.binding.training_set import TrainingSet, captions_by_modality, collect, sentences
from tieback.recipes.fitting import imputations
from tieback.recipes.fitting.projections import ProjectionFitter
from tieback.recipes.fitting.routers import Routing, decoupling, mean_weights, weight_ranges
from tieback.recipes.graphs.router import export_graphs
from tieback.recipes.train import one_thread
from tieback.recipes.train.encoders import Encoders
from tieback.training.data.corpus import Corpus, read_corpus
from tieback.training.data.user_pairs import Pair, read_pairs
from tieback.training.step_cache import StepCache

MARGIN = 0.02
"""A text space that lowers the mean reciprocal rank by more than this adds nothing."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class BindingOutcome:
    """The binding, its folder, and the steps that were computed and those that were there."""

    bound: JointSpaceArtifact
    folder: Path
    made: tuple[str, ...]
    found: tuple[str, ...]


def bind(
    cards: Iterable[EncoderCard], store: Store, options: BindingOptions, say: Say, *, out: Path | None = None
) -> BindingOutcome:
    """Binds the stored cards, and writes the binding into `out` or the store.

    NotFound for an unknown space or method; StartupError where there is nothing to bind or the data are not
    there; InvalidInput, its field "anchors", where the user's anchors are wrong or too few for the method.
    """
    with store.lock(lambda: say("waiting for another that writes into the store to end")):
        steps = StepCache(store.steps)
        with one_thread():
            bound = _Binding(options, steps, Encoders(store, steps, say), say).bind(tuple(cards), store)
        folder = bound.save(out or store.bound)
        steps.forget_old()
    return BindingOutcome(bound, folder, tuple(steps.made), tuple(steps.found))


@dataclass(frozen=True, slots=True, eq=False)
class _Bound:
    """What was learned from, the blocks, and the projections into them."""

    training_set: TrainingSet
    layout: Layout
    fitted: Fitted

    @property
    def joint(self) -> Joint:
        """The joint space that is measured, without routers."""
        return Joint(self.layout.blocks, self.fitted.measured, {}, self.training_set.participants.widths)

    @property
    def unlabelled(self) -> set[str]:
        """Members whose modality no text names."""
        return {one.name for one in self.training_set.participants.labelled if one.paired}

    def rows(self, of: Callable[[Member], Array]) -> dict[str, Array]:
        """Some rows of each member, by its name."""
        return {one.name: of(one) for one in self.training_set.participants.labelled}

    @property
    def unseen(self) -> tuple[dict[str, Array], Array]:
        """Rows, by member, and sentences that no fit has seen."""
        rows = self.rows(lambda one: np.sort(np.concatenate([one.each.validation, one.each.held_out])))
        return rows, sentences(len(self.training_set.corpus.texts), self.training_set.seed).held_out


@dataclass(frozen=True, slots=True)
class _Binding:
    """From cards to the binding."""

    options: BindingOptions
    steps: StepCache
    encoders: Encoders
    say: Say

    def bind(self, cards: Sequence[EncoderCard], store: Store) -> JointSpaceArtifact:
        options, say = self.options, self.say
        known_imputations.get(options.imputation)  # NotFound, with the choices, before anything is computed
        fitter = ProjectionFitter(self.steps, options.seed, options.method, say)
        pairs = read_pairs(options.anchors) if options.anchors else []
        chosen = participants(cards, store, options.spaces, say, options.seed)
        if paired := [card for card in taking_part(cards, store, options.spaces) if card.joint == "pairs"]:
            chosen = with_pairs(chosen, paired, pairs, self.encoders, options, say)
        limits = (options.texts, options.photos, options.sounds)
        corpus = read_corpus(options.data).limited(*limits, options.seed)
        found = self._fitted(chosen, corpus, pairs, fitter)
        worth = self._worths(found)
        idle = [one for one in worth if one.gain < -MARGIN and one.name not in options.spaces]
        if useless := idle[: max(0, len(worth) - 1)]:  # the best of all stays
            for one in useless:
                chosen.left_out[one.name] = (
                    "it adds nothing: held-out texts find their partners at a mean reciprocal rank of "
                    f"{one.present:.3f} with it and {one.absent:.3f} without it"
                )
                say(
                    f"warning: {one.name} is left out, since {chosen.left_out[one.name]}; "
                    "where --spaces names it, it is bound all the same"
                )
            names = {one.name for one in useless}
            texts = tuple(card for card in chosen.texts if card.name not in names)
            found = self._fitted(replace(chosen, texts=texts), corpus, pairs, fitter)
        return self._complete(found, worth)

    def _fitted(
        self, chosen: Participants, corpus: Corpus, pairs: Sequence[Pair], fitter: ProjectionFitter
    ) -> _Bound:
        collected = collect(chosen, corpus, pairs, self.encoders, self.options.seed, self.say)
        training_set, centres = dual_encoders.centred(collected)
        blocks = layout(training_set, centres)
        return _Bound(training_set, blocks, fit_projections(training_set, blocks, fitter, self.say))

    def _worths(self, found: _Bound) -> list[Worth]:
        """Of the text spaces that no other encoder shares, on held-out classes and sentences."""
        known = found.training_set.participants
        tasks = losing_tasks(found.training_set, found.layout.specs, *found.unseen)
        spaces = [card.name for card in known.texts if not known.towers_of(card)]
        return worths(found.joint, tasks, spaces)

    def _complete(self, found: _Bound, worth: Sequence[Worth]) -> JointSpaceArtifact:
        """With routers and imputations, measured, and with the graphs that serve."""
        training_set, blocks, fitted = found.training_set, found.layout.specs, found.fitted
        known, options, say = training_set.participants, self.options, self.say
        fitted.measured += dual_encoders.for_towers(fitted.measured, known)
        texts = captions_by_modality(training_set)
        routers = self._routers(found, texts.training)
        joint = replace(found.joint, routers=routers)
        say("choosing how a missing space is imputed")
        read = sentences(len(training_set.corpus.texts), training_set.seed)
        validation = losing_tasks(
            training_set, blocks, found.rows(lambda one: one.each.validation), read.validation
        )
        training = training_set.written(found.rows(lambda one: one.each.training), read.training)
        chosen = imputations.choose(joint, options.imputation, training, validation)
        joint = replace(joint, imputation=chosen.default)
        say("measuring on what was left out of every fit")
        reported = found.rows(lambda one: one.once(one.split.held_out))
        of_user = user_tasks(training_set)
        tasks = [
            *losing_tasks(training_set, blocks, reported, read.held_out),
            *of_user,
            *dual_encoders.own_pairs(training_set),
        ]
        everything = training_set.written(
            found.rows(lambda one: one.once(one.rows)), np.arange(len(training_set.corpus.texts))
        )
        losses, kept = imputations.keep(joint, chosen, everything, tasks)
        kept = tuple(replace(one, losses=dual_encoders.losses_as_served(one.losses, known)) for one in kept)
        tasks = [*class_tasks(training_set, blocks, reported), *of_user]
        metrics: dict[str, Any] = {
            "retrieval": retrieval(joint, tasks, options.seed),
            "decoupling": decoupling(joint, texts.held_out, found.unlabelled),
            "weights": measure.mean_weights(joint, training_set, blocks, texts.held_out),
            "training": fitted.training,
            "imputation": chosen.report | {"bytes": sum(one.nbytes for one in kept)},
            "spaces": [{"space": one.name, **one.numbers} for one in worth],
        }
        if paired := [one for one in blocks if one.member.paired]:
            metrics["pairs"] = {one.name: measure.pair_accuracy(joint, training_set, one) for one in paired}
        at_work = [self._at_work(router, found, joint, texts.held_out) for router in routers.values()]
        bound = JointSpaceArtifact(
            found.layout.blocks,
            dual_encoders.as_served(fitted.served, known),
            tuple(dual_encoders.router_as_served(router, known) for router in at_work),
            dual_encoders.losses_as_served(losses, known),
            metrics,
            self._provenance(training_set),
            found.layout.centres,
            imputations=kept,
        )
        sources: dict[Modality, list[str]] = {}
        for card in known.cards:
            sources.setdefault(card.modality, []).append(card.space.name)
        say("exporting the graphs that are served")
        return replace(bound, graphs=export_graphs(bound, sources))

    def _routers(self, found: _Bound, texts: Mapping[str, Dense]) -> dict[Modality, BoundRouter]:
        """None where nothing but texts has names: nothing else tells what a text describes."""
        training_set, joint, blocks = found.training_set, found.joint, found.layout.specs
        if not blocks:
            return {}
        routing = Routing(
            joint,
            tuple(card.name for card in training_set.participants.texts),
            texts,
            partners(training_set, joint, blocks, list(texts)),
            own_blocks(training_set, joint),
            found.unlabelled,
            self.options.seed,
            self.options.steps,
        )
        return routing.train(self.steps, self.say)

    def _at_work(
        self, router: BoundRouter, found: _Bound, joint: Joint, texts: Mapping[str, Dense]
    ) -> BoundRouter:
        """The router with the weights that it gave to what it had not seen."""
        inputs: dict[str, Dense] = dict(texts)
        if router.modality is not Modality.TEXT:
            inputs = {}
            for block in found.layout.specs:
                if block.member.modality is router.modality:
                    rows = block.member.split.held_out
                    seen = dual_encoders.made_up(
                        found.training_set, block.name, router.modality, found.layout.centres, rows
                    )
                    inputs[block.name] = {**block.inputs(rows), **seen}
        weights = {
            kind: joint.weights(router.modality, dense)
            for kind, dense in inputs.items()
            if len(next(iter(dense.values())))
        }
        return replace(
            router,
            weight_ranges=weight_ranges(weights, self.options.seed),
            mean_weights=mean_weights(weights),
        )

    def _provenance(self, training_set: TrainingSet) -> dict[str, Any]:
        options = asdict(self.options)
        for name in ("data", "anchors"):
            options.pop(name)
        return {
            "options": options,
            "texts": len(training_set.corpus.texts),
            "inputs": {name: len(one.files) for name, one in training_set.inputs.items()},
            "anchors": len(training_set.user.pairs),
            "classes": {
                one.name: {
                    "fitted": len(one.split.training),
                    "validation": len(one.split.validation),
                    "held_out": len(one.split.held_out),
                }
                for one in training_set.participants.labelled
            },
            "left_out": dict(training_set.participants.left_out),
        }
