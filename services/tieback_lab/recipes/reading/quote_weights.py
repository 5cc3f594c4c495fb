"""Weights of what speaks for a quote, and thresholds, by questions that no network has learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.grounding.named import unnamed
from tieback.methods.answerability._candidates import FEATURES, features_of
from tieback.methods.answerability.question_alignment import threshold_of
from tieback.methods.answerability.question_reading import ANSWERED, CERTAIN, LIKELY, likelihood
from tieback.methods.grounding import words_of
from tieback.models.text.question_reader import load_question_reader
from tieback.recipes.trained import TrainingRun
from tieback_contract.arrays import Array

from tieback_lab.recipes.reading.calibration import auc, least_right, logistic
from tieback_lab.recipes.reading.question_candidates import Question, answers_of, texts_of

THRESHOLDS = np.linspace(0.02, 0.98, 97)
ROUNDS = 2
FEWEST_SHOWN = 20
"""Quotes of a domain that a share is measured on."""


class Parts(NamedTuple):
    """Parts of the passages of questions: features `[n, features]`, the `number` of the question of each
    `[n]`, and whether it `answers` `[n]`, NaN where nobody knows.
    """

    features: Array
    answers: Array
    number: Array

    def of_known(self, asked: Sequence[Question]) -> tuple[Parts, list[Question]]:
        """Those of questions of which a part is known to answer or that nothing answers, of sets in which
        something is answered; numbered anew.
        """
        answered = set(self.number[self.answers == 1].tolist())
        there = set(self.number.tolist())
        sources = {asked[number].source for number in answered}
        known = [
            number
            for number, one in enumerate(asked)
            if number in there and one.source in sources and (number in answered or not one.is_answered)
        ]
        places = np.full(len(asked), -1)
        places[known] = np.arange(len(known))
        some = places[self.number] >= 0
        parts = Parts(self.features[some], self.answers[some], places[self.number[some]])
        return parts, [asked[number] for number in known]

    def of(self, some: Array) -> Parts:
        """Those of some of the questions `[questions]`, a mask; numbered anew."""
        here = some[self.number]
        return Parts(self.features[here], self.answers[here], (np.cumsum(some) - 1)[self.number[here]])

    def best(self, slopes: Array) -> tuple[Array, Array]:
        """Features `[questions, features]` of the best part of each question, and whether it answers."""
        order = np.lexsort((-(self.features @ slopes), self.number))
        first = order[np.unique(self.number[order], return_index=True)[1]]
        return self.features[first], self.answers[first]


def parts_of(run: TrainingRun, card: EncoderCard, graph: bytes, asked: Sequence[Question]) -> Parts:
    """The parts of each question's passage, read by the network."""
    run.say(f"reading {len(asked)} questions")
    reader = load_question_reader(graph, card, run.store)
    features, answers, numbers = [], [], []
    for number, one in enumerate(asked):
        words, is_named = words_of(one.question), not unnamed(one.question, [f"{one.title} {one.passage}"])
        for text, in_context in texts_of(one):
            logit = reader(one.question, in_context)
            features.append(features_of(words, words_of(in_context), logit, is_named=is_named))
            known = answers_of(one, text)
            answers.append(np.nan if known is None else float(known[0]))
            numbers.append(number)
    return Parts(
        np.array(features, np.float32).reshape(-1, len(FEATURES)),
        np.array(answers, np.float32),
        np.array(numbers, np.int64),
    )


def weighed(found: Parts, asked: Sequence[Question]) -> dict[str, Array]:
    """The state of the method. The best part of a question is first that of the network alone, then by the
    weights that this leads to. A share is that of the domain where it is least.
    """
    weights, domains = _weights(asked), np.array([one.domain for one in asked])
    slopes, constant = np.eye(found.features.shape[1], dtype=np.float32)[0], 0.0
    for _ in range(ROUNDS):
        features, answers = found.best(slopes)
        known = ~np.isnan(answers)
        slopes, constant = logistic(
            features[known], answers[known] > 0, weights[known] / weights[known].sum()
        )
    state = {"weight": slopes, "bias": np.array([constant], np.float32)}
    likely, right = _likely(found, state)
    known = ~np.isnan(right)
    shares = [
        least_right(right[known] > 0, likely[known] >= least, domains[known], FEWEST_SHOWN)
        for least in THRESHOLDS
    ]
    levels = np.stack([THRESHOLDS, np.maximum.accumulate(shares)], axis=1)
    return state | {"precisions": levels.astype(np.float32)}


def left_out(found: Parts, asked: Sequence[Question]) -> list[dict[str, Any]]:
    """Rows by set, each measured by the weights and the thresholds of the other domains."""
    domains, sources = (np.array([getattr(one, name) for one in asked]) for name in ("domain", "source"))
    answerable = np.array([one.is_answered for one in asked])
    rows = []
    for source in sorted(set(sources)):
        here = sources == source
        others = domains != domains[here][0]
        if not others.any():
            continue
        state = weighed(found.of(others), [one for one, there in zip(asked, others, strict=True) if there])
        likely, answers = _likely(found.of(here), state)
        known = ~np.isnan(answers)
        own, has = answers == 1, answerable[here]
        row = {
            "set": source, "domain": str(domains[here][0]), "questions": int(here.sum()),
            "right": round(float(own[known].mean()), 3), "AUC": round(auc(likely[known], own[known]), 3),
            "AUC of answerable": round(auc(likely, has), 3),
        }  # fmt: skip
        for name, wanted in (("as the answer", CERTAIN), ("probably", LIKELY)):
            shown = known & (likely >= threshold_of(wanted, state))
            row[name] = int(shown.sum())
            row[f"{name}, right"] = round(float(own[shown].mean()), 3) if shown.any() else "–"
        is_left = likely < threshold_of(ANSWERED, state)
        row["abstained rightly"] = round(float((is_left & ~has).mean()), 3)
        row["right withheld"] = round(float((is_left & own).mean()), 3)
        rows.append(row)
    return rows


def ablation(found: Parts, asked: Sequence[Question]) -> list[dict[str, Any]]:
    """Rows by feature, but for the network's: means over sets without it."""
    rows = []
    for name in ("–", *FEATURES[1:]):
        kept = [place for place, one in enumerate(FEATURES) if one != name]
        sets = left_out(found._replace(features=found.features[:, kept]), asked)
        means = {
            key: round(float(np.nanmean([row[key] for row in sets])), 4)
            for key in ("right", "AUC", "AUC of answerable", "abstained rightly", "right withheld")
        }
        rows.append({"without": name, **means})
    return rows


def _likely(found: Parts, state: Mapping[str, Array]) -> tuple[Array, Array]:
    """Likelihood that the best part of each question answers it `[questions]`, and whether it does."""
    features, answers = found.best(state["weight"])
    return np.array([likelihood(one, state) for one in features]), answers


def _weights(asked: Sequence[Question]) -> Array:
    """Of each question, so that every set counts alike `[n]`."""
    sources = [one.source for one in asked]
    counts = {one: sources.count(one) for one in set(sources)}
    found = np.array([1 / counts[one] for one in sources])
    return np.asarray(found / found.sum())
