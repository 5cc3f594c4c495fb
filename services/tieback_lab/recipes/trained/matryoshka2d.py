"""A text encoder that may end at an earlier layer, whose vectors may be cut there as well (2D Matryoshka).

2D Matryoshka sentence embeddings (Li et al., 2024, arXiv:2402.14776) are trained at a layer n and a width d
that are drawn anew in each step: the loss is that of the last layer at full width and at d, and of layer n at
full width and at d, and the divergence of layer n's output from the last one's. As in sentence-transformers'
Matryoshka2dLoss, that divergence has a temperature of 0.3 and a weight of 1. The loss of a cell is a contrast
of pairs: a text and its partner are to be nearer to each other than to the others of a batch (InfoNCE). The
whole backbone learns but for the table of its tokens.

The result is an encoder of its own, named by the backbone. Its card offers the layers and the widths and
declares that they are exits: a request that allows it ends at an earlier layer when its deadline is near
(`earliest_layer`). An earlier layer takes time in proportion, and its vectors are in a space of their own. No
weights come with the server: name your pairs by --data. The last layer moves as well: the report says what
each layer and width find of pairs that no step has seen, before and after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.text_pairs import pair_files, read_text_pairs
from tieback.training.digests import digest
from tieback.training.splits import split
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.recipes.adapt.layered_encoder import LAYERED, adapt, check_trainable

if TYPE_CHECKING:
    from tieback_lab.recipes.train.layers_and_widths import Found

MAKES = "an encoder of texts whose layers are exits"

FEWEST_PAIRS = 50
NARROWEST = 64
"""Where no widths are named, they are the powers of two from here to below the full width."""


@recipes.method
def matryoshka2d(
    run: TrainingRun,
    *,
    space: str = "all-minilm-l6-v2",
    exits: tuple[Annotated[int, Field(gt=0)], ...] = (),
    widths: tuple[Annotated[int, Field(gt=0)], ...] = (),
    pairs: Annotated[int, Field(ge=FEWEST_PAIRS)] = 10_000,
    tokens: Annotated[int, Field(ge=4)] = 48,
    steps: Annotated[int, Field(ge=0)] = 200,
    batch: Annotated[int, Field(ge=2)] = 32,
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5,
    temperature: Annotated[float, Field(gt=0)] = 0.05,
    kl_temperature: Annotated[float, Field(gt=0)] = 0.3,
    kl_weight: Annotated[float, Field(ge=0)] = 1.0,
    patience: Annotated[int, Field(ge=0)] = 0,
    seed: int = 0,
) -> Learned:
    """The layers' weights of the encoder of `space`, learned from at most `pairs` pairs.

    Empty `exits` are all layers, empty `widths` powers of two. While it learns, texts are cut to `tokens`. A
    step sees `batch` pairs. Training ends early where `patience` validations in a row were not better than
    the best; 0 never ends it early.
    """
    from tieback.methods.pooling import poolings
    from tieback.training.loop import Plan

    from tieback_lab.recipes.adapt.layer_states import backbone_of, token_numbers
    from tieback_lab.recipes.train import layers_and_widths

    card = _card(run, space)
    pooling = check_trainable(card, field=at("parameters", "space"))
    cut = _widths(widths, card.width)
    files = pair_files(run.data)
    texts = read_text_pairs(files, most=pairs, fewest=FEWEST_PAIRS, seed=seed)
    module = layers_and_widths.LayeredEncoder(
        backbone_of(card, run.store, field=at("parameters", "space")),
        poolings.configure(pooling.name, pooling.parameters, field="pooling"),
    )
    early = _exits(exits, module.backbone.layers)
    numbers = token_numbers(card, run.store, [text for pair in texts for text in pair], tokens)
    paired = list(zip(numbers[::2], numbers[1::2], strict=True))
    parts = split(len(paired), seed)
    plan = Plan(steps, learning_rate, patience=patience, seed=seed)
    choices = layers_and_widths.Choices(early, cut, batch, temperature, kl_temperature, kl_weight)
    inputs: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "pairs": texts, "tokens": tokens, "exits": early,
        "widths": cut, "batch": batch, "temperature": temperature, "kl_temperature": kl_temperature,
        "kl_weight": kl_weight, "steps": steps, "learning_rate": learning_rate, "patience": patience,
        "seed": seed,
    }  # fmt: skip

    def measured() -> Found:
        held_out = [paired[place] for place in parts.held_out]
        return layers_and_widths.reciprocal_ranks(
            module, held_out, (*early, module.backbone.layers), (*cut, None)
        )

    def make() -> dict[str, Array]:
        run.say(f"training {card.name} by {len(parts.training)} pairs to end at {', '.join(map(str, early))}")
        before = measured()
        history = layers_and_widths.learn_layers(
            module,
            [paired[place] for place in parts.training],
            [paired[place] for place in parts.validation],
            choices,
            plan,
            run.attempt(f"matryoshka2d-{card.name}", digest(inputs), every=10),
        )
        after = measured()
        return {
            **module.learned(),
            "cells": np.array(list(before), np.int64),
            "before": np.array([one.mean() for one in before.values()]),
            "after": np.array([one.mean() for one in after.values()]),
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
            "validations": np.array(history.validations, np.float64).reshape(-1, 2),
        }

    step = run.steps.arrays(f"layers of {card.name}", layers_and_widths.learn_layers, inputs, make)
    facts = {"exits": [*early, module.backbone.layers], "widths": [*cut, card.width]}
    metrics, report = _told(step, len(parts.training), len(parts.held_out))
    state = {name.removeprefix("state."): one for name, one in step.items() if name.startswith("state.")}
    return Learned(LAYERED, state, (card.space,), files, facts, metrics, report, adapt=adapt)


def _told(step: dict[str, Array], training: int, held_out: int) -> tuple[dict[str, Any], dict[str, Any]]:
    cells = [
        {"layer": int(layer), "dimensions": int(width), "before": float(before), "after": float(after)}
        for (layer, width), before, after in zip(step["cells"], step["before"], step["after"], strict=True)
    ]
    metrics = {
        "pairs": {"training": training, "held_out": held_out},
        "reciprocal_rank": [{key: round(value, 4) for key, value in cell.items()} for cell in cells],
        "losses": step["losses"].tolist(),
        "validations": step["validations"].tolist(),
    }
    report = {
        f"Mean reciprocal rank of a text by its partner, among those of {held_out} held-out pairs": cells,
        "Training": [{"step": int(at), "loss": value} for at, value in step["losses"]],
    }
    return metrics, report


def _card(run: TrainingRun, space: str) -> EncoderCard:
    if space not in run.cards:
        raise NotFound("space", space, run.cards)
    return run.cards[space]


def _exits(given: tuple[int, ...], last: int) -> tuple[int, ...]:
    """Those before the last layer, lowest first. InvalidInput where one is not, or there is none."""
    if last < 2:
        raise InvalidInput(
            "the backbone has one layer, so there is none to end at before it",
            field=at("parameters", "space"),
        )
    if given and max(given) >= last:
        raise InvalidInput(
            f"the backbone's last layer is {last}; exits are before that, and {max(given)} is not",
            field=at("parameters", "exits"),
        )
    return tuple(sorted(set(given))) or tuple(range(1, last))


def _widths(given: tuple[int, ...], full: int) -> tuple[int, ...]:
    """Those below the full width, smallest first. InvalidInput where one is not."""
    if not given:
        powers = (NARROWEST << power for power in range(full.bit_length()))
        given = tuple(width for width in powers if width < full) or (max(1, full // 2),)
    if max(given) >= full:
        raise InvalidInput(
            f"vectors are cut to fewer dimensions than they have, {full}, not to {max(given)}",
            field=at("parameters", "widths"),
        )
    return tuple(sorted(set(given)))
