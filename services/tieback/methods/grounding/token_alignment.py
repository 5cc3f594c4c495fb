"""Support by the alignment of a claim's tokens with those of a passage, learned (decomposable attention).

Each token of the claim is aligned with the tokens of the passage that are nearest to it, and each token of
the passage with the claim's; a small network compares the aligned pairs, and a second one decides by all
comparisons, and by signals of shared words, names, numbers and negations (Parikh et al., 2016,
arXiv:1606.01933, over the token vectors of a sentence encoder in place of word vectors). It is learned by
`tieback train grounding`. Of a passage those sentences are read that share most with the claim; of several
passages those of each, and those of all together.

Before the network, a rule: a sentence with the claim's content words in their order says the same, or the
opposite where its numbers or negations are others. Beside it, rules that withhold a tick: a word, a number
or a quantifier that no sentence has (`_doubts.py`).

What it knows is in its training data: English, single sentences and short answers. It takes what is near in
meaning for support more readily than a model that reads claim and passage together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from tieback.core.state import State
from tieback.core.types.arrays import Array
from tieback.core.types.generation import NotCheckedReason, VerdictLabel
from tieback.methods.grounding import Finding, Passage, Statement, Support, Words, checkers, words_of
from tieback.methods.grounding._doubts import is_doubted
from tieback.methods.grounding._rules import OTHERWISE, SAME, by_rule
from tieback.methods.grounding._signals import WINDOWS, signals_of
from tieback.methods.grounding._verdicts import bounds, summary

__all__ = ["evidence", "reads", "summary", "token_alignment"]

LABELS = (VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED, VerdictLabel.UNSUPPORTED)
"""In the order of the network's outputs."""

CLAIM_TOKENS, PASSAGE_TOKENS = 64, 192
"""Tokens of a claim and of a passage that are read; a longer passage is cut."""

LONGER = 0.02
"""How much less a sentence's shared words count for each of its words."""

STATE = {
    "project.weight": ("hidden", "width"), "project.bias": ("hidden",),
    "compare.0.weight": ("hidden", "pair"), "compare.0.bias": ("hidden",),
    "compare.1.weight": ("hidden", "hidden"), "compare.1.bias": ("hidden",),
    "decide.0.weight": ("decision", "read"), "decide.0.bias": ("decision",),
    "decide.1.weight": ("labels", "decision"), "decide.1.bias": ("labels",),
    "sharpness": ("one",), "mean": ("signals",), "spread": ("signals",),
    "calibrate.weight": ("calibrated",), "calibrate.bias": ("one",),
    "contradicted": ("one",), "curve": ("points", "three"),
    "heard.weight": ("heard",), "heard.bias": ("one",), "heard.curve": ("shares", "three"),
}  # fmt: skip
"""`contradicted` is the threshold of contradiction. Each point of the `curve` is a likelihood, the share of
the claims from it on without a doubt that are supported, and of those up to it that are not. What is `heard`
is in place of `calibrate` and `curve` where a language model is asked; without weights it learned of none."""

FAR = -1e4
"""In place of what is padding, before a softmax or a maximum."""

NEARNESS_OF_EVIDENCE = 6.0
"""How sharply tokens of the passage count by their nearness to the claim."""

LEAST_OF_CLAIM = 0.2
"""The share of the claim's tokens from which on a passage takes part in what several support together, and of
its content words from which on a passage may contradict it."""

LEANS, READ_AGAINST = 0.27, 2.4
"""The probability of contradiction from which on a network reads claim and sentences together, where there is
one, and the log odds from which on it agrees."""

RULED = 0.95
"""How often what the rule finds to be the same is supported."""

PRECISION = 0.9
"""Of verdicts."""

LEAST_LIKELY = 1e-4
"""Below it the network's probabilities differ by nothing that was learned."""

Threshold = Annotated[float, Field(ge=0, le=1)] | None
Precision = Annotated[float, Field(ge=0.5, le=1)]


