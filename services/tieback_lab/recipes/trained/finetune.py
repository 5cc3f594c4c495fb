"""A text encoder fine-tuned on pairs of a domain, as an expert that can be merged with others.

A contrast of pairs moves the backbone: a text and its partner are to be nearer to each other than to the
others of a batch (multiple negatives ranking; Henderson et al., 2017, arXiv:1705.00652). The whole backbone
learns but for the table of its tokens, and training ends early where validation no longer gains. So are the
two bodies of FusionSent made (Schopf et al., 2024, arXiv:2410.05770): one of pairs of texts of a class, one
of texts with the text of their label.

The result is an encoder of its own, named by the backbone and the `domain`. It is served like any other, in a
space of its own, or merged with other experts of the same backbone: `tieback models merge`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from tieback.core.errors import NotFound
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.text_pairs import pair_files, read_text_pairs
from tieback.training.digests import digest
from tieback.training.splits import split
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.recipes.adapt.layered_encoder import FINETUNED, adapt, check_trainable

if TYPE_CHECKING:
    from tieback.training.loop import History

MAKES = "an encoder of texts for a domain"

FEWEST_PAIRS = 50


@recipes.method
def finetune(
    run: TrainingRun,
    *,
    space: str = "all-minilm-l6-v2",
    domain: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=40)] = "domain",
    pairs: Annotated[int, Field(ge=FEWEST_PAIRS)] = 10_000,
    tokens: Annotated[int, Field(ge=4)] = 64,
    steps: Annotated[int, Field(ge=0)] = 200,
    batch: Annotated[int, Field(ge=2)] = 32,
    learning_rate: Annotated[float, Field(gt=0)] = 2e-5,
    temperature: Annotated[float, Field(gt=0)] = 0.05,
    patience: Annotated[int, Field(ge=0)] = 3,
    seed: int = 0,
) -> Learned:
    """The weights of the encoder of `space`, learned from at most `pairs` pairs.

    While it learns, texts are cut to `tokens`. A step sees `batch` pairs. Training ends early where
    `patience` validations in a row were not better than the best; 0 never ends it early.
    """
    from tieback.methods.pooling import poolings
    from tieback.training.loop import Plan

    from tieback_lab.recipes.adapt.layer_states import backbone_of, token_numbers
    from tieback_lab.recipes.train import layers_and_widths

    if space not in run.cards:
        raise NotFound("space", space, run.cards)
    card = run.cards[space]
    pooling = check_trainable(card, field=at("parameters", "space"))
    files = pair_files(run.data)
    texts = read_text_pairs(files, most=pairs, fewest=FEWEST_PAIRS, seed=seed)
    module = layers_and_widths.LayeredEncoder(
        backbone_of(card, run.store, field=at("parameters", "space")),
        poolings.configure(pooling.name, pooling.parameters, field="pooling"),
    )
    last = module.backbone.layers
    numbers = token_numbers(card, run.store, [text for pair in texts for text in pair], tokens)
    paired = list(zip(numbers[::2], numbers[1::2], strict=True))
    parts = split(len(paired), seed)
    plan = Plan(steps, learning_rate, patience=patience, seed=seed)
    choices = layers_and_widths.Choices((), (), batch, temperature, 1.0, 0.0)
    inputs: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "pairs": texts, "tokens": tokens, "batch": batch,
        "temperature": temperature, "steps": steps, "learning_rate": learning_rate, "patience": patience,
        "seed": seed,
    }  # fmt: skip

    def measured() -> float:
        held_out = [paired[place] for place in parts.held_out]
        found = layers_and_widths.reciprocal_ranks(module, held_out, (last,), (None,))
        return float(np.mean(list(found.values())))

    def make() -> dict[str, Array]:
        run.say(f"fine-tuning {card.name} by {len(parts.training)} pairs")
        before = measured()
        history: History = layers_and_widths.learn_layers(
            module,
            [paired[place] for place in parts.training],
            [paired[place] for place in parts.validation],
            choices,
            plan,
            run.attempt(f"finetune-{card.name}-{domain}", digest(inputs), every=10),
        )
        return {
            **module.learned(),
            "ranks": np.array([before, measured()]),
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
        }

    step = run.steps.arrays(f"weights of {card.name}", layers_and_widths.learn_layers, inputs, make)
    before, after = map(float, step["ranks"])
    metrics = {
        "pairs": {"training": len(parts.training), "held_out": len(parts.held_out)},
        "reciprocal_rank": {"before": round(before, 4), "after": round(after, 4)},
        "losses": step["losses"].tolist(),
    }
    title = (
        f"Mean reciprocal rank of a text by its partner, among those of {len(parts.held_out)} held-out pairs"
    )
    report = {
        title: [{"before": before, "after": after}],
        "Training": [{"step": int(at), "loss": value} for at, value in step["losses"]],
    }
    state = {name.removeprefix("state."): one for name, one in step.items() if name.startswith("state.")}
    return Learned(FINETUNED, state, (card.space,), files, {"domain": domain}, metrics, report, adapt=adapt)
