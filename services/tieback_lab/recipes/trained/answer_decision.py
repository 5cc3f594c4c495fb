"""A decision about questions: to answer, to give the item itself, to search again, or to abstain.

It is one linear layer, as GILL decides whether to retrieve or to generate (Koh et al., 2023,
arXiv:2305.17216), over scores of retrieval, the judge of answerability and the question's vector, and a
second one that also reads the state of a language model behind question and passages.

JSONL files have labelled claims with their evidence, as of `claim_reading`. Questions are made of the
claims by rules, the evidence of each set is the library that is searched for them, and phrases ask for items
(`recipes/reading/decision_cases.py`). Every set and every action counts alike. Probabilities are calibrated
on cases that were held out (temperature scaling), and the report is of others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field
from scipy.optimize import minimize, minimize_scalar
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.text.sentences import sentences
from tieback.generator.deciding import state_of
from tieback.generator.evidence.passages import ReadEvidence
from tieback.methods.answer_decision import ACTIONS, Found
from tieback.methods.answerability import answerabilities
from tieback.methods.answerability.relevance import window_relevance
from tieback.methods.grounding import Passage, Statement, words_of
from tieback.models.encoder_model import EncoderModel
from tieback.models.learned.answerability import JUDGE
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.texts import files_of
from tieback.training.digests import digest
from tieback.training.splits import split
from tieback_contract.arrays import Array

from tieback_lab.methods.answer_decision.linear import signals_of
from tieback_lab.models.learned.answer_decision import DECIDER
from tieback_lab.recipes.reading.asked_questions import LONGEST, MOST_SENTENCES, card_of, read_questions
from tieback_lab.recipes.reading.claim_pairs import encoded
from tieback_lab.recipes.reading.decision_cases import DecisionCase, Library, cases_of, requests_of
from tieback_lab.recipes.reading.made_questions import Asked

MAKES = "a decision to answer, to give the item, to search again, or to abstain"

FEWEST = 100
LEFT_OUT = ("snli", "med", "mnli", "breaking", "counterfactual", "fever")
"""Sets of pairs of sentences, of which no library is to be made."""
RIDGE = 0.01
CHOSEN_BY = 0.15
DIRECTIONS = 48


class Known(NamedTuple):
    """Of each case: signals `[n, signals]`, question vectors `[n, width]`, and the place of its action."""

    signals: Array
    vectors: Array
    actions: Array


@recipes.method
def answer_decision(
    run: TrainingRun,
    *,
    space: str = "all-minilm-l6-v2",
    questions: Annotated[int, Field(ge=1)] = 150,
    model: str = "smollm2-135m-instruct",
    asked: Annotated[int, Field(ge=0)] = 0,
    left_out: tuple[str, ...] = LEFT_OUT,
    seed: int = 1,
) -> Learned:
    """The state of the method `linear`, learned from at most `questions` of each set but those `left_out`, in
    the space `space`. The language model `model` reads `asked` of the cases; none with 0.
    """
    from tieback.models.language.model import load_language_model
    from tieback.models.loading import load_encoder

    card = card_of(run, space)
    if asked and model not in run.generators:
        raise NotFound("language model", model, run.generators)
    files = files_of(run.data, (".jsonl",), "questions")
    read = read_questions(files, most=questions, seed=seed, left_out=left_out)
    if len(read) < FEWEST or len({one.source for one in read}) < 2:
        raise InvalidInput(
            f"there are {len(read)} questions of {len({one.source for one in read})} sets to learn from; it "
            f"takes {FEWEST} of 2 sets",
            field="data",
        )
    judge = JUDGE.learned(JUDGE.shipped(), [card.space])
    if judge is None:
        raise InvalidInput(f"the judge that ships was not learned in {space}", field="space")
    wordings = requests_of(read, seed)
    inputs: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "seed": seed, "asked": asked,
        "questions": digest(*([one.question, one.passage, str(one.answerable), one.source] for one in read)),
        "model": f"{model} {run.generators[model].revision}" if asked else "",
    }  # fmt: skip

    def make() -> dict[str, Array]:
        cases, found = _found(load_encoder(card, run.store), read, wordings, judge, seed, run)
        chosen = np.sort(np.random.default_rng(seed).permutation(len(cases))[:asked])
        language_model = load_language_model(run.generators[model], run.store) if asked else None
        if language_model is not None:
            run.say(f"reading {len(chosen)} prompts by {model}")
        hidden = [
            state_of(language_model, found[place][1], found[place][0].question.text)
            for place in chosen.tolist()
            if language_model is not None
        ]
        return {
            "signals": np.stack([signals_of(one) for one, _ in found]),
            "vectors": np.stack([one.question.vector for one, _ in found]),
            "actions": np.array([ACTIONS.index(one.action) for one in cases]),
            "sources": np.array([sorted({one.source for one in read}).index(one.source) for one in cases]),
            "chosen": chosen,
            "hidden": np.stack(hidden) if hidden else np.zeros((0, 0), np.float32),
        }

    step = run.steps.arrays(
        f"decisions in {card.name}",
        signals_of,
        inputs,
        make,
        beside=(cases_of, answerabilities.get("question_alignment"), state_of),
    )
    known = Known(step["signals"], step["vectors"], step["actions"].astype(int))
    weights = _weights(step["sources"], known.actions)
    parts = split(len(known.actions), seed, validation=CHOSEN_BY)
    state, rows = _learned(known, weights, parts)
    heard, heard_rows = _heard(known, weights, step["chosen"].astype(int), step["hidden"], state, seed)
    metrics = {"cases": len(known.actions), "by_action": rows, "with_hidden_states": heard_rows}
    facts = {
        "method": "linear",
        "space": card.name,
        "sets": sorted({one.source for one in read}),
        **({"model": model} if asked else {}),
    }
    return Learned(
        *(DECIDER.kind, {**state, **heard}, (card.space,), files, facts, metrics),
        {"Cases that were held out, by what was to be done": rows}
        | ({"The same with the states of the language model": heard_rows} if heard_rows else {}),
    )


def _found(
    model: EncoderModel,
    read: Sequence[Asked],
    wordings: Sequence[tuple[str, str]],
    judge: Mapping[str, Array],
    seed: int,
    run: TrainingRun,
) -> tuple[list[DecisionCase], list[tuple[Found, ReadEvidence]]]:
    """The cases, and what is found of each."""
    texts: dict[str, int] = {}

    def place(text: str) -> int:
        return texts.setdefault(text, len(texts))

    passages = list(dict.fromkeys(one.passage for one in read))
    sources = {one.passage: one.source for one in read}
    cuts = [_cut(one) for one in passages]
    windows = [[place(text[begin:end].decode()) for begin, end in spans] for text, spans in cuts]
    asks = [place(text[:LONGEST] or ".") for both in wordings for text in both]
    run.say(f"encoding the tokens of {len(texts)} texts of {len(read)} questions in {model.card.name}")
    dense, rows = encoded(model, list(texts))
    nearness = np.stack([(dense[asks] @ dense[own].T).max(axis=1) for own in windows], axis=1)
    library = Library(passages, [sources[one] for one in passages], nearness)
    read_passages = [
        Passage(text.decode(), spans, dense[own], [rows[one].astype(np.float32) for one in own])
        for (text, spans), own in zip(cuts, windows, strict=True)
    ]
    cases = list(cases_of(read, wordings, library, seed))
    method = answerabilities.configure("question_alignment", {})
    found = []
    for one in cases:
        at = texts[one.question[:LONGEST]]
        question = Statement(one.question[:LONGEST], dense[at], rows[at].astype(np.float32))
        own = [read_passages[number] for number in one.passages]
        judgement = method(question, own, judge)
        words = words_of(question.text)
        relevances = [window_relevance(words, question.vector, each) for each in own]
        found.append(
            (Found(question, own, judgement), ReadEvidence(question, own, relevances, judgement, []))
        )
    return cases, found


def _cut(passage: str) -> tuple[bytes, list[tuple[int, int]]]:
    """The text of the first sentences of a passage, and their bytes."""
    spans = [(begin, min(end, begin + LONGEST)) for begin, end in sentences(passage)][:MOST_SENTENCES] or [
        (0, 1)
    ]
    text = passage[: spans[-1][1]]
    return text.encode(), [(len(text[:begin].encode()), len(text[:end].encode())) for begin, end in spans]


def _weights(sources: Array, actions: Array) -> Array:
    """Each set and, within it, each action alike."""
    keys = list(zip(sources.tolist(), actions.tolist(), strict=True))
    counts = {key: keys.count(key) for key in set(keys)}
    found = np.array([1 / counts[key] for key in keys])
    return np.asarray(found / found.sum())


def _learned(known: Known, weights: Array, parts: Any) -> tuple[dict[str, Array], list[dict[str, Any]]]:
    mean = known.signals[parts.training].mean(axis=0)
    spread = np.maximum(known.signals[parts.training].std(axis=0), 0.05)
    columns = np.concatenate([(known.signals - mean) / spread, known.vectors], axis=1)
    weight, bias = _softmax_fit(columns, known.actions, weights, parts.training, parts.validation)
    count = known.signals.shape[1]
    state = {
        "mean": mean,
        "spread": spread,
        "weight": weight[:, :count],
        "question": weight[:, count:],
        "bias": bias,
    }
    held_out = parts.held_out
    likely = _likely(columns[held_out], weight, bias)
    return {name: one.astype(np.float32) for name, one in state.items()}, _rows(
        likely, known.actions[held_out]
    )


def _heard(
    known: Known, weights: Array, chosen: Array, hidden: Array, state: Mapping[str, Array], seed: int
) -> tuple[dict[str, Array], list[dict[str, Any]]]:
    """The layer that reads hidden states too; without columns where none were read."""
    if not len(chosen):
        none = np.zeros((len(ACTIONS), 0), np.float32)
        empty = {
            "mean": none[0],
            "directions": none[:0],
            "weight": none,
            "bias": np.zeros(len(ACTIONS), np.float32),
        }
        return {f"hidden.{name}": one for name, one in empty.items()}, []
    parts = split(len(chosen), seed, validation=CHOSEN_BY)
    own = hidden[parts.training]
    mean = own.mean(axis=0)
    _, sizes, directions = np.linalg.svd(own - mean, full_matrices=False)
    kept = directions[:DIRECTIONS] / (sizes[:DIRECTIONS, None] / np.sqrt(len(own)) + 1e-6)
    signals = (known.signals[chosen] - state["mean"]) / state["spread"]
    columns = np.concatenate([signals, known.vectors[chosen], (hidden - mean) @ kept.T], axis=1)
    actions = known.actions[chosen]
    weight, bias = _softmax_fit(columns, actions, weights[chosen], parts.training, parts.validation)
    without = columns.copy()
    without[:, -len(kept) :] = 0
    plain, bare = _softmax_fit(without, actions, weights[chosen], parts.training, parts.validation)
    held_out = parts.held_out
    rows = _rows(_likely(columns[held_out], weight, bias), actions[held_out])
    beside = _rows(_likely(without[held_out], plain, bare), actions[held_out])
    rows = [row | {"F1 without": other["F1"]} for row, other in zip(rows, beside, strict=True)]
    found = {"mean": mean, "directions": kept, "weight": weight, "bias": bias}
    return {f"hidden.{name}": one.astype(np.float32) for name, one in found.items()}, rows


def _softmax_fit(
    columns: Array, actions: Array, weights: Array, training: Array, validation: Array
) -> tuple[Array, Array]:
    """Weights `[actions, columns]` and biases of a softmax regression with a ridge, with a temperature that
    the validation chose.
    """
    own, target, share = columns[training], np.eye(len(ACTIONS))[actions[training]], weights[training]
    share = share / share.sum()
    width = own.shape[1]

    def loss(flat: Array) -> tuple[float, Array]:
        weight, bias = flat[: -len(ACTIONS)].reshape(len(ACTIONS), width), flat[-len(ACTIONS) :]
        likely = _likely(own, weight, bias)
        value = -(share * np.log(np.clip((likely * target).sum(axis=1), 1e-12, 1))).sum()
        slope = (likely - target) * share[:, None]
        return (
            float(value + RIDGE / 2 * (weight**2).sum()),
            np.concatenate([(slope.T @ own + RIDGE * weight).ravel(), slope.sum(axis=0)]),
        )

    found = minimize(loss, np.zeros(len(ACTIONS) * (width + 1)), jac=True, method="L-BFGS-B").x
    weight, bias = found[: -len(ACTIONS)].reshape(len(ACTIONS), width), found[-len(ACTIONS) :]
    held, right = columns[validation], actions[validation]

    def surprise(sharpness: float) -> float:
        likely = _likely(held, sharpness * weight, sharpness * bias)
        return float(
            -(weights[validation] * np.log(np.clip(likely[np.arange(len(right)), right], 1e-12, 1))).sum()
        )

    sharpness = float(minimize_scalar(surprise, bounds=(0.1, 10), method="bounded").x)
    return sharpness * weight, sharpness * bias


def _likely(columns: Array, weight: Array, bias: Array) -> Array:
    logits = columns @ weight.T + bias
    found = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _rows(likely: Array, actions: Array) -> list[dict[str, Any]]:
    chosen = likely.argmax(axis=1)
    rows = []
    for number, action in enumerate(ACTIONS):
        right = ((chosen == number) & (actions == number)).sum()
        both = (chosen == number).sum() + (actions == number).sum()
        rows.append(
            {
                "action": str(action),
                "cases": int((actions == number).sum()),
                "F1": round(float(2 * right / max(both, 1)), 3),
                "AUROC": round(_auc(likely[:, number], actions == number), 3),
                "calibration gap": round(
                    abs(float(likely[:, number].mean()) - float((actions == number).mean())), 3
                ),
            }
        )
    return rows


def _auc(values: Array, positive: Array) -> float:
    own, other = values[positive], values[~positive]
    if not len(own) or not len(other):
        return float("nan")
    return float((own[:, None] > other).mean() + 0.5 * (own[:, None] == other).mean())
