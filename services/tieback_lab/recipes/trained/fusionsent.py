"""A text encoder for classes, of few examples and a text about each class (FusionSent).

Schopf et al., 2024, arXiv:2410.05770. Two copies of the encoder are trained: one by pairs of examples, whose
cosine is to be 1 within a class and 0 between two (SetFit, arXiv:2209.11055), one by examples and the texts
of the labels. Their weights are merged by spherical interpolation. A linear head over the vectors of the
merged encoder classifies.

The encoder is a model of its own, named by the backbone and the `domain`; the head is learned over its space
by `tieback heads fit`, of the same examples. Data are lines of JSON: an example has "text" and "label", and
what is said of a label has "label" and "description"; without one, it is the label's name. At most `shots`
examples of a class are learned from. On the others the recipe measures the macro F1 of the encoder as it was,
of both copies and of their merge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tieback.core.errors import InvalidInput, NotFound
from tieback.methods.merging import merge
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.texts import LINES, files_of, json_lines
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.recipes.adapt.layered_encoder import FINETUNED, adapt, check_trainable

MAKES = "an encoder of texts for classes"

BODIES = ("before", "pairs", "label texts", "merged")
STATE = "state."


@recipes.method
def fusionsent(
    run: TrainingRun,
    *,
    space: str = "all-minilm-l6-v2",
    domain: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=40)] = "classes",
    shots: Annotated[int, Field(ge=2, le=1000)] = 8,
    tokens: Annotated[int, Field(ge=4)] = 64,
    steps: Annotated[int, Field(ge=0)] = 60,
    batch: Annotated[int, Field(ge=2)] = 16,
    learning_rate: Annotated[float, Field(gt=0)] = 2e-5,
    temperature: Annotated[float, Field(gt=0)] = 0.05,
    t: Annotated[float, Field(ge=0, le=1)] = 0.5,
    seed: int = 0,
) -> Learned:
    """The weights of the encoder of `space`, learned from `shots` examples of each class.

    Each copy takes `steps` of `batch` pairs or examples. `t` is how far the merge is from the copy that pairs
    trained, towards the one that texts of labels did.
    """
    from tieback.methods.pooling import poolings
    from tieback.training.loop import Plan, said_every

    from tieback_lab.recipes.adapt.layer_states import backbone_of, token_numbers
    from tieback_lab.recipes.train import fusionsent as _fusionsent
    from tieback_lab.recipes.train.layers_and_widths import LayeredEncoder

    if space not in run.cards:
        raise NotFound("space", space, run.cards)
    card = run.cards[space]
    field = at("parameters", "space")
    pooling = check_trainable(card, field=field)
    files = files_of(run.data, LINES, "examples of classes")
    examples, said = examples_of(files)
    names = sorted(examples)
    learnt, held_out = dealt_shots(examples, shots, seed)

    def numbers(texts: Sequence[str]) -> list[Array]:
        return token_numbers(card, run.store, list(texts), tokens)

    def body() -> LayeredEncoder:
        backbone = backbone_of(card, run.store, field=field)
        return LayeredEncoder(backbone, poolings.configure(pooling.name, pooling.parameters, field="pooling"))

    inputs: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "examples": [learnt, held_out], "labels": said,
        "tokens": tokens, "batch": batch, "temperature": temperature, "steps": steps, "t": t,
        "learning_rate": learning_rate, "seed": seed,
    }  # fmt: skip

    def make() -> dict[str, Array]:
        texts, labels = numbers([text for text, _ in learnt]), numbered(learnt, names)
        about = numbers([said.get(name, name) for name in names])
        asked = numbers([text for text, _ in held_out]), numbered(held_out, names)
        plan, progress = Plan(steps, learning_rate, seed=seed), said_every(10, run.say)
        scores: list[float] = []

        def measure(module: LayeredEncoder) -> dict[str, Array]:
            if len(held_out):
                scores.append(_fusionsent.macro_f1(module, (texts, labels), asked))
            return {name.removeprefix(STATE): one.copy() for name, one in module.learned().items()}

        start = measure(body())
        run.say(f"training {card.name} by pairs of {len(learnt)} examples")
        module = body()
        _fusionsent.learn_from_pairs(module, texts, labels, batch=batch, plan=plan, progress=progress)
        pairs = measure(module)
        run.say(f"training {card.name} by texts of {len(names)} labels")
        module = body()
        _fusionsent.learn_from_label_texts(
            module, texts, labels, about, batch=batch, temperature=temperature, plan=plan, progress=progress
        )
        merged = merge("slerp", start, [pairs, measure(module)], {"t": t})
        put(module, merged)
        measure(module)
        return {**{STATE + name: one for name, one in merged.items()}, "scores": np.array(scores, np.float64)}

    step = run.steps.arrays(f"classes of {card.name}", _fusionsent.learn_from_pairs, inputs, make)
    scores = dict(zip(BODIES, map(float, step["scores"]), strict=False))
    metrics = {
        "classes": len(names),
        "examples": {"training": len(learnt), "held_out": len(held_out)},
        "macro_f1": {name: round(one, 4) for name, one in scores.items()},
    }
    report = {f"Macro F1 on {len(held_out)} examples held out": [scores]} if scores else {}
    state = {name.removeprefix(STATE): one for name, one in step.items() if name.startswith(STATE)}
    return Learned(FINETUNED, state, (card.space,), files, {"domain": domain}, metrics, report, adapt=adapt)


def examples_of(files: Sequence[Path]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The texts of each label, each text once, and what is said of the labels.

    InvalidInput, with the field "data", where a label has fewer than two examples, there are fewer than two
    labels, or one that no example has is described.
    """
    examples: dict[str, list[str]] = {}
    said: dict[str, str] = {}
    seen: set[str] = set()
    for one in (line for file in files for line in json_lines(file)):
        label, text, about = (_text(one, key) for key in ("label", "text", "description"))
        if label and text and text not in seen:
            seen.add(text)
            examples.setdefault(label, []).append(text)
        elif label and about:
            said[label] = about
    if len(examples) < 2:
        raise InvalidInput(
            f"there are examples of {len(examples)} classes, and it takes two; an example is a line of JSON "
            'with "text" and "label"',
            field="data",
        )
    for label, texts in sorted(examples.items()):
        if len(texts) < 2:
            raise InvalidInput(
                f"the class {label!r} has {len(texts)} example, and it takes two", field="data"
            )
    if strange := sorted(said.keys() - examples.keys()):
        raise InvalidInput(f"the label {strange[0]!r} is described and has no example", field="data")
    return examples, said


Examples = list[tuple[str, str]]
"""Texts with their labels."""


def dealt_shots(examples: Mapping[str, Sequence[str]], shots: int, seed: int) -> tuple[Examples, Examples]:
    """At most so many examples of each class, drawn by the seed, and the others."""
    draw = np.random.default_rng(seed)
    learnt: Examples = []
    held_out: Examples = []
    for label, texts in sorted(examples.items()):
        order = draw.permutation(len(texts)).tolist()
        learnt += [(texts[place], label) for place in order[:shots]]
        held_out += [(texts[place], label) for place in order[shots:]]
    return learnt, held_out


def numbered(examples: Examples, names: Sequence[str]) -> Array:
    """The number of each example's class."""
    return np.array([names.index(label) for _, label in examples], np.int64)


def put(module: Any, weights: Mapping[str, Array]) -> None:
    """Gives the module's backbone those weights."""
    import torch

    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    module.backbone.model.load_state_dict(tensors, strict=False)


def _text(line: Any, key: str) -> str:
    found = line.get(key) if isinstance(line, dict) else None
    return found.strip() if isinstance(found, str) else ""
