"""A learned decision: one linear layer and a softmax over what is known of a question and its passages.

GILL (Koh et al., 2023, arXiv:2305.17216) decides whether to retrieve an image or to generate one by a linear
layer over a hidden state of its language model. Here the choice is between the actions of an answer, and the
layer reads the scores of retrieval (how near the passages are to the question), the judge of answerability,
what kind of question it is, and the question's vector. With `hidden` it also reads the state of the served
language model behind the prompt of question and passages, reduced to its main directions. It is learned by
`tieback train answer_decision`.

What it knows is in its training data: English questions that are made by rules, and requests for items made
of phrases. It sees whether a passage's matter is the question's, and not whether another search would help.
"""

from __future__ import annotations

import numpy as np
from tieback.core.language import Sentence, sentence_of
from tieback.core.state import State
from tieback.core.text.questions import KINDS, kind_of
from tieback.methods.answer_decision import Found, decisions
from tieback_contract.arrays import Array

NEAREST = 4
"""Passages whose nearness is read, the nearest first."""

SIGNALS = (
    *(f"asks {kind}" for kind in KINDS), *(f"nearness {place + 1}" for place in range(NEAREST)),
    "nearness ahead", "judged", "judged second", "judged mean", "answerable", "coverage", "coverage anywhere",
    "names there", "has names", "has numbers", "numbers there", "question mark", "question length",
)  # fmt: skip

STATE = {
    "mean": ("signals",), "spread": ("signals",),
    "weight": ("actions", "signals"), "question": ("actions", "width"), "bias": ("actions",),
    "hidden.mean": ("hidden",), "hidden.directions": ("directions", "hidden"),
    "hidden.weight": ("actions", "read"), "hidden.bias": ("actions",),
}  # fmt: skip
"""`hidden.weight` is of signals, question and directions together, in place of the others where the state of
a language model is read; it has no columns where none was read in training."""


@decisions.method
def linear(found: Found, state: State, *, hidden: bool = False) -> Array:
    """Probabilities that are calibrated on questions which were held out in training. `hidden` reads the
    state of the served language model, at a run of it over the prompt.
    """
    signals = (signals_of(found) - state["mean"]) / state["spread"]
    if hidden and found.hidden is not None:
        read = np.concatenate([signals, found.question.vector, reduced(found.hidden, state)])
        logits = state["hidden.weight"] @ read + state["hidden.bias"]
    else:
        logits = state["weight"] @ signals + state["question"] @ found.question.vector + state["bias"]
    likely = np.exp(logits - logits.max())
    return np.asarray(likely / likely.sum(), np.float64)


def reduced(hidden: Array, state: State) -> Array:
    """A hidden state in its main directions `[directions]`."""
    return np.asarray(state["hidden.directions"] @ (hidden - state["hidden.mean"]))


def signals_of(found: Found) -> Array:
    """In the order of `SIGNALS`."""
    question, judged = found.question, np.sort(found.judgement.scores)[::-1]
    near = sorted((_nearest(question.vector, one.vectors) for one in found.passages), reverse=True)
    near += [0.0] * (NEAREST - len(near))
    own = sentence_of(question.text)
    read = [Sentence(one.text) for one in found.passages]
    content, names = max(len(own.content), 1), max(len(own.inner_capitals), 1)
    every = frozenset[str]().union(*(one.words for one in read))
    numbers = frozenset[str]().union(*(one.amounts for one in read))
    kind = kind_of(question.text)
    return np.array(
        [
            *(float(kind == one) for one in KINDS),
            *near[:NEAREST],
            near[0] - near[1],
            *(float(judged[0]) if len(judged) else 0.0, float(judged[1]) if len(judged) > 1 else 0.0),
            float(judged.mean()) if len(judged) else 0.0,
            float(found.judgement.score >= found.judgement.threshold),
            max((len(own.content & one.words) for one in read), default=0) / content,
            len(own.content & every) / content,
            len(own.inner_capitals & every) / names,
            float(bool(own.inner_capitals)),
            float(bool(own.amounts)),
            float(bool(own.amounts & numbers)),
            float(question.text.rstrip().endswith("?")),
            min(len(own.words), 30) / 10,
        ],
        np.float32,
    )


def _nearest(vector: Array, windows: Array) -> float:
    return float((windows @ vector).max(initial=-1.0)) if len(windows) else 0.0
