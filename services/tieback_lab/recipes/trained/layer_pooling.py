"""A learned pooling of a text encoder's layers, over a backbone that stays as it is.

`pooling=mltp` looks at the means of all layers by a small cross-attention (multi-layers trainable pooling;
Tang and Yang, 2024, arXiv:2409.02727), `pooling=lama` makes several weighted means of the last layer's tokens
(LAMA; Mehta et al., 2019, arXiv:1912.00835). The papers train the backbone as well, or a classifier behind
it. Here only the pooling learns, from pairs of texts: a text and its partner are to be nearer to each other
than to the others of a batch (InfoNCE). What the method needs of each text's states is computed once and
kept. `layers` names the layers that are looked at: with the last alone, `mltp` is last-layer trainable
pooling, which the paper compares with.

The result is an encoder of its own, named by the backbone and the pooling. The report says, on pairs that no
step has seen, whether partners find each other better than by the mean of the last layer's tokens, with
Wilcoxon's signed-rank test. No weights come with the server: name your pairs by --data.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.text_pairs import pair_files, read_text_pairs
from tieback.training.digests import digest
from tieback.training.ranks import signed_rank
from tieback.training.splits import Split, split
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.methods import layer_pooling as poolings
from tieback_lab.methods.layer_pooling import READS, layer_poolings
from tieback_lab.recipes.adapt.layer_pooling import LAYER_POOLING, adapt

MAKES = "an encoder of texts"

FEWEST_PAIRS = 50


@recipes.method
def layer_pooling(
    run: TrainingRun,
    *,
    space: str = "all-minilm-l6-v2",
    pooling: str = "mltp",
    layers: tuple[Annotated[int, Field(gt=0)], ...] = (),
    fit: dict[str, int] = {},  # noqa: B006 - a default that nothing changes
    pairs: Annotated[int, Field(ge=FEWEST_PAIRS)] = 4000,
    tokens: Annotated[int, Field(ge=4)] = 64,
    steps: Annotated[int, Field(ge=0)] = 300,
    batch: Annotated[int, Field(ge=2)] = 128,
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4,
    temperature: Annotated[float, Field(gt=0)] = 0.05,
    patience: Annotated[int, Field(ge=0)] = 3,
    seed: int = 0,
) -> Learned:
    """The state of a layer pooling of the encoder of `space`, learned from at most `pairs` pairs.

    Empty `layers` are all. `fit` are the parameters of the pooling's own start, for instance `{latents: 16}`.
    While it learns, texts are cut to `tokens`. A step sees `batch` pairs. Training ends early where
    `patience` validations in a row were not better than the best; 0 never ends it early.
    """
    from tieback.training.loop import Plan

    from tieback_lab.recipes.adapt.layer_states import LayerStates, backbone_of, read_states, token_numbers
    from tieback_lab.recipes.train import layer_pooling as _layer_pooling

    card = _card(run, space)
    layer_poolings.get(pooling)
    backbone = backbone_of(card, run.store, field=at("parameters", "space"))
    chosen = _layers(layers, backbone.layers)
    files = pair_files(run.data)
    texts = read_text_pairs(files, most=pairs, fewest=FEWEST_PAIRS, seed=seed)
    reads = layer_poolings.form(READS, pooling)

    def read_chosen(states: Any, sizes: Any) -> Any:
        return reads([states[0], *(states[layer] for layer in chosen)], sizes)

    def read() -> dict[str, Array]:
        sides = [left for left, _ in texts] + [right for _, right in texts]
        run.say(f"computing the layers of {card.name} for {len(sides)} texts")
        found = read_states(backbone, token_numbers(card, run.store, sides, tokens), read_chosen)
        return {"flat": found.flat, "lengths": found.lengths}

    inputs: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "pairs": texts, "tokens": tokens, "layers": chosen,
        "pooling": pooling,
    }  # fmt: skip
    method = layer_poolings.get(pooling)
    states = LayerStates(
        **run.steps.arrays(
            f"layers of {card.name} for {pooling}", read_states, inputs, read, beside=(method,)
        )
    )
    parts = split(len(texts), seed)
    plan = Plan(steps, learning_rate, weight_decay=0.0, patience=patience, seed=seed)

    def make() -> dict[str, Array]:
        sample = states.of(np.arange(min(len(states), 256)))[0]
        try:
            start = poolings.fit(pooling, [one.numpy() for one in sample], fit, seed=seed)
        except InvalidInput as error:
            raise error.within(at("parameters", "fit")) from None
        run.say(f"learning to pool {card.name} by {len(parts.training)} pairs")
        state, history = _layer_pooling.learn_pooling(
            states,
            parts,
            start,
            method,
            _layer_pooling.Choices(batch, temperature),
            plan,
            run.attempt(
                f"{pooling}-{card.name}", digest(inputs, fit, batch, temperature), every=plan.look_every
            ),
        )
        return {
            **{f"state.{name}": array for name, array in state.items()},
            **{f"start.{name}": array for name, array in start.items()},
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
            "validations": np.array(history.validations, np.float64).reshape(-1, 2),
        }

    settings = {
        "fit": fit, "batch": batch, "temperature": temperature, "steps": steps, "patience": patience,
        "learning_rate": learning_rate, "seed": seed,
    }  # fmt: skip
    step = run.steps.arrays(
        f"{pooling} of {card.name}",
        _layer_pooling.learn_pooling,
        inputs | settings,
        make,
        beside=(method,),
    )
    state = _under(step, "state.")
    metrics, report, width = _measured(states, step, pooling, chosen, parts)
    facts = {"pooling": pooling, "layers": list(chosen), "width": width}
    return Learned(LAYER_POOLING, state, (card.space,), files, facts, metrics, report, adapt=adapt)


def _measured(
    states: Any, step: dict[str, Array], pooling: str, layers: tuple[int, ...], parts: Split
) -> tuple[dict[str, Any], dict[str, Any], int]:
    """What partners find each other by that no step has seen; and the width of the vectors."""
    from tieback_lab.recipes.train import layer_pooling as _layer_pooling

    method = layer_poolings.get(pooling)
    mean = f"mean of layer {layers[-1]}"
    modules: dict[str, _layer_pooling.Module] = {
        mean: _layer_pooling.last_mean,
        "before training": _layer_pooling.LearnedPooling(method, _under(step, "start.")),
        "learned": _layer_pooling.LearnedPooling(method, _under(step, "state.")),
    }
    ways = {name: _layer_pooling.pooled(states, module) for name, module in modules.items()}
    ranks = {name: _layer_pooling.reciprocal_ranks(states, parts.held_out, way) for name, way in ways.items()}
    found = {
        name: {"recall_at_1": float((one == 1).mean()), "reciprocal_rank": float(one.mean())}
        for name, one in ranks.items()
    }
    p = signed_rank(ranks["learned"] - ranks[mean])
    metrics = {
        "pairs": {"training": len(parts.training), "held_out": len(parts.held_out)},
        "found": {name: {key: round(value, 4) for key, value in one.items()} for name, one in found.items()},
        "signed_rank_p": p,
        "losses": step["losses"].tolist(),
        "validations": step["validations"].tolist(),
    }
    report = {
        f"Texts of {len(parts.held_out)} held-out pairs, looked for by their partners": [
            {"vectors": name, **one} for name, one in found.items()
        ],
        f"Wilcoxon's signed-rank test of reciprocal ranks, learned against the {mean}": [{"p": p}],
        "Training": [{"step": int(at), "loss": value} for at, value in step["losses"]],
    }
    return metrics, report, int(ways["learned"](parts.held_out[:1]).shape[1])


def _card(run: TrainingRun, space: str) -> EncoderCard:
    if space not in run.cards:
        raise NotFound("space", space, run.cards)
    return run.cards[space]


def _layers(given: tuple[int, ...], last: int) -> tuple[int, ...]:
    """Those that are looked at, lowest first. InvalidInput where the backbone has not so many."""
    if given and max(given) > last:
        raise InvalidInput(
            f"the backbone has {last} layers, and no layer {max(given)}", field=at("parameters", "layers")
        )
    return tuple(sorted(set(given))) or tuple(range(1, last + 1))


def _under(step: dict[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): one for name, one in step.items() if name.startswith(prefix)}
