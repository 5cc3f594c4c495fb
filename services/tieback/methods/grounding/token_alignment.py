"""Support by the alignment of a claim's tokens with those of a passage, learned (decomposable attention).

Each token of the claim is aligned with the tokens of the passage that are nearest to it, and each token of
the passage with the claim's; a small network compares the aligned pairs, and a second one decides by all
comparisons, and by signals of shared words, names, numbers and negations (Parikh et al., 2016,
arXiv:1606.01933, over the token vectors of a sentence encoder in place of word vectors). It is learned by
`tieback train grounding`. Of a passage those sentences are read that share most with the claim.

Before the network, a rule: a sentence with the claim's content words in their order says the same, or the
opposite where its numbers or negations are others.

What it knows is in its training data: English, single sentences and short answers. It takes what is near in
meaning for support more readily than a model that reads claim and passage together.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from tieback.core.state import State
from tieback.core.types.arrays import Array
from tieback.core.types.generation import NotCheckedReason, VerdictLabel
from tieback.methods.grounding import Finding, Passage, Statement, Support, Words, checkers, words_of
from tieback.methods.grounding._words import conflicts, lacking

LABELS = (VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED, VerdictLabel.UNSUPPORTED)
"""In the order of the network's outputs."""

WINDOWS, CLAIM_TOKENS, PASSAGE_TOKENS = 4, 64, 192
"""Sentences of a passage that are read, and tokens of claim and passage; what is longer is cut."""

LONGER = 0.02
"""How much less a sentence's shared words count for each of its words."""

SIGNALS = (
    "coverage", "best coverage", "lacks names", "has names", "lacks numbers", "has numbers", "conflict",
    "any conflict", "negation differs", "shared words", "shared pairs", "claim length", "passage length",
    "windows", "nearness", "reordered",
)  # fmt: skip

EXACT = ("lacks names", "lacks numbers", "conflict", "negation differs", "reordered")
COVERAGE, LEAST_COVERED = SIGNALS.index("coverage"), 0.6
"""Ticks of claims with a smaller share of their content words in the passage are more often wrong."""
DOUBTS = [SIGNALS.index(name) for name in EXACT]

STATE = {
    "project.weight": ("hidden", "width"), "project.bias": ("hidden",),
    "compare.0.weight": ("hidden", "pair"), "compare.0.bias": ("hidden",),
    "compare.1.weight": ("hidden", "hidden"), "compare.1.bias": ("hidden",),
    "decide.0.weight": ("decision", "read"), "decide.0.bias": ("decision",),
    "decide.1.weight": ("labels", "decision"), "decide.1.bias": ("labels",),
    "sharpness": ("one",), "mean": ("signals",), "spread": ("signals",),
    "calibrate.weight": ("calibrated",), "calibrate.bias": ("one",),
    "contradicted": ("one",), "curve": ("points", "three"),
}  # fmt: skip
"""`contradicted` is the threshold of contradiction. Each point of the `curve` is a likelihood, the share of
the claims from it on without a doubt that are supported, and of those up to it that are not."""

FAR = -1e4
"""In place of what is padding, before a softmax or a maximum."""

NEARNESS_OF_EVIDENCE = 6.0
"""How sharply tokens of the passage count by their nearness to the claim."""

CITED_SHARE = 0.8
"""Passages are cited whose support is at least this share of the best one's."""

SAME, OTHERWISE = 1, -1
"""What rules find of a sentence."""

RULED = 0.95
"""How often what the rule finds to be the same is supported."""

PASSIVE = "by"

FEWEST_WORDS = 3
"""Content words from which on the same words in their order are the same statement."""

PRECISION = 0.9
"""Of verdicts."""

LEAST_LIKELY = 1e-4
"""Below it the network's probabilities differ by nothing that was learned."""

Threshold = Annotated[float, Field(ge=0, le=1)] | None
Precision = Annotated[float, Field(ge=0.5, le=1)]


class Inputs(NamedTuple):
    """What the network reads: token rows `[m, width]` of the claim and `[n, width]` of the passage; signals.

    `windows` are those of the passage that were read.
    """

    claim: Array
    passage: Array
    signals: Array
    windows: Sequence[int]


