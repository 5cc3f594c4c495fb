"""Recipes that learn how to merge: the models and pairs that they take, and the report that they give."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from tieback.artifacts import file_digest
from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import InvalidInput, NotFound
from tieback.methods.merging import check_parents
from tieback.recipes.trained import Learned, TrainingRun
from tieback.training.data.text_pairs import KEYS, LABEL, pair_files, read_text_pairs
from tieback.training.data.texts import CELLS
from tieback.training.digests import digest
from tieback.training.splits import split
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.recipes.adapt.layered_encoder import LEARNED_MERGE, NO_WEIGHTS, adapt, check_trainable

if TYPE_CHECKING:
    from tieback.training.loop import Plan

    from tieback_lab.recipes.train.learned_merging import Learnable, Merged, Pairs

FEWEST_PAIRS = 30
"""Of each file."""
HELD_OUT, VALIDATION = 0.25, 0.15
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=60)]


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices of both recipes."""

    name: str
    base: str
    experts: Sequence[str]
    pairs: int
    tokens: int
    batch: int
    temperature: float
    plan: Plan


def learned_merge(
    run: TrainingRun,
    method: str,
    choices: Choices,
    start: Callable[[Merged, float], Learnable],
    own: Mapping[str, Any],
) -> Learned:
    """The merged weights and what was learned, beside task arithmetic and TIES tuned by the same pairs.

    `start` has what learns begin at the scale that suits task arithmetic best; `own` are the parameters of
    that.
    """
    from tieback_lab.recipes.train import learned_merging

    read = read_domains(run, choices)
    merged, training, validation = read.merged, read.training, read.validation
    inputs: dict[str, Any] = read.inputs

    def tune() -> dict[str, Array]:
        run.say("tuning task arithmetic and TIES by the same pairs")
        known = [[*left, *right] for left, right in zip(training, validation, strict=True)]
        return {name: np.array([merged.tuned(name, known, run.say)]) for name in ("task_arithmetic", "ties")}

    tuned = run.steps.arrays("scales of merges", learned_merging.Merged.tuned, inputs, tune)
    scales = {name: float(one[0]) for name, one in tuned.items()}
    rivals = {name: merged.by(name, scale) for name, scale in scales.items()}
    inputs |= {"method": method, "scales": scales, "own": dict(own), "batch": choices.batch,
               "temperature": choices.temperature, "plan": repr(choices.plan)}  # fmt: skip

    def make() -> dict[str, Array]:
        run.say(f"learning {method} by {sum(map(len, training))} pairs")
        module = start(merged, scales["task_arithmetic"])
        history = learned_merging.learn(
            module, merged, training, validation, choices.batch, choices.temperature, choices.plan,
            run.attempt(f"{method}-{choices.base}", digest(inputs), every=10),
        )  # fmt: skip
        return {
            **{NO_WEIGHTS + name: one for name, one in module.learned().items()},
            **{name: np.ascontiguousarray(one.detach().numpy()) for name, one in module().items()},
            NO_WEIGHTS + "steps": np.array([history.best_step, history.steps]),
        }

    arrays = run.steps.arrays(f"{method} of {choices.base}", learned_merging.learn, inputs, make)
    state = {name: one for name, one in arrays.items() if not name.startswith(NO_WEIGHTS)}
    models = {
        "base": merged.base,
        f"task_arithmetic, scale {scales['task_arithmetic']}": rivals["task_arithmetic"],
        f"ties, scale {scales['ties']}": rivals["ties"],
        method: state,
    }
    rows = [
        {"model": model} | read.by_file(merged.ranks(weights, read.held_out))
        for model, weights in models.items()
    ]
    best, steps = map(int, arrays[NO_WEIGHTS + "steps"])
    count = sum(map(len, read.held_out))
    return Learned(
        LEARNED_MERGE, arrays, (read.cards[0].space,), read.files, read.facts(choices, method),
        {"reciprocal_rank": {row["model"]: round(float(str(row["mean"])), 4) for row in rows},
         "scales": scales, "pairs": {"training": sum(map(len, training)), "held_out": count},
         "steps": {"taken": steps, "best": best}},
        {f"Mean reciprocal rank of a text by its partner, among {count} held-out pairs, by file": rows},
        adapt=adapt,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Domains:
    """The pairs of each file as token numbers, in three parts, and the models that are merged by them.

    `inputs` are what a step that is kept depends on.
    """

    cards: Sequence[EncoderCard]
    files: Sequence[Path]
    merged: Merged
    training: Sequence[Pairs]
    validation: Sequence[Pairs]
    held_out: Sequence[Pairs]
    inputs: dict[str, Any]

    def by_file(self, ranks: Sequence[Array]) -> dict[str, float]:
        """The mean of each file, and the mean of those."""
        found = {file.name: float(one.mean()) for file, one in zip(self.files, ranks, strict=True)}
        return found | {"mean": float(np.mean(list(found.values())))}

    def facts(self, choices: Choices, method: str) -> dict[str, Any]:
        """Facts of the artifact of a merge."""
        licenses = sorted({card.license for card in self.cards})
        return {"name": choices.name, "method": method, "experts": list(choices.experts),
                "license": " AND ".join(licenses)}  # fmt: skip


def read_domains(run: TrainingRun, choices: Choices) -> Domains:
    """Reads the pairs and opens the models. InvalidInput names the line, file or expert that does not fit."""
    from tieback_lab.recipes.adapt.layer_states import token_numbers

    cards = _parents(run, choices)
    files = pair_files(run.data)
    check_lines(files)
    texts = [
        read_text_pairs([file], most=choices.pairs, fewest=FEWEST_PAIRS, seed=choices.plan.seed)
        for file in files
    ]
    numbers = []
    for pairs in texts:
        flat = token_numbers(cards[0], run.store, [text for pair in pairs for text in pair], choices.tokens)
        numbers.append(list(zip(flat[::2], flat[1::2], strict=True)))
    parts = [split(len(one), choices.plan.seed, held_out=HELD_OUT, validation=VALIDATION) for one in numbers]
    training, validation, held_out = (
        [[one[place] for place in getattr(part, which)] for one, part in zip(numbers, parts, strict=True)]
        for which in ("training", "validation", "held_out")
    )
    inputs = {
        "spaces": [f"{card.space} {card.space.fingerprint}" for card in cards], "pairs": texts,
        "tokens": choices.tokens, "seed": choices.plan.seed,
    }  # fmt: skip
    return Domains(cards, files, _opened(run, cards), training, validation, held_out, inputs)


def check_lines(files: Sequence[Path]) -> None:
    """InvalidInput names the first line that holds no pair; lines with another label than a pair's may."""
    known = " or ".join(f'"{left}" and "{right}"' for left, right in KEYS)
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").split("\n"), 1):
            if line.strip() and (fault := _fault(line, tsv=file.suffix.lower() in CELLS)):
                raise InvalidInput(
                    f"{file.name}, line {number}: {fault}; a pair is a line of JSON with {known}, or two "
                    "cells of a .tsv",
                    field="data",
                )


def _fault(line: str, *, tsv: bool) -> str:
    if tsv:
        cells = line.split("\t")
        return "" if len(cells) == 2 and all(map(str.strip, cells)) else "it has not two cells with texts"
    try:
        said = json.loads(line)
    except ValueError as error:
        return f"this is not JSON ({error})"
    if not isinstance(said, dict):
        return "it is no object"
    texts = [(said.get(left), said.get(right)) for left, right in KEYS]
    fits = any(all(isinstance(one, str) and one.strip() for one in pair) for pair in texts)
    return "" if fits or LABEL in said else "it has no two texts"


def _parents(run: TrainingRun, choices: Choices) -> list[EncoderCard]:
    """The base and the experts. NotFound or InvalidInput where one cannot be merged by what it learns."""
    if not choices.experts:
        raise InvalidInput("name the experts: experts=NAME,NAME", field=at("parameters", "experts"))
    cards = []
    for name in (choices.base, *choices.experts):
        if name not in run.cards:
            raise NotFound("model", name, run.cards, hint="an expert that is learned with is a model")
        check_trainable(run.cards[name], field=at("parameters", "experts"))
        cards.append(run.cards[name])
    for card in cards[1:]:
        if card.pooling != cards[0].pooling or _vocabulary(run, card) != _vocabulary(run, cards[0]):
            raise InvalidInput(
                f"{card.name} and {choices.base} pool or read texts in different ways; experts of one base "
                "do it alike",
                field=at("parameters", "experts"),
            )
    return cards


def _vocabulary(run: TrainingRun, card: EncoderCard) -> str:
    return file_digest(run.store.weights(card) / card.options_for(TransformerText).tokenizer)


def _opened(run: TrainingRun, cards: Sequence[EncoderCard]) -> Merged:
    from tieback.methods.pooling import poolings

    from tieback_lab.recipes.adapt.layer_states import backbone_of
    from tieback_lab.recipes.train import layers_and_widths, learned_merging

    backbones = [backbone_of(card, run.store, field=at("parameters", "base")) for card in cards]
    base, *experts = (
        {
            name: np.ascontiguousarray(one.numpy())
            for name, one in backbone.model.state_dict().items()
            if one.is_floating_point()
        }
        for backbone in backbones
    )
    check_parents(base, experts)
    if not any((one[name] != base[name]).any() for one in experts for name in base):
        raise InvalidInput("no expert differs from the base", field=at("parameters", "experts"))
    pooling = check_trainable(cards[0], field=at("parameters", "base"))
    encoder = layers_and_widths.LayeredEncoder(
        backbones[0], poolings.configure(pooling.name, pooling.parameters, field="pooling")
    )
    base = {name: one.copy() for name, one in base.items()}
    return learned_merging.Merged(encoder, base, experts)