class Inputs(NamedTuple):
    """What the network reads: token rows `[m, width]` of the claim and `[n, width]` of the passage; signals.

    `windows` are those of the passage that were read, `is_doubted` whether something exact speaks against a
    tick.
    """

    claim: Array
    passage: Array
    signals: Array
    windows: Sequence[int]
    is_doubted: bool


@checkers.method
def token_alignment(
    claim: Statement,
    passages: Sequence[Passage],
    state: State,
    *,
    precision: Precision = PRECISION,
    contradicted: Threshold = None,
    likelihood: bool = False,
) -> Finding:
    """A verdict where such verdicts are right in a share of `precision`, else LOW_CONFIDENCE.

    SUPPORTED where a passage, or the nearest sentences of several, support the claim so likely, and nothing
    exact speaks against it; else CONTRADICTED where one contradicts it by `contradicted` or more; else
    UNSUPPORTED where support is unlikely enough. NOT_CHECKED where the claim states nothing, or is longer
    than is read. Without `contradicted` it is CONTRADICTED where this network leans to it and another one,
    which reads claim and sentences together, agrees; where there is no other one, by what was chosen in
    training. The score is calibrated: of claims with a score of 0.7, seven of ten are supported, where the
    claims are like those of the sets that it was calibrated by.
    `likelihood` weighs what the served language model finds of the claim, at a run of it for each claim.
    """
    nothing = [Support(0.0, None) for _ in passages]
    stated = words_of(claim.text)
    if not len(claim.rows) or not (stated.stems or stated.numbers):
        return Finding(VerdictLabel.NOT_CHECKED, 0.0, nothing, NotCheckedReason.STATES_NOTHING)
    if len(claim.rows) > CLAIM_TOKENS:
        return Finding(VerdictLabel.NOT_CHECKED, 0.0, nothing, NotCheckedReason.TOO_LONG)
    heard = claim.likelihoods if likelihood else None
    least, most = bounds(state["curve" if heard is None else "heard.curve"], precision)
    reads = claim.contradicted if contradicted is None else None
    if contradicted is None:
        contradicted = LEANS if reads is not None else float(state["contradicted"][0])
    found = nothing
    is_supported = is_ruled = False
    # Beside a passage that speaks of what the claim speaks of, another says nothing of it, whatever it says:
    # an instruction to the reader, for instance. And what shares little with a claim does not contradict it.
    shares = _shares(stated, passages)
    speaking = [place for place, share in enumerate(shares) if share > 0]
    for place in speaking or range(len(passages)):
        passage = passages[place]
        read = inputs(claim, stated, passage)
        ruled = [by_rule(stated, passage.window_words[window]) for window in read.windows]
        if SAME in ruled and not read.is_doubted:
            found[place] = Support(RULED, passage.windows[read.windows[ruled.index(SAME)]])
            is_supported = is_ruled = True
            continue
        raw = probabilities(read, state)
        likely = likelihood_of(raw, read.signals, state, heard)
        if OTHERWISE in ruled:
            against_it = passage.windows[read.windows[ruled.index(OTHERWISE)]]
            found[place] = Support(min(likely, max(most, 0.0)), against_it, contradicts=True)
            is_ruled = True
            continue
        supports = likely >= least and not read.is_doubted
        is_supported |= supports
        contradicts = shares[place] >= LEAST_OF_CLAIM and bool(raw[1] >= contradicted) and not supports
        if contradicts and reads is not None:
            contradicts = reads(_text(read, passage)) >= READ_AGAINST
        found[place] = Support(likely, _nearest(read, passage), contradicts)
    if len(speaking) > 1 and not is_ruled:
        several = [passages[place] for place in speaking]
        read = together(claim, stated, several)
        raw = probabilities(read, state)
        likely = likelihood_of(raw, read.signals, state, heard)
        is_supported |= likely >= least and not read.is_doubted
        own = [found[place] for place in speaking]
        shared = _shared(own, likely, read, several, may_contradict=bool(raw[1] >= contradicted))
        for place, support in zip(speaking, shared, strict=True):
            found[place] = support
    score = max((support.score for support in found), default=0.0)
    if is_supported:
        label = VerdictLabel.SUPPORTED
    elif any(support.contradicts for support in found):
        label = VerdictLabel.CONTRADICTED
    elif score <= most:
        label = VerdictLabel.UNSUPPORTED
    else:
        label = VerdictLabel.LOW_CONFIDENCE
    return Finding(label, score, found)


