"""A head that judges whether passages answer a question: the network of the method `question_alignment`.

The tokens of the question are aligned with those of each sentence (decomposable attention; Parikh et al.,
2016, arXiv:1606.01933), and questions without an answer are made to look answerable, as in SQuAD 2.0
(Rajpurkar et al., 2018, arXiv:1806.03822).

JSONL files have `{"question": …, "passage": …, "answerable": true | false}`, with the `answer` or the
`sentence` that has it where it is known, or labelled claims as of `claim_reading`, of which questions
are made by rules (`recipes/reading/made_questions.py`). Sentences of other passages stand around the evidence
of most of those, since it is short. Every set counts by the root of its size, and within a set both answers
alike. Left out are sets whose claims make few questions as people ask them: of monotonicity, of one swapped
word, most talk.

Probabilities are calibrated (Platt scaling) on questions that no step has seen, thresholds for a wanted
precision are measured on the same ones, and the report is of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tieback.core.errors import InvalidInput
from tieback.methods.answerability import answerabilities
from tieback.methods.answerability.question_alignment import NEARNESS
from tieback.models.learned.answerability import JUDGE
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.texts import files_of
from tieback.training.digests import digest
from tieback.training.splits import split
from tieback_contract.arrays import Array

from tieback_lab.recipes.reading.asked_questions import card_of, examples_of, read_questions, standardised
from tieback_lab.recipes.reading.calibration import logistic
from tieback_lab.recipes.reading.made_questions import Asked

MAKES = "a judge of whether passages answer a question"

FEWEST = 100
LEFT_OUT = ("med", "breaking", "begin-cmu-dog", "begin-topicalchat", "faithdial-audit")
CHOSEN_BY = 0.15
"""Share of the questions that probabilities are calibrated on."""
RIDGE = 1e-4
LEAST_SPREAD = 0.1
"""Of a signal: one that hardly differs in training does not count a hundredfold where it does."""
THRESHOLDS = np.linspace(0.02, 0.98, 97)


@recipes.method
def answerability(
    run: TrainingRun,
    *,
    space: str = "all-minilm-l6-v2",
    questions: Annotated[int, Field(ge=1)] = 800,
    hidden: Annotated[int, Field(ge=8, le=512)] = 32,
    decision: Annotated[int, Field(ge=8, le=1024)] = 32,
    steps: Annotated[int, Field(ge=0)] = 600,
    batch: Annotated[int, Field(ge=2)] = 32,
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3,
    nearness: Annotated[float, Field(ge=0)] = 6.0,
    left_out: tuple[str, ...] = LEFT_OUT,
    seed: int = 0,
) -> Learned:
    """The state of the method, learned from at most `questions` of each set, but those that are `left_out`,
    in the space `space`.

    `nearness` is how much the cosine of the question and the nearest sentence counts beside the network.
    """
    from tieback.models.loading import load_encoder
    from tieback.training.loop import Plan

    from tieback_lab.recipes.reading import answerability_network

    card = card_of(run, space)
    files = files_of(run.data, (".jsonl",), "questions")
    read = read_questions(files, most=questions, seed=seed, left_out=left_out)
    if len(read) < FEWEST or len({one.answerable for one in read}) < 2:
        raise InvalidInput(
            f"there are {len(read)} questions to learn from; it takes {FEWEST}, with and without an answer",
            field="data",
        )
    inputs: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "questions": digest(*map(_values, read)),
        "hidden": hidden, "decision": decision, "batch": batch, "steps": steps,
        "learning_rate": learning_rate, "seed": seed,
    }  # fmt: skip
    parts = split(len(read), seed, validation=CHOSEN_BY)
    choices = answerability_network.Choices(hidden, decision, batch)
    plan = Plan(steps, learning_rate, look_every=100, seed=seed)

    def make() -> dict[str, Array]:
        seen = examples_of(load_encoder(card, run.store), read, run.say)
        signals = np.concatenate([seen[place].read.signals for place in parts.training])
        mean, spread = signals.mean(axis=0), np.maximum(signals.std(axis=0), LEAST_SPREAD)
        ready = standardised(seen, mean, spread)
        run.say(f"learning from {len(parts.training)} questions")
        network, history = answerability_network.learn_answerability(
            [ready[place] for place in parts.training],
            weights_of_questions([read[place] for place in parts.training]),
            choices,
            plan,
            run.attempt(f"answerability-{card.name}", digest(inputs), every=plan.look_every),
        )
        chosen_by, held_out = (
            np.stack(
                [
                    answerability_network.predicted(network, [ready[place] for place in places]),
                    [seen[place].read.signals[:, NEARNESS].max() for place in places],
                ]
            )
            for places in (parts.validation, parts.held_out)
        )
        return {
            **{f"state.{name}": array.detach().numpy() for name, array in network.state_dict().items()},
            "state.mean": mean,
            "state.spread": spread,
            "chosen_by": chosen_by,
            "held_out": held_out,
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
        }

    step = run.steps.arrays(
        f"answerability by {card.name}",
        answerability_network.learn_answerability,
        inputs,
        make,
        beside=(examples_of, answerabilities.get("question_alignment")),
    )
    state = {name[6:]: array for name, array in step.items() if name.startswith("state.")}
    chosen, held_out = ([read[place] for place in places] for places in (parts.validation, parts.held_out))
    state["nearness"] = np.array([nearness], np.float32)
    logits, others = (logit + nearness * near for logit, near in (step["chosen_by"], step["held_out"]))
    state["calibration"] = calibration(logits, _answerable(chosen), weights_of_questions(chosen))
    slope, offset = state["calibration"].tolist()
    likely, reported = (1 / (1 + np.exp(-np.clip(slope * one + offset, -30, 30))) for one in (logits, others))
    state["precisions"] = precisions(likely, _answerable(chosen))
    rows = measured(reported, held_out)
    metrics = {"questions": len(read), "losses": step["losses"].tolist(), "sets": rows}
    facts = {"method": "question_alignment", "space": card.name, "sets": sorted({one.source for one in read})}
    title = "Questions that were held out, by set"
    return Learned(JUDGE.kind, state, (card.space,), files, facts, metrics, {title: rows})


def calibration(logits: Array, answerable: Array, weights: Array) -> Array:
    """Slope and offset that make logits probabilities (Platt, 1999)."""
    slopes, offset = logistic(logits[:, None], answerable, weights / weights.sum(), ridge=RIDGE)
    return np.array([*slopes, offset], np.float32)


def precisions(likely: Array, answerable: Array) -> Array:
    """Thresholds, rising, with the share of questions with an answer among those answered from there on.

    Questions with and without an answer count a half each. The share never falls with the threshold.
    """
    own, other = likely[answerable], likely[~answerable]
    shares = []
    for least in THRESHOLDS:
        right, wrong = (own >= least).mean(), (other >= least).mean()
        shares.append(right / (right + wrong) if right + wrong else 1.0)
    return np.stack([THRESHOLDS, np.maximum.accumulate(shares)], axis=1).astype(np.float32)


def auc(likely: Array, answerable: Array) -> float:
    """How often a question with an answer has the higher probability; equal ones count a half."""
    own, other = likely[answerable], likely[~answerable]
    if not len(own) or not len(other):
        return float("nan")
    return float((own[:, None] > other).mean() + 0.5 * (own[:, None] == other).mean())


def _values(one: Asked) -> list[str]:
    return [one.question, one.passage, str(one.answerable), one.answer, one.source]


def _answerable(questions: Sequence[Asked]) -> Array:
    return np.array([one.answerable for one in questions], bool)


def weights_of_questions(questions: Sequence[Asked]) -> Array:
    """How often each is drawn: a set by the root of its size, within it both answers alike."""
    sets = [one.source for one in questions]
    keys = [(one.source, one.answerable) for one in questions]
    sizes = {one: sets.count(one) for one in set(sets)}
    counts = {one: keys.count(one) for one in set(keys)}
    return np.array([sizes[key[0]] ** 0.5 / counts[key] for key in keys], np.float64)


def measured(likely: Array, questions: Sequence[Asked]) -> list[dict[str, Any]]:
    """Rows of a report: how well probabilities tell questions apart, of all and of each set."""
    rows = []
    answerable = _answerable(questions)
    for source in ["all", *sorted({one.source for one in questions})]:
        here = np.array([source in ("all", one.source) for one in questions])
        found = auc(likely[here], answerable[here])
        gap = abs(float(likely[here].mean()) - float(answerable[here].mean()))
        rows.append(
            {
                "set": source,
                "questions": int(here.sum()),
                "with an answer": round(float(answerable[here].mean()), 3),
                "AUROC": "–" if np.isnan(found) else round(found, 3),
                "calibration gap": round(gap, 3),
            }
        )
    return rows
