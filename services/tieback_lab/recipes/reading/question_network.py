"""The network that reads questions, learned from questions of people and from those made of claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.recipes.trained import TrainingRun
from tieback_contract.arrays import Array

from tieback_lab.recipes.reading.calibration import auc
from tieback_lab.recipes.reading.claim_pairs import Pair
from tieback_lab.recipes.reading.question_candidates import (
    Question,
    QuestionCandidate,
    asked_of,
    candidates_of,
)
from tieback_lab.recipes.reading.reading_pairs import base_of

if TYPE_CHECKING:
    from tieback_lab.recipes.reading.reading_network import Plan, ReadingNetwork
    from tieback_lab.recipes.reading.reading_pairs import PairReader, Read

OF_SENTENCES = ("snli", "mnli", "fever", "feverous", "fool-me-twice", "factcheck-gpt", "halueval-qa")
"""Sets of claims that are read beside the questions."""
NOT_ASKED = (
    "snli", "counterfactual", "med", "breaking", "begin-wow", "begin-cmu-dog", "begin-topicalchat",
    "faithdial-audit", "negation-snli", "negation-mnli", "conjnli", "conjnli-auto", "paws", "negation-rte",
    "tabfact", "infotabs", "evidence-inference", "dialfact",
)  # fmt: skip
"""Sets whose claims make few questions as people ask them."""
TOKENS_AT_ONCE = 6000


def learned(
    run: TrainingRun,
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
    from tieback_lab.recipes.reading import reading_network, reading_pairs

    bert, reader, words = base_of(card, run)
    seed = plan.seed
    own = [one for one in asked if one.source not in unseen]
    claims = [one for one in pairs if one.source not in NOT_ASKED]
    questions = asked_of(reading_pairs.made_questions(claims, words, most=made, seed=seed))
    beside = [one for one in pairs if one.source in OF_SENTENCES]
    read = [
        *(_read(reader, "asked", one) for one in candidates_of(own, seed)),
        *(_read(reader, "made questions", one) for one in candidates_of(questions, seed)),
        *(
            one
            for one in reading_pairs.claim_pairs(reader, beside, OF_SENTENCES, seed)
            if one.kind == reading_pairs.SENTENCES
        ),
    ]
    stopping = [
        [(one, _read(reader, "asked", one)) for one in candidates_of([question], seed)]
        for question in asked
        if question.source in unseen
    ]
    run.say(f"learning to read questions from {len(read)} pairs")
    network = reading_network.ReadingNetwork(bert, plan.frozen)
    losses = reading_network.learn_to_read(
        network,
        read,
        plan,
        run.attempt(f"questions-{card.name}", trained_on, every=1),
        _look([one for one in stopping if one]) if stopping else None,
    )
    draw = np.random.default_rng(seed).permutation(len(read))
    graph = reading_network.graph_of(network, [read[place] for place in draw.tolist()])
    return {"graph": np.frombuffer(graph, np.uint8), "losses": np.array(losses, np.float64).reshape(-1, 3)}


def _read(reader: PairReader, kind: str, one: QuestionCandidate) -> Read:
    return reader.read(
        kind, one.source, one.question, [one.text], answered=int(one.is_answer), answer=one.answer
    )


def _look(stopping: Sequence[Sequence[tuple[QuestionCandidate, Read]]]) -> Callable[[ReadingNetwork], float]:
    """The mean, over sets that are left out, of the share of questions whose best sentence answers, and of
    the AUC of the best sentences that do.
    """
    from tieback_lab.recipes.reading.reading_network import read_by

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