def _shares(stated: Words, passages: Sequence[Passage]) -> list[float]:
    """How much of the claim's content words and numbers each passage has, 0 to 1."""
    own = {*stated.stems, *stated.numbers}
    said = (
        {part for words in passage.window_words for part in (*words.stems, *words.numbers)}
        for passage in passages
    )
    return [len(own & parts) / len(own) for parts in said]


def evidence(claim: Statement, passages: Sequence[Passage], *, likelihood: bool = False) -> str | None:
    """The sentences of all passages that share most with the claim, for a language model to read."""
    if not likelihood:
        return None
    words = [words for passage in passages for words in passage.window_words]
    texts = [
        passage.text.encode()[begin:end].decode() for passage in passages for begin, end in passage.windows
    ]
    return " ".join(texts[place] for place in windows(words_of(claim.text), words))


def reads(claim: Statement, passages: Sequence[Passage]) -> list[list[int]]:
    """The windows that share most with the claim, of passages that speak of what it does, or of all where
    none does. What is read of several passages together is among them.
    """
    stated = words_of(claim.text)
    if not (stated.stems or stated.numbers):
        return [[] for _ in passages]
    shares = _shares(stated, passages)
    return [
        windows(stated, passage.window_words) if share or not any(shares) else []
        for passage, share in zip(passages, shares, strict=True)
    ]


def inputs(claim: Statement, stated: Words, passage: Passage) -> Inputs:
    """What the network reads of a claim, with the words that it states, and a passage."""
    return _read(claim, stated, passage.window_words, passage.vectors, passage.rows)


def together(claim: Statement, stated: Words, passages: Sequence[Passage]) -> Inputs:
    """The same of several passages as one; `windows` count on from one passage to the next."""
    words = [words for passage in passages for words in passage.window_words]
    rows = [rows for passage in passages for rows in passage.rows]
    return _read(claim, stated, words, np.concatenate([passage.vectors for passage in passages]), rows)


def _read(
    claim: Statement, stated: Words, words: Sequence[Words], vectors: Array, rows: Sequence[Array]
) -> Inputs:
    chosen = windows(stated, words)
    read = np.concatenate(
        [np.zeros((0, claim.rows.shape[1]), np.float32), *(rows[place] for place in chosen)]
    )
    near = float((vectors[chosen] @ claim.vector).max(initial=0.0)) if chosen else 0.0
    said = [words[place] for place in chosen]
    signals = np.array(signals_of(stated, said, near), np.float32)
    doubted = is_doubted(stated, said, signals)
    return Inputs(claim.rows[:CLAIM_TOKENS], read[:PASSAGE_TOKENS], signals, chosen, doubted)


def _shared(
    found: Sequence[Support],
    likely: float,
    read: Inputs,
    passages: Sequence[Passage],
    *,
    may_contradict: bool,
) -> list[Support]:
    """The supports of passages that were read together: `likely` is that of each in which the nearest token
    is of some of the claim's. One contradicts only where all together may.
    """
    owners = [owner for owner, passage in enumerate(passages) for _ in passage.windows]
    rows = [rows for passage in passages for rows in passage.rows]
    near = [(read.claim @ rows[place].T).max(axis=1, initial=-1.0) for place in read.windows]
    nearest = [owners[read.windows[place]] for place in np.argmax(near, axis=0).tolist()] if near else []
    return [
        replace(
            support,
            score=max(support.score, likely)
            if nearest.count(owner) >= LEAST_OF_CLAIM * len(nearest) > 0
            else support.score,
            contradicts=support.contradicts and may_contradict,
        )
        for owner, support in enumerate(found)
    ]


def _text(read: Inputs, passage: Passage) -> str:
    """The sentences that were read."""
    encoded = passage.text.encode()
    return " ".join(encoded[slice(*passage.windows[place])].decode() for place in read.windows)


