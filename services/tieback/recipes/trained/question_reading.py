"""A network that reads a question with each sentence of passages, and tells which one answers it.

The layers of a sentence encoder are trained on (a cross-encoder; Nogueira and Cho, 2019, arXiv:1901.04085)
with questions of people, and with questions that are made of labelled claims, also such as look answerable
and are not, as in SQuAD 2.0 (Rajpurkar et al., 2018, arXiv:1806.03822): each with the sentences that answer
it and with those that share most words with it and do not. Pairs of sentences with their verdicts are read
beside them. The word table stays as it is. Sets that are left out, `unseen`, say when it is best.

JSONL files have questions with passages, and labelled claims as of `claim_reading`. Questions of the
files `calibrated_by` are not learned from: probabilities are calibrated on them (Platt scaling), and
thresholds measured. The report leaves one domain out after another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput
from tieback.core.types.arrays import Array
from tieback.methods.answerability.question_alignment import threshold_of
from tieback.methods.answerability.question_reading import CERTAIN, LIKELY
from tieback.models.learned.question_reading import READER
from tieback.models.question_reader import GRAPH, load_question_reader
from tieback.recipes.trained import Learned, Run, recipes
from tieback.recipes.trained._asked_questions import card_of
from tieback.recipes.trained._claim_pairs import Pair, read_pairs
from tieback.recipes.trained._left_out import auc, least_right
from tieback.recipes.trained._question_candidates import (
    Candidate,
    Question,
    answers_of,
    asked_of,
    candidates_of,
    read_asked,
    texts_of,
)
from tieback.recipes.trained._reading_base import base_of
from tieback.recipes.trained.answerability import calibration
from tieback.training.digests import digest
from tieback.training.files import files_of

if TYPE_CHECKING:
    from tieback.recipes.trained._reading_network import Plan, ReadingNetwork
    from tieback.recipes.trained._reading_pairs import PairReader, Read

MAKES = "a judge of which sentence answers a question, which reads both together"

FEWEST, MOST = 100, 100_000
"""Questions to learn from, and pairs of each set that others are made of."""
UNSEEN = ("covidqa", "onestopqa")
CAPPED = {"cuad": 700}
"""Questions of sets that ask few kinds of them again and again."""
OF_SENTENCES = ("snli", "mnli", "fever", "feverous", "fool-me-twice", "factcheck-gpt", "halueval-qa")
"""Sets of claims that are read beside the questions."""
NOT_ASKED = (
    "snli", "counterfactual", "med", "breaking", "begin-wow", "begin-cmu-dog", "begin-topicalchat",
    "faithdial-audit", "negation-snli", "negation-mnli", "conjnli", "conjnli-auto", "paws", "negation-rte",
    "tabfact", "infotabs", "evidence-inference", "dialfact",
)  # fmt: skip
"""Sets whose claims make few questions as people ask them."""
SHARES = {"asked": 0.5, "made questions": 0.32, "sentences": 0.18}
TOKENS_AT_ONCE = 6000
THRESHOLDS = np.linspace(0.02, 0.98, 97)
FEWEST_SHOWN = 20
"""Quotes of a domain that a share is measured on."""


@recipes.method
def question_reading(
    run: Run,
    *,
    space: str = "all-minilm-l6-v2",
    steps: Annotated[int, Field(ge=1)] = 1600,
    tokens: Annotated[int, Field(ge=32)] = 2560,
    learning_rate: Annotated[float, Field(gt=0)] = 1.5e-4,
    frozen: Annotated[int, Field(ge=0)] = 0,
    questions: Annotated[int, Field(ge=1)] = 1600,
    made: Annotated[int, Field(ge=0)] = 5000,
    calibrated_of: Annotated[int, Field(ge=1)] = 300,
    unseen: tuple[str, ...] = UNSEEN,
    calibrated_by: tuple[str, ...] = ("dev", "dev_domains"),
    seed: int = 0,
) -> Learned:
    """The network, over the encoder of `space`, and what it is judged by. A step reads pairs of so many
    `tokens`, and the first `frozen` layers are not trained. At most `questions` of each set are learned from,
    and those that are made of `made` claims of each; `calibrated_of` of each set are calibrated by.
    """
    from tieback.recipes.trained._reading_network import Plan

    card = card_of(run, space)
    files = files_of(run.data, (".jsonl",), "questions")
    learning = [one for one in files if one.stem not in calibrated_by]
    asked = read_asked(learning, most=questions, seed=seed, capped=CAPPED)
    if len(asked) < FEWEST:
        raise InvalidInput(
            f"there are {len(asked)} questions to learn from, and it takes {FEWEST}", field="data"
        )
    pairs = read_pairs(learning, most=MOST, seed=seed)
    plan = Plan(steps, tokens, learning_rate, frozen, seed, SHARES)
    inputs: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "plan": asdict(plan), "made": made,
        "asked": digest(*map(_values, asked)), "pairs": digest(*map(_pair, pairs)), "unseen": list(unseen),
    }  # fmt: skip
    network = run.steps.arrays(
        f"reading questions by {card.name}",
        learned,
        inputs,
        lambda: learned(run, card, asked, pairs, plan, made=made, unseen=unseen, trained_on=digest(inputs)),
    )
    graph = network["graph"].tobytes()
    beside = read_asked(
        [one for one in files if one.stem in calibrated_by], most=calibrated_of, seed=seed, capped={}
    )
    found = run.steps.arrays(
        f"questions read by {card.name}",
        quoted,
        {"graph": hashlib.sha256(graph).hexdigest(), "asked": digest(*map(_values, beside))},
        lambda: {"quoted": quoted(run, card, graph, beside)},
        beside=(texts_of, answers_of),
    )["quoted"]
    whole = np.asarray(~np.isnan(found).any(axis=1), bool)
    answered = {one.source for one, there in zip(beside, whole, strict=True) if there and one.is_answered}
    whole &= np.array([one.source in answered for one in beside], bool)
    kept = [one for one, there in zip(beside, whole, strict=True) if there]
    if not kept:
        raise InvalidInput(
            f"there are no questions of {', '.join(calibrated_by)} to calibrate by", field="data"
        )
    state = calibrated(found[whole], kept)
    rows = left_out(found[whole], kept)
    metrics = {"questions": len(asked), "losses": network["losses"].tolist(), "sets": rows}
    facts = {
        "method": "question_reading", "space": card.name,
        "sets": sorted({one.source for one in asked} | {one.source for one in pairs}),
        "stopped_by": sorted(unseen), "calibrated_by": sorted({one.source for one in kept}),
    }  # fmt: skip
    title = "Quotes of each set, by bounds of the other domains"
    return Learned(READER.kind, state, (card.space,), files, facts, metrics, {title: rows}, {GRAPH: graph})


def learned(
    run: Run,
    card: EncoderCard,
    asked: Sequence[Question],
    pairs: Sequence[Pair],
    plan: Plan,
    *,
    made: int,
    unseen: Sequence[str],
    trained_on: str,
) -> dict[str, Array]:
    """The graph that is served, as bytes, and losses and what the sets that are left out gave, by step."""
    from tieback.recipes.trained import _reading_network, _reading_pairs

    bert, reader, words = base_of(card, run)
    seed = plan.seed
    own = [one for one in asked if one.source not in unseen]
    claims = [one for one in pairs if one.source not in NOT_ASKED]
    questions = asked_of(_reading_pairs.made_questions(claims, words, most=made, seed=seed))
    beside = [one for one in pairs if one.source in OF_SENTENCES]
    read = [
        *(_read(reader, "asked", one) for one in candidates_of(own, seed)),
        *(_read(reader, "made questions", one) for one in candidates_of(questions, seed)),
        *(
            one
            for one in _reading_pairs.claim_pairs(reader, beside, OF_SENTENCES, seed)
            if one.kind == _reading_pairs.SENTENCES
        ),
    ]
    stopping = [
        [(one, _read(reader, "asked", one)) for one in candidates_of([question], seed)]
        for question in asked
        if question.source in unseen
    ]
    run.say(f"learning to read questions from {len(read)} pairs")
    network = _reading_network.ReadingNetwork(bert, plan.frozen)
    losses = _reading_network.learn_to_read(
        network,
        read,
        plan,
        checkpoint=run.steps.root / f"questions-{card.name}.checkpoint.safetensors",
        trained_on=trained_on,
        say=run.say,
        look=_look([one for one in stopping if one]) if stopping else None,
    )
    draw = np.random.default_rng(seed).permutation(len(read))
    graph = _reading_network.graph_of(network, [read[place] for place in draw.tolist()])
    return {"graph": np.frombuffer(graph, np.uint8), "losses": np.array(losses, np.float64).reshape(-1, 3)}


def _read(reader: PairReader, kind: str, one: Candidate) -> Read:
    return reader.read(
        kind, one.source, one.question, [one.text], answered=int(one.is_answer), answer=one.answer
    )


def _look(stopping: Sequence[Sequence[tuple[Candidate, Read]]]) -> Callable[[ReadingNetwork], float]:
    """The mean, over sets that are left out, of the share of questions whose best sentence answers, and of
    the AUC of the best sentences that do.
    """
    from tieback.recipes.trained._reading_network import read_by

    sources = np.array([some[0][0].source for some in stopping])

    def look(network: ReadingNetwork) -> float:
        logits = read_by(network, [read for some in stopping for _, read in some], TOKENS_AT_ONCE)[:, 3]
        best, right, answered, begin = [], [], [], 0
        for some in stopping:
            own = logits[begin : begin + len(some)]
            begin += len(some)
            first = int(own.argmax())
            best.append(own[first])
            right.append(some[first][0].is_answer)
            answered.append(any(one.is_answer for one, _ in some))
        scores, is_right, has_answer = np.array(best), np.array(right), np.array(answered)
        found = []
        for source in sorted(set(sources)):
            here = sources == source
            found += [float(is_right[here & has_answer].mean()), auc(scores[here], is_right[here])]
        return float(np.nanmean(found))

    return look


def quoted(run: Run, card: EncoderCard, graph: bytes, asked: Sequence[Question]) -> Array:
    """Of each question the logit of the best sentence, and whether that answers it `[n, 2]`; NaN of a
    question where nobody knows, or whose answer is of several parts of the passage.
    """
    run.say(f"reading {len(asked)} questions")
    reader = load_question_reader(graph, card, run.store)
    found = np.full((len(asked), 2), np.nan)
    for number, one in enumerate(asked):
        texts = texts_of(one)
        known = [answers_of(one, text) for text, _ in texts]
        if not texts or (one.is_answered and not any(state is not None and state[0] for state in known)):
            continue
        logits = [reader(one.question, in_context) for _, in_context in texts]
        best = int(np.argmax(logits))
        answers = known[best]
        if answers is not None:
            found[number] = logits[best], answers[0]
    return found


def calibrated(found: Array, asked: Sequence[Question]) -> dict[str, Array]:
    """The state of the method, by the logits of best sentences and whether they answer `[n, 2]`.

    A share is that of the domain where it is least.
    """
    weights = _weights(asked)
    fitted = calibration(found[:, 0], found[:, 1], weights)
    likely, right = _likely(found[:, 0], fitted), found[:, 1] > 0
    domains = np.array([one.domain for one in asked])
    shares = [least_right(right, likely >= least, domains, FEWEST_SHOWN) for least in THRESHOLDS]
    levels = np.stack([THRESHOLDS, np.maximum.accumulate(shares)], axis=1)
    return {"calibration": fitted, "precisions": levels.astype(np.float32)}


def left_out(found: Array, asked: Sequence[Question]) -> list[dict[str, Any]]:
    """Rows by set, each measured by the calibration and the thresholds of the other domains."""
    domains, sources = (np.array([getattr(one, name) for one in asked]) for name in ("domain", "source"))
    right = found[:, 1] > 0
    rows = []
    for source in sorted(set(sources)):
        here = sources == source
        others = domains != domains[here][0]
        if not others.any():
            continue
        state = calibrated(found[others], [one for one, there in zip(asked, others, strict=True) if there])
        likely, own = _likely(found[here, 0], state["calibration"]), right[here]
        row = {
            "set": source, "domain": str(domains[here][0]), "questions": int(here.sum()),
            "right": round(float(own.mean()), 3), "AUC": round(auc(likely, own), 3),
        }  # fmt: skip
        for name, wanted in (("as the answer", CERTAIN), ("probably", LIKELY)):
            shown = likely >= threshold_of(wanted, state)
            row[name] = int(shown.sum())
            row[f"{name}, right"] = round(float(own[shown].mean()), 3) if shown.any() else "–"
        rows.append(row)
    return rows


def _likely(logits: Array, fitted: Array) -> Array:
    slope, offset = fitted.tolist()
    return np.asarray(1 / (1 + np.exp(-np.clip(slope * logits + offset, -30, 30))))


def _weights(asked: Sequence[Question]) -> Array:
    """Of each question, so that every set counts alike `[n]`."""
    sources = [one.source for one in asked]
    counts = {one: sources.count(one) for one in set(sources)}
    found = np.array([1 / counts[one] for one in sources])
    return np.asarray(found / found.sum())


def _values(one: Question) -> list[str]:
    return [
        one.question,
        one.passage,
        one.title,
        str(one.answers),
        one.evidence,
        str(one.is_answered),
        one.source,
    ]


def _pair(one: Pair) -> list[str]:
    return [one.evidence, one.claim, str(one.label), one.source]
