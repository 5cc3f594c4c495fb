"""A network that reads a question with each sentence of passages, and tells which one answers it.

The layers of a sentence encoder are trained on (a cross-encoder; Nogueira and Cho, 2019, arXiv:1901.04085)
with questions of people, and with questions that are made of labelled claims, also such as look answerable
and are not, as in SQuAD 2.0 (Rajpurkar et al., 2018, arXiv:1806.03822): each with the sentences that answer
it and with those that share most words with it and do not. Pairs of sentences with their verdicts are read
beside them. The word table stays as it is. Sets that are left out, `unseen`, say when it is best.

JSONL files have questions with passages, and labelled claims as of `claim_reading`. Questions of the
files `weighed_by` are not learned from: on them the network's logit is weighed with features of words, and
thresholds are measured. The report leaves one domain out after another.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field
from tieback.core.errors import InvalidInput
from tieback.grounding.named import unnamed
from tieback.methods.answerability._candidates import FEATURES, features_of
from tieback.models.learned.question_reading import READER
from tieback.models.text.question_reader import GRAPH
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.texts import files_of
from tieback.training.digests import digest

from tieback_lab.recipes.reading.asked_questions import card_of
from tieback_lab.recipes.reading.claim_pairs import Pair, read_pairs
from tieback_lab.recipes.reading.question_candidates import Question, answers_of, read_asked, texts_of
from tieback_lab.recipes.reading.question_network import learned
from tieback_lab.recipes.reading.quote_weights import Parts, ablation, left_out, parts_of, weighed

MAKES = "a judge of which sentence answers a question, which reads both together"

FEWEST, MOST = 100, 100_000
"""Questions to learn from, and pairs of each set that others are made of."""
UNSEEN = ("covidqa", "onestopqa")
CAPPED = {"cuad": 700}
"""Questions of sets that ask few kinds of them again and again."""
SHARES = {"asked": 0.5, "made questions": 0.32, "sentences": 0.18}


@recipes.method
def question_reading(
    run: TrainingRun,
    *,
    space: str = "all-minilm-l6-v2",
    steps: Annotated[int, Field(ge=1)] = 3600,
    tokens: Annotated[int, Field(ge=32)] = 2560,
    learning_rate: Annotated[float, Field(gt=0)] = 1.5e-4,
    frozen: Annotated[int, Field(ge=0)] = 0,
    questions: Annotated[int, Field(ge=1)] = 1600,
    made: Annotated[int, Field(ge=0)] = 5000,
    weighed_of: Annotated[int, Field(ge=1)] = 300,
    unseen: tuple[str, ...] = UNSEEN,
    weighed_by: tuple[str, ...] = ("dev", "dev_domains"),
    seed: int = 0,
) -> Learned:
    """The network, over the encoder of `space`, and what it is judged by. A step reads pairs of so many
    `tokens`, and the first `frozen` layers are not trained. At most `questions` of each set are learned from,
    and those that are made of `made` claims of each; `weighed_of` of each set are weighed by.
    """
    from tieback_lab.recipes.reading.reading_network import Plan

    card = card_of(run, space)
    files = files_of(run.data, (".jsonl",), "questions")
    learning = [one for one in files if one.stem not in weighed_by]
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
        [one for one in files if one.stem in weighed_by], most=weighed_of, seed=seed, capped={}
    )
    read = Parts(
        **run.steps.arrays(
            f"questions read by {card.name}",
            parts_of,
            {"graph": hashlib.sha256(graph).hexdigest(), "asked": digest(*map(_values, beside))},
            lambda: parts_of(run, card, graph, beside)._asdict(),
            beside=(texts_of, answers_of, features_of, unnamed),
        )
    )
    known, kept = read.of_known(beside)
    if not kept:
        raise InvalidInput(f"there are no questions of {', '.join(weighed_by)} to weigh by", field="data")
    state, rows = weighed(known, kept), left_out(known, kept)
    metrics = {
        "questions": len(asked), "losses": network["losses"].tolist(), "sets": rows,
        "features": dict(zip(FEATURES, state["weight"].tolist(), strict=True)),
    }  # fmt: skip
    facts = {
        "method": "question_reading", "space": card.name,
        "sets": sorted({one.source for one in asked} | {one.source for one in pairs}),
        "stopped_by": sorted(unseen), "weighed_by": sorted({one.source for one in kept}),
    }  # fmt: skip
    tables = {
        "Quotes of each set, by weights and bounds of the other domains": rows,
        "Without each feature, means over sets whose domains are left out": (
            ablation(known, kept) if len({one.domain for one in kept}) > 1 else []
        ),
    }
    return Learned(READER.kind, state, (card.space,), files, facts, metrics, tables, {GRAPH: graph})


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
