"""The whole binding, step by step; what a step has computed is kept, so an interrupted run goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.methods.projection import unit_rows
from tieback.models.bound_space import Block, BoundPath, BoundRouter, BoundSpace
from tieback.models.store import Store
from tieback.recipes.binding import duals, measure, term_paths
from tieback.recipes.binding.anchors import read_pairs, split_pairs
from tieback.recipes.binding.corpus import read_corpus
from tieback.recipes.binding.entering import Dense
from tieback.recipes.binding.fixed_weights import held_out_tasks
from tieback.recipes.binding.imputation import ImputationFitter
from tieback.recipes.binding.kinds import kinds, sentences, spoken, usual
from tieback.recipes.binding.material import Gatherer, Material
from tieback.recipes.binding.members import Classifier, Encoders, Members, members
from tieback.recipes.binding.paired import Paired, Pairing, paired_cards
from tieback.recipes.binding.paired_paths import (
    WIDTH,
    Ways,
    choose,
    held_out,
    neighbours,
    paired_anchors,
    paired_block,
    told_apart,
)
from tieback.recipes.binding.project import (
    Anchored,
    PathFitter,
    Reduced,
    anchored,
    reduced,
    text_block,
)
from tieback.recipes.binding.route import Routing
from tieback.recipes.binding.tasks import Joint, class_tasks, losing_tasks, user_tasks
from tieback.recipes.binding.terms import Terms
from tieback.recipes.binding.worth import Worth, worths
from tieback.recipes.export_router import export_graphs
from tieback.training.splits import Split, split
from tieback.training.step_cache import StepCache

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What is bound, and how.

    `data` are folders of unpaired texts, photos and sounds, `anchors` a list of pairs, `spaces` the cards
    that take part (all of the store's where empty); `texts`, `photos`, `sounds` the most that are used.
    The router of texts is trained for `steps`. A text space that adds nothing is left out, but for those of
    `force`.
    """

    data: tuple[Path, ...] = ()
    anchors: Path | None = None
    seed: int = 0
    method: str | None = None
    spaces: tuple[str, ...] = ()
    image_width: int = 512
    audio_width: int = 256
    texts: int = 2000
    photos: int = 2000
    sounds: int = 2000
    steps: int = 300
    force: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The binding, its folder, and the steps that were computed and those that were there."""

    bound: BoundSpace
    folder: Path
    made: tuple[str, ...]
    found: tuple[str, ...]


def bind(
    cards: Iterable[EncoderCard], store: Store, options: Options, say: Say, *, out: Path | None = None
) -> Outcome:
    """Binds the stored cards, and writes the binding into `out` or the store.

    NotFound for an unknown space or method; StartupError where there is nothing to bind or the data are not
    there; InvalidInput, its field "anchors", where the user's anchors are wrong or too few for the method.
    """
    with store.lock(lambda: say("waiting for another that writes into the store to end")):
        return _bind(cards, store, options, say, out)


def _bind(
    cards: Iterable[EncoderCard], store: Store, options: Options, say: Say, out: Path | None
) -> Outcome:
    steps = StepCache(store.steps)
    fitter = PathFitter(steps, options.seed, options.method, say)
    pairs = read_pairs(options.anchors) if options.anchors else []
    cards = tuple(cards)
    chosen = members(cards, store, options.spaces, say)
    anchors_name = options.anchors.name if options.anchors else ""
    encoders = Encoders(store)
    if paired := paired_cards(cards, store, options.spaces):
        pairing = Pairing(
            Gatherer(chosen, encoders, steps, say), encoders, steps, options.seed, options.method, say
        )
        chosen = pairing.join(chosen, paired, options.spaces, pairs, anchors_name)
    limits = (options.texts, options.photos, options.sounds)
    corpus = read_corpus(options.data).limited(*limits, options.seed)
    gatherer = Gatherer(chosen, encoders, steps, say)
    material = gatherer.gather(corpus, pairs, anchors_name)
    binder = _Binder(gatherer, material, options, fitter, steps, say)
    if idle := binder.idle():
        for one in idle:
            chosen.left_out[one.space] = f"it adds nothing: {one.told}"
            say(
                f"warning: {one.space} is left out, since {chosen.left_out[one.space]}; "
                f"--force-space {one.space} binds it all the same"
            )
        names = {one.space for one in idle}
        chosen = replace(chosen, texts=tuple(card for card in chosen.texts if card.name not in names))
        gatherer = Gatherer(chosen, encoders, steps, say)
        material = gatherer.gather(corpus, pairs, anchors_name)
        binder = _Binder(gatherer, material, options, fitter, steps, say, binder.worths)
    bound = binder.bind()
    folder = bound.save(out or store.bound)
    steps.forget_old()
    return Outcome(bound, folder, tuple(steps.made), tuple(steps.found))


class _Binder:
    """From the material to the binding."""

    def __init__(
        self, gatherer: Gatherer, material: Material, options: Options, fitter: PathFitter, steps: StepCache,
        say: Say, known: Sequence[Worth] = (),
    ) -> None:  # fmt: skip
        material, self._centres = duals.centred(material)
        self._gatherer, self._material, self._options = gatherer, material, options
        self._fitter, self._steps, self._say = fitter, steps, say
        self._members: Members = material.members
        widths = {Modality.IMAGE: options.image_width, Modality.AUDIO: options.audio_width}
        self._reduced = [
            paired_block(one, widths.get(one.card.modality, WIDTH))
            if isinstance(one, Paired)
            else reduced(one, material.real(one.card), widths[one.card.modality])
            for one in self._members.classifiers
        ]
        self._splits = {
            one.card.name: one.split if isinstance(one, Paired) else split(len(one.names), options.seed)
            for one in self._members.classifiers
        }
        self._things = {
            one.card.name: _each_once(one, self._splits[one.card.name]) for one in self._members.classifiers
        }
        self._quiet = frozenset(one.card.name for one in self._members.classifiers if not one.told)
        self._compared: dict[str, list[dict[str, Any]]] = {}
        self._user_splits = {modality: self._user_split(modality) for modality in Modality}
        native = [
            duals.block_of(card, self._members) if card.shares else (block, [path])
            for card in self._members.texts
            for block, path in [text_block(card)]
        ]
        native += [(one.block, [one.native]) for one in self._reduced]
        native.sort(key=lambda pair: pair[0].space.name)
        self._blocks: tuple[Block, ...] = tuple(block for block, _ in native)
        self._native: tuple[BoundPath, ...] = tuple(path for _, paths in native for path in paths)

        self.fitted = self._paths()
        self.worths = list(known) or self._worths()

    def idle(self) -> list[Worth]:
        """The text spaces that add nothing and are not forced; the best of all stays."""
        found = [one for one in self.worths if one.adds_nothing and one.space not in self._options.force]
        return found[: max(0, len(self.worths) - 1)]

    def _worths(self) -> list[Worth]:
        """Of the text spaces that no other encoder shares, on held-out classes and sentences."""
        measured = self.fitted[0]
        widths = {card.name: card.width for card in self._members.cards}
        tasks = losing_tasks(self._material, self._reduced, *self._unseen())
        spaces = [card.name for card in self._members.texts if not self._members.towers_of(card)]
        return worths(Joint(self._blocks, measured, {}, widths), tasks, spaces)

    def _unseen(self) -> tuple[dict[str, Array], Array]:
        """Classes, by classifier, and sentences that no fit has seen."""
        classes = {
            name: np.sort(np.concatenate([one.validation, one.held_out]))
            for name, one in self._things.items()
        }
        return classes, sentences(len(self._material.corpus.texts), self._options.seed).held_out

    def bind(self) -> BoundSpace:
        measured, served, training = self.fitted
        sparse = self._sparse(measured, served)
        measured += duals.for_towers(measured, self._members)
        held_out = {name: one.held_out for name, one in self._splits.items()}
        of_each = {name: one.held_out for name, one in self._things.items()}
        reported = of_each | {  # of things that fits have seen, too, inputs that none has
            one.card.name: one.once(np.concatenate([held_out[one.card.name], one.apart]))
            for one in self._members.classifiers
            if isinstance(one, Paired)
        }
        fitted_with = {name: one.training for name, one in self._splits.items()}
        widths = {card.name: card.width for card in self._members.cards}
        texts = kinds(self._material, held_out, self._options.seed)
        plain = Joint(self._blocks, measured, {}, widths)
        routing = Routing(
            self._material,
            plain,
            self._reduced,
            fitted_with,
            texts,
            held_out_tasks(self._material, self._reduced, *self._unseen()),
            self._options.seed,
            self._options.steps,
        )
        routers, ways = routing.train(self._steps, self._say)
        imputations = ImputationFitter(
            self._material, replace(plain, routers=routers), self._reduced, self._things, self._options.seed
        )
        self._say("choosing how a lost space is imputed")
        chosen = imputations.choose()
        joint = replace(plain, routers=routers, imputation=chosen.usual)
        self._say("measuring on what was left out of every fit")
        tasks = class_tasks(self._material, self._reduced, reported)
        apart = {modality: rows for modality, (_, rows) in self._user_splits.items()}
        of_user = user_tasks(self._material, apart)
        losses, kept = imputations.keep(chosen, reported, [*of_user, *duals.own_pairs(self._material)])
        kept = tuple(replace(one, losses=duals.losses_as_served(one.losses, self._members)) for one in kept)
        tasks += of_user
        told = measure.decoupling(joint, texts.held_out, self._quiet)
        metrics: dict[str, Any] = {
            "retrieval": measure.retrieval(joint, tasks, self._options.seed),
            "alignment": measure.alignment(joint, self._material, self._reduced, fitted_with, of_each),
            "decoupling": told,
            "weights": measure.mean_weights(joint, self._inputs(texts.held_out)),
            "neighbours": measure.neighbours(joint, self._material),
            "training": training,
            "imputation": chosen.told | {"bytes": sum(a.nbytes for one in kept for a in one.state.values())},
        }
        metrics["spaces"] = [
            {"space": one.space, "with": round(one.present, 4), "without": round(one.absent, 4)}
            for one in self.worths
        ]
        metrics["routing"] = ways
        if sparse:
            metrics["terms"] = sparse
        if paired := [one for one in self._reduced if isinstance(one.classifier, Paired)]:
            metrics["pairs"] = {
                one.classifier.card.name: told_apart(self._material, one, joint)
                | {"paths": self._compared.get(one.classifier.card.name, [])}
                for one in paired
            }
            for one in paired:
                metrics["neighbours"] += neighbours(
                    joint, self._material, one, measure.QUERIES, measure.NEIGHBOURS
                )
        at_work = [self._seen_at_work(router, joint, texts.held_out) for router in routers.values()]
        bound = BoundSpace(
            self._blocks,
            duals.as_served(served, self._members),
            tuple(duals.router_as_served(router, self._members) for router in at_work),
            duals.losses_as_served(losses, self._members),
            metrics,
            self._provenance(),
            self._centres,
            imputations=kept,
        )
        self._say("drawing the graphs that are served")
        return replace(bound, graphs=export_graphs(bound, self._sources()))

    def _sources(self) -> dict[Modality, list[str]]:
        """By modality, the spaces that its contents are encoded by."""
        found: dict[Modality, list[str]] = {}
        for card in self._members.cards:
            found.setdefault(card.modality, []).append(card.space.name)
        return found

    def _seen_at_work(self, router: BoundRouter, joint: Joint, texts: Mapping[str, Dense]) -> BoundRouter:
        """The router with the weights that it gave to what it had not seen."""
        inputs: dict[str, Dense] = dict(texts)
        if router.modality is not Modality.TEXT:
            towers = duals.readable(self._material, router.modality, self._centres)
            inputs = {}
            for one in self._reduced:
                name, held_out = one.classifier.card.name, self._splits[one.classifier.card.name].held_out
                if one.classifier.card.modality is router.modality:
                    seen = duals.made_up(self._material, name, towers, held_out)
                    inputs[name] = {**self._inputs_of(one, held_out), **seen}
        weights = {
            kind: joint.weights(router.modality, dense)
            for kind, dense in inputs.items()
            if len(next(iter(dense.values())))
        }
        return replace(router, usual=usual(weights, self._options.seed), spoken=spoken(weights))

    def _inputs_of(self, block: Reduced, rows: Array) -> Dense:
        """What is said of the inputs of those rows, by everything that reads them."""
        beside = {name: said[rows] for name, said in block.classifier.beside().items()}
        return {block.classifier.card.name: block.features[rows], **beside}

    def _paths(self) -> tuple[list[BoundPath], list[BoundPath], list[dict[str, Any]]]:
        """Paths without the classes that are measured on, the same with all, and what to tell of them."""
        measured, served = list(self._native), list(self._native)
        training: list[dict[str, Any]] = []
        ways = [
            (block, text, into)
            for block in self._reduced
            for text in self._members.texts
            for into in (False, True)
        ]
        for number, (block, text, into_text) in enumerate(ways, 1):
            name = block.classifier.card.name
            self._say(f"path {number} of {len(ways)}: {_path_name(name, text.name, into_text)}")
            if isinstance(block.classifier, Paired):
                anchors, all_anchors, methods = self._paired(block, text, into_text, measured, served)
            else:
                anchors = self._anchors(block, text, into_text, everything=False)
                methods = self._fitter.choose(anchors)
                all_anchors = self._anchors(block, text, into_text, everything=True)
            # What a tower sees, and what a classifier does, is heard by either's block from itself alone.
            stands_in = block.classifier.card.modality in {
                one.modality for one in self._members.towers_of(text)
            }
            for method, parameters in methods:
                path = self._fitter.fit(anchors, method, parameters)[0]
                measured.append(replace(path, stands_in=stands_in))
                path, told = self._fitter.fit(all_anchors, method, parameters)
                served.append(replace(path, stands_in=stands_in))
                training.append(told)
        self._text_paths(measured, served, training)
        return measured, served, training

    def _text_paths(
        self, measured: list[BoundPath], served: list[BoundPath], training: list[dict[str, Any]]
    ) -> None:
        """Adds the paths between shared spaces and other text spaces.

        A text is heard in a block by the block's own space, and by these where that is down; what a tower
        says is always heard, in blocks that have no own word for it.
        """
        unseen = {name: one.validation for name, one in self._things.items()}
        training_classes = {name: one.training for name, one in self._things.items()}
        every = {one.card.name: one.once(np.arange(len(one.names))) for one in self._members.classifiers}
        for source, target in duals.text_ways(self._members):
            anchors, all_anchors = (
                duals.text_anchors(self._material, source, target, classes, unseen, self._options.seed)
                for classes in (training_classes, every)
            )
            self._say(f"path between text spaces: {anchors.path}")
            for method, parameters in self._fitter.choose(anchors):
                measured.append(replace(self._fitter.fit(anchors, method, parameters)[0], stands_in=True))
                path, told = self._fitter.fit(all_anchors, method, parameters)
                served.append(replace(path, stands_in=True))
                training.append(told)

    def _sparse(self, measured: list[BoundPath], served: list[BoundPath]) -> list[dict[str, Any]]:
        """Adds the paths of sparse spaces that pay, or all where they were named; says what each is worth."""
        found: list[dict[str, Any]] = []
        unseen = {name: one.validation for name, one in self._things.items()}
        plain, all_plain = list(measured), list(served)
        for terms in self._material.terms:
            card, words = terms.card, self._words(terms)
            ways, all_ways = (
                [term_paths.term_path(terms, block, words, paths) for block in self._blocks]
                for paths in (plain, all_plain)
            )
            worth = term_paths.worths(self._material, self._reduced, plain, ways, unseen)
            taken = term_paths.chosen(worth, ways, forced=card.name in self._options.spaces)
            blocks = {path.block for path in taken}
            measured += taken
            served += [way for way in all_ways if way.block in blocks]
            found += term_paths.told(card, worth, taken)
            numbers = "; ".join(one.told for one in worth) or "no classes to find"
            if taken:
                size = sum(array.nbytes for path in taken for array in path.state.values()) / 1e6
                into = ", ".join(path.block for path in taken)
                self._say(f"{card.name} enters {into} by its terms ({size:.1f} MB): {numbers}")
            else:
                self._members.left_out[card.name] = f"its terms help in no block: {numbers}"
                self._say(f"{card.name} is left out: {self._members.left_out[card.name]}")
        return found

    def _words(self, terms: Terms) -> dict[str, Array]:
        """The terms' rows by text space, those of shared spaces centred as their texts are."""
        rows = self._gatherer.words(terms)
        for card in self._members.texts:
            if Modality.TEXT in (centres := self._centres.get(card.space.name, {})):
                rows[card.name] = unit_rows(rows[card.name] - centres[Modality.TEXT])
        return rows

    def _paired(
        self, block: Reduced, text: EncoderCard, into_text: bool, measured: list[BoundPath],
        served: list[BoundPath],
    ) -> tuple[Anchored, Anchored, Ways]:  # fmt: skip
        """The anchors of a member that pairs bind, without what is measured on and with all, and the methods.

        Views of its inputs enter text spaces by the paths of pictures that there are by now.
        """
        name = block.classifier.card.name
        rows = np.arange(len(block.classifier.names))
        fitted, apart = self._user_splits[block.classifier.card.modality]
        user = np.sort(np.concatenate([fitted, apart]))
        anchors = paired_anchors(
            self._material, block, text, into_text, self._splits[name].training, fitted, measured
        )
        everything = paired_anchors(self._material, block, text, into_text, rows, user, served)
        chosen = choose(self._fitter, anchors, held_out(self._material, block, text, into_text))
        if chosen.told:
            self._compared.setdefault(name, []).append(chosen.told)
        if not chosen.with_views:
            anchors, everything = replace(anchors, views=None), replace(everything, views=None)
        return anchors, everything, chosen.methods

    def _anchors(self, block: Reduced, text: EncoderCard, into_text: bool, *, everything: bool) -> Anchored:
        classes = self._splits[block.classifier.card.name]
        fitted_with, held_out = self._user_splits[block.classifier.card.modality]
        if everything:
            fitted_with = np.sort(np.concatenate([fitted_with, held_out]))
        shared = duals.shared_inputs(self._material, block.classifier.card, text, self._options.seed)
        pseudo = (np.zeros((0, text.width), np.float32), block.features[:0])
        if shared is not None:
            pseudo = shared.every if everything else shared.training
        anchors = anchored(
            self._material,
            block,
            text,
            into_text,
            np.arange(len(block.classifier.names)) if everything else classes.training,
            classes.validation,
            pseudo,
            fitted_with,
        )
        return duals.seen_by_both(anchors, shared) if into_text and shared else anchors

    def _user_split(self, modality: Modality) -> tuple[Array, Array]:
        """Places among the user's pairs of that modality: to fit with, and to measure on."""
        found = split_pairs(len(self._material.user.rows(modality)), self._options.seed)
        return np.sort(np.concatenate([found.training, found.validation])), found.held_out

    def _inputs(self, texts: Mapping[str, Any]) -> dict[str, tuple[Modality, Any]]:
        named = {
            "image": "captions of photos",
            "audio": "captions of sounds",
            "points": "captions of 3D models",
            "text": "other sentences",
        }
        found: dict[str, tuple[Modality, Any]] = {
            named[kind]: (Modality.TEXT, dense) for kind, dense in texts.items()
        }
        for classifier in self._members.classifiers:
            card = classifier.card
            inputs = self._material.inputs[card.name].dense
            if len(inputs):
                what = "photos" if card.modality is Modality.IMAGE else "sounds"
                found[f"{what} ({card.name})"] = (card.modality, {card.name: inputs})
        for tower in self._members.towers:
            if len(inputs := self._material.inputs[tower.name].dense):
                found[f"{tower.modality} ({tower.name})"] = (tower.modality, {tower.name: inputs})
        for block in self._reduced:
            one = block.classifier
            if isinstance(one, Paired):
                rows = np.concatenate([one.split.held_out, one.apart])
                if len(rows):
                    what = "solids" if one.shipped else "your pairs"
                    found[f"{what} ({one.card.name})"] = (one.card.modality, self._inputs_of(block, rows))
        return found

    def _provenance(self) -> dict[str, Any]:
        options = asdict(self._options)
        for name in ("data", "anchors"):
            options.pop(name)
        return {
            "options": options,
            "texts": len(self._material.corpus.texts),
            "inputs": {name: len(one.files) for name, one in self._material.inputs.items()},
            "anchors": len(self._material.user.pairs),
            "classes": {
                name: {
                    "fitted": len(one.training),
                    "validation": len(one.validation),
                    "held_out": len(one.held_out),
                }
                for name, one in self._splits.items()
            },
            "left_out": dict(self._members.left_out),
        }


def _each_once(classifier: Classifier, rows: Split) -> Split:
    """One row of each thing, for what is about texts alone; to choose by, of things that no fit has seen."""
    things = classifier.groups()
    unseen = rows.validation[~np.isin(things[rows.validation], things[rows.training])]
    return Split(*(classifier.once(one) for one in (rows.training, unseen, rows.held_out)))


def _path_name(classifier: str, text: str, into_text: bool) -> str:
    return f"{classifier} -> {text}" if into_text else f"{text} -> {classifier}"