@checkers.method
def token_alignment(
    claim: Statement,
    passages: Sequence[Passage],
    state: State,
    *,
    precision: Precision = PRECISION,
    contradicted: Threshold = None,
) -> Finding:
    """A verdict where such verdicts are right in a share of `precision`, else LOW_CONFIDENCE.

    SUPPORTED where a passage supports the claim so likely, and nothing exact speaks against it; else
    CONTRADICTED where one contradicts it by `contradicted` or more, by default what was chosen in training;
    else UNSUPPORTED where support is unlikely enough. NOT_CHECKED where the claim states nothing, or is
    longer than is read. The score is calibrated: of claims with a score of 0.7, seven of ten are supported,
    where the claims are like those of the sets that it was calibrated by.
    """
    nothing = [Support(0.0, None) for _ in passages]
    stated = words_of(claim.text)
    if not len(claim.rows) or not (stated.stems or stated.numbers):
        return Finding(VerdictLabel.NOT_CHECKED, 0.0, nothing, NotCheckedReason.STATES_NOTHING)
    if len(claim.rows) > CLAIM_TOKENS:
        return Finding(VerdictLabel.NOT_CHECKED, 0.0, nothing, NotCheckedReason.TOO_LONG)
    least, most = bounds(state["curve"], precision)
    against = contradicted if contradicted is not None else float(state["contradicted"][0])
    found: list[Support] = []
    is_supported = False
    for passage in passages:
        read = inputs(claim, stated, passage)
        ruled = [by_rule(stated, passage.window_words[place]) for place in read.windows]
        if SAME in ruled:
            found.append(Support(RULED, passage.windows[read.windows[ruled.index(SAME)]]))
            is_supported = True
            continue
        raw = probabilities(read, state)
        likely = likelihood(raw, read.signals, state)
        if OTHERWISE in ruled:
            against_it = passage.windows[read.windows[ruled.index(OTHERWISE)]]
            found.append(Support(min(likely, max(most, 0.0)), against_it, contradicts=True))
            continue
        supports = likely >= least and not is_doubted(read.signals)
        is_supported |= supports
        contradicts = bool(raw[1] >= against) and not supports
        found.append(Support(likely, _nearest(read, passage), contradicts))
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


def bounds(curve: Array, precision: float) -> tuple[float, float]:
    """The likelihoods from which on, and up to which, verdicts are right in a share of `precision`."""
    ticks, others = curve[:, 1] >= precision, curve[:, 2] >= precision
    least = float(curve[ticks, 0].min()) if ticks.any() else np.inf
    most = float(curve[others, 0].max()) if others.any() else -np.inf
    return least, min(most, least)


def by_rule(stated: Words, said: Words) -> int:
    """What is certain without the network: that a sentence says the `SAME`, or `OTHERWISE`; else 0.

    It says the same where it has the claim's content words in their order, its numbers and its negations.
    It says otherwise where it has those words in their order, and other numbers or another negation.
    """
    if len(stated.stems) < FEWEST_WORDS or not _in_order(stated.stems, said.stems):
        return 0
    if not _same_voice(stated, said):
        return 0
    if conflicts(stated, said):
        return OTHERWISE
    return 0 if lacking(stated, said.numbers) else SAME


def _in_order(wanted: Sequence[str], said: Sequence[str]) -> bool:
    """Whether all words are there in their order, others between them or not."""
    left = iter(said)
    return all(word in left for word in wanted)


def summary(finding: Finding) -> list[int]:
    """The passages that a supported claim rests on, or that say otherwise of a contradicted one."""
    found = list(enumerate(finding.passages))
    if finding.label is VerdictLabel.SUPPORTED:
        cited = [place for place, support in found if support.score >= CITED_SHARE * finding.score]
    elif finding.label is VerdictLabel.CONTRADICTED:
        cited = [place for place, support in found if support.contradicts]
    else:
        cited = []
    return sorted(cited, key=lambda place: -finding.passages[place].score)


