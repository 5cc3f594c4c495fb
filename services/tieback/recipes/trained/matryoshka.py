"""A head behind a text encoder, after which the leading dimensions of its vectors keep the most (Matryoshka).

Matryoshka representation learning (Kusupati et al., 2022, arXiv:2205.13147) trains a network so that every
prefix of its vectors works by itself. Here the network stays as it is: a rotation behind it is learned from
texts without labels. Each prefix is to have the neighbours that the full vectors have, and all prefixes count
alike, as in the paper. A rotation changes no similarity of full vectors, so nothing is lost where nothing is
cut. Training starts at the principal directions of the texts' vectors.

The encoder with its head is a new revision of its space, with the widths that were trained; other widths are
refused. Prefixes serve best what resembles the texts that were learned from: name your own by --data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound
from tieback.recipes.adapt.encoder_head import HEAD, MATRIX, adapt, check_adaptable
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.texts import read_texts, text_files
from tieback.training.digests import digest
from tieback.training.splits import split

MAKES = "a head of a text encoder, whose vectors then may be cut"

NARROWEST = 32
"""Where no widths are named, they are the powers of two from here to below the full width."""

FEWEST_TEXTS = 100


@recipes.method
def matryoshka(
    run: TrainingRun,
    *,
    space: str = "all-minilm-l6-v2",
    widths: tuple[Annotated[int, Field(gt=0)], ...] = (),
    texts: Annotated[int, Field(ge=FEWEST_TEXTS)] = 10_000,
    steps: Annotated[int, Field(ge=0)] = 300,
    batch: Annotated[int, Field(ge=2)] = 512,
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4,
    temperature: Annotated[float, Field(gt=0)] = 0.05,
    patience: Annotated[int, Field(ge=0)] = 3,
    seed: int = 0,
) -> Learned:
    """The head `[width, width]` of the encoder of `space`, learned from at most `texts` texts.

    Empty `widths` are powers of two. A step sees `batch` texts. Training ends early where `patience`
    validations in a row were not better than the best; 0 never ends it early.
    """
    from tieback.recipes.train import rotation
    from tieback.training.loop import Plan

    card = _card(run, space)
    trained = _widths(widths, card.width)
    files = text_files(run.data)
    sentences = read_texts(files, most=texts, seed=seed)
    if len(sentences) < FEWEST_TEXTS:
        raise InvalidInput(
            f"there are {len(sentences)} texts to learn from, and it takes {FEWEST_TEXTS}", field="data"
        )
    vectors = _encoded(run, card, sentences)
    parts = split(len(vectors), seed)
    choices = rotation.Choices(trained, batch, temperature)
    plan = Plan(steps, learning_rate, weight_decay=0.0, patience=patience, seed=seed)

    def make() -> dict[str, Array]:
        run.say(f"learning to cut {card.name} to {', '.join(map(str, trained))} of {card.width} dimensions")
        head, history = rotation.learn_rotation(
            vectors[parts.training],
            vectors[parts.validation],
            choices,
            plan,
            run.attempt(
                f"matryoshka-{card.name}", digest(vectors, trained, batch, temperature), every=plan.look_every
            ),
        )
        return {
            MATRIX: head,
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
            "validations": np.array(history.validations, np.float64).reshape(-1, 2),
        }

    inputs: dict[str, Any] = {
        "vectors": vectors, "widths": trained, "batch": batch, "temperature": temperature, "steps": steps,
        "learning_rate": learning_rate, "patience": patience, "seed": seed,
    }  # fmt: skip
    step = run.steps.arrays(f"rotation of {card.name}", rotation.learn_rotation, inputs, make)
    return _learned(card, trained, step, vectors, parts.training, parts.held_out, files)


def _learned(
    card: EncoderCard,
    widths: tuple[int, ...],
    step: dict[str, Array],
    vectors: Array,
    training: Array,
    held_out: Array,
    files: list[Path],
) -> Learned:
    """With what is measured on texts that no step has seen."""
    from tieback.recipes.train import rotation

    heads = {
        "cut as it is": np.eye(card.width, dtype=np.float32),
        "principal directions": rotation.principal_directions(vectors[training]),
        "learned": step[MATRIX],
    }
    kept = {name: rotation.kept_neighbours(vectors[held_out], head, widths) for name, head in heads.items()}
    metrics = {
        "texts": {"training": len(training), "held_out": len(held_out)},
        "kept_neighbours": {
            name: {str(width): round(share, 4) for width, share in by_width.items()}
            for name, by_width in kept.items()
        },
        "losses": step["losses"].tolist(),
        "validations": step["validations"].tolist(),
    }
    title = f"Share of the {rotation.NEAREST} nearest that a prefix keeps, {len(held_out)} held-out texts"
    report = {
        title: [
            {"dimensions": width, **{name: by_width[width] for name, by_width in kept.items()}}
            for width in widths
        ],
        "Training": [{"step": int(at), "loss": value} for at, value in step["losses"]],
    }
    facts = {"widths": [*widths, card.width]}
    return Learned(HEAD, {MATRIX: step[MATRIX]}, (card.space,), files, facts, metrics, report, adapt=adapt)


def _card(run: TrainingRun, space: str) -> EncoderCard:
    if space not in run.cards:
        raise NotFound("space", space, run.cards)
    check_adaptable(run.cards[space], field=at("parameters", "space"))
    return run.cards[space]


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


def _encoded(run: TrainingRun, card: EncoderCard, texts: list[str]) -> Array:
    """The vectors `[n, width]` of the texts of which the encoder knows a word."""
    from tieback.recipes.train.encoders import Encoders

    rows = Encoders(run.store, run.steps, run.say).texts("texts to learn from", card, texts)
    return rows[rows.any(axis=1)]