def windows(stated: Words, said: Sequence[Words]) -> list[int]:
    """The places of the windows that share most with the claim, in their order."""
    if len(said) <= WINDOWS:
        return list(range(len(said)))
    shared = [len(stated.all_stems & one.all_stems) / (1 + LONGER * len(one.all_stems)) for one in said]
    return sorted(sorted(range(len(said)), key=lambda place: -shared[place])[:WINDOWS])


def likelihood_of(raw: Array, signals: Array, state: State, heard: Array | None = None) -> float:
    """How likely it is that the claim is supported, calibrated: a logistic regression on what the network
    gives for `LABELS` `[3]`, on the signals, and on what is `heard` of a language model `[2]`.
    """
    name = "calibrate" if heard is None else "heard"
    columns = calibrated_by(raw[None], signals[None], None if heard is None else heard[None])
    weighed = columns[0] @ state[f"{name}.weight"]
    return float(1 / (1 + np.exp(-(weighed + float(state[f"{name}.bias"][0])))))


def calibrated_by(raw: Array, signals: Array, heard: Array | None = None) -> Array:
    """What calibration reads `[n, signals + 2]`: log odds of support, and of contradiction, and signals.

    Behind them, of what is `heard` `[n, 2]`: the claim's log-likelihood, and what the evidence adds to it.
    """
    logs = np.log(np.clip(raw, LEAST_LIKELY, 1))
    odds = logs[:, 0] - np.logaddexp(logs[:, 1], logs[:, 2])
    columns = [np.stack([odds, logs[:, 1] - logs[:, 2]], axis=1), signals]
    if heard is not None:
        columns.append(np.stack([heard[:, 0], heard[:, 0] - heard[:, 1]], axis=1))
    return np.concatenate(columns, axis=1)


def probabilities(read: Inputs, state: State) -> Array:
    """Of `LABELS` `[3]`."""
    claim, passage = read.claim, read.passage
    if not len(passage):
        passage = np.zeros((1, claim.shape[1]), np.float32)
    a, b = _layer(claim, "project", state), _layer(passage, "project", state)
    cosines = claim @ passage.T
    sharpness = float(state["sharpness"][0])
    of_claim = _compared(a, b, cosines, sharpness, state)
    of_passage = _compared(b, a, cosines.T, sharpness, state)
    counted = _softmax(NEARNESS_OF_EVIDENCE * cosines.max(axis=0))
    standard = (read.signals - state["mean"]) / state["spread"]
    both = np.concatenate(
        [of_claim.mean(axis=0), of_claim.max(axis=0), counted @ of_passage, of_passage.max(axis=0), standard]
    )
    decided = np.maximum(_layer(both, "decide.0", state), 0)
    return _softmax(_layer(decided, "decide.1", state))


def _compared(own: Array, other: Array, cosines: Array, sharpness: float, state: State) -> Array:
    """What the comparison network makes of each row `[n, hidden]` and what it is aligned with."""
    aligned = _softmax(sharpness * cosines) @ other
    best = cosines.max(axis=1, keepdims=True)
    pair = [own, aligned, own * aligned, np.abs(own - aligned), best, np.square(np.maximum(1 - best, 0))]
    first = np.maximum(_layer(np.concatenate(pair, axis=1), "compare.0", state), 0)
    return np.maximum(_layer(first, "compare.1", state), 0)


def _layer(rows: Array, name: str, state: State) -> Array:
    return np.asarray(rows @ state[f"{name}.weight"].T + state[f"{name}.bias"])


def _softmax(values: Array) -> Array:
    found = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(found / found.sum(axis=-1, keepdims=True))


def _nearest(read: Inputs, passage: Passage) -> tuple[int, int] | None:
    """The window whose tokens are nearest to the claim's: the bytes that a citation shows."""
    if not read.windows:
        return None
    near = [
        float((read.claim @ passage.rows[place].T).max(axis=1).mean()) if len(passage.rows[place]) else -1.0
        for place in read.windows
    ]
    return passage.windows[read.windows[int(np.argmax(near))]]