def inputs(claim: Statement, stated: Words, passage: Passage) -> Inputs:
    """What the network reads of a claim, with the words that it states, and a passage."""
    chosen = windows(stated, passage.window_words)
    rows = [passage.rows[place] for place in chosen]
    read = np.concatenate([np.zeros((0, claim.rows.shape[1]), np.float32), *rows])
    near = float((passage.vectors[chosen] @ claim.vector).max(initial=0.0)) if chosen else 0.0
    signals = np.array(
        signals_of(stated, [passage.window_words[place] for place in chosen], near), np.float32
    )
    return Inputs(claim.rows[:CLAIM_TOKENS], read[:PASSAGE_TOKENS], signals, chosen)


def windows(stated: Words, said: Sequence[Words]) -> list[int]:
    """The places of the windows that share most with the claim, in their order."""
    if len(said) <= WINDOWS:
        return list(range(len(said)))
    shared = [len(stated.all_stems & one.all_stems) / (1 + LONGER * len(one.all_stems)) for one in said]
    return sorted(sorted(range(len(said)), key=lambda place: -shared[place])[:WINDOWS])


def signals_of(stated: Words, said: Sequence[Words], near: float) -> list[float]:
    """The signals, in the order of `SIGNALS`, of windows; `near` is the best cosine with one."""
    stems = set(stated.stems)
    everywhere = {stem for one in said for stem in one.all_stems}
    numbers = {number for one in said for number in one.numbers}
    coverages = [_share(stems, one.all_stems) for one in said]
    best = said[int(np.argmax(coverages))] if said else words_of("")
    clashes = [conflicts(stated, one) for one in said]
    pairs = set(zip(stated.stems, stated.stems[1:], strict=False))
    found = {pair for one in said for pair in zip(one.stems, one.stems[1:], strict=False)}
    return [
        _share(stems, everywhere),
        max(coverages, default=0.0),
        1 - _share(stated.names, everywhere) if stated.names else 0.0,
        float(bool(stated.names)),
        float(lacking(stated, numbers)),
        float(bool(stated.numbers)),
        float(conflicts(stated, best)),
        float(any(clash and share >= 0.5 for clash, share in zip(clashes, coverages, strict=True))),
        float(bool((stated.negated ^ best.negated) & stems)),
        _share(stated.all_stems, everywhere),
        _share(pairs, found),
        min(len(stated.stems), 30) / 30,
        min(sum(len(one.stems) for one in said), 200) / 200,
        len(said) / WINDOWS,
        near,
        float(_reordered(stated, said)),
    ]


def _reordered(stated: Words, said: Sequence[Words]) -> bool:
    """Whether a sentence has all content words of the claim, and none has them in what order says the same:
    theirs, or another one where one of the two is in the passive voice.
    """
    if len(stated.stems) < FEWEST_WORDS:
        return False
    stems = set(stated.stems)
    found = [one for one in said if stems <= one.all_stems]
    return bool(found) and not any(
        _in_order(stated.stems, one.stems) is _same_voice(stated, one) for one in found
    )


def _same_voice(stated: Words, said: Words) -> bool:
    """Whether both name who acts behind "by", or neither does."""
    return (PASSIVE in stated.all_stems) is (PASSIVE in said.all_stems)


def likelihood(raw: Array, signals: Array, state: State) -> float:
    """How likely it is that the claim is supported, calibrated: a logistic regression on what the network
    gives for `LABELS` `[3]` and on the signals.
    """
    weighed = calibrated_by(raw[None], signals[None])[0] @ state["calibrate.weight"]
    return float(1 / (1 + np.exp(-(weighed + float(state["calibrate.bias"][0])))))


def calibrated_by(raw: Array, signals: Array) -> Array:
    """What calibration reads `[n, signals + 2]`: log odds of support, and of contradiction, and signals."""
    logs = np.log(np.clip(raw, LEAST_LIKELY, 1))
    support = logs[:, 0] - np.logaddexp(logs[:, 1], logs[:, 2])
    return np.concatenate([np.stack([support, logs[:, 1] - logs[:, 2]], axis=1), signals], axis=1)


def is_doubted(signals: Array) -> bool:
    """Whether something exact speaks against support: a name or a number that is not there, a negation more
    or less, the claim's words in another order, or too few of its words.
    """
    return bool(signals[COVERAGE] < LEAST_COVERED) or any(signals[place] > 0 for place in DOUBTS)


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


def _share(wanted: Set[Any], found: Set[Any]) -> float:
    return len(wanted & found) / max(len(wanted), 1)
