"""A network that reads question and passage together, and judges by both whether there is an answer.

The layers of a sentence encoder are trained on (a cross-encoder; Nogueira and Cho, 2019, arXiv:1901.04085)
with all that labelled claims teach: their verdicts, pairs that are made of them, and questions that are made
of them, also such as look answerable and are not, as in SQuAD 2.0 (Rajpurkar et al., 2018,
arXiv:1806.03822). The word table and the first layers stay as they are. It takes an hour or more of one core.

JSONL files have labelled claims, as of the recipe `grounding`. No text of evidence is on two sides: of some,
and of the sets `unseen`, questions are held out. Probabilities are calibrated (Platt scaling) and thresholds
for a wanted precision measured on them, and the report is of others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from tieback.catalog.card import EncoderCard
from tieback.catalog.options import TransformerText
from tieback.core.errors import InvalidInput
from tieback.core.field_path import at
from tieback.core.terms import DEFAULT_LANGUAGE, function_words
from tieback.core.types.arrays import Array
from tieback.methods.answerability.question_alignment import alignment
from tieback.models.question_reader import GRAPH, MOST_TOKENS, TABLES, load_question_reader
from tieback.models.state_artifact import READER
from tieback.recipes.trained import Learned, Run, recipes
from tieback.recipes.trained._asked_questions import card_of
from tieback.recipes.trained._claim_pairs import LONGEST, Pair, encoded, read_pairs
from tieback.recipes.trained._made_questions import LONGEST_PASSAGE, Asked
from tieback.recipes.trained.answerability import calibration, measured, precisions, weights_of_questions
from tieback.training.digests import digest
from tieback.training.files import files_of

if TYPE_CHECKING:
    from tieback.recipes.trained._reading_network import Plan
    from tieback.recipes.trained._reading_pairs import OtherWords, PairReader

MAKES = "a judge of whether passages answer a question, which reads both together"

FEWEST, MOST = 100, 100_000
"""Pairs to learn from, of all sets together and of each."""
UNSEEN = ("factcheck-gpt", "faithdial-audit", "begin-topicalchat", "begin-cmu-dog")
OF_SENTENCES = ("snli", "counterfactual", "mnli", "fever", "med", "breaking")
"""Sets whose pairs are of one sentence each: most of what is read first."""
NOT_CHANGED = ("snli", "counterfactual", "med", "breaking")
"""Sets whose claims nothing is made of: captions of photos, and pairs that were changed already."""
NOT_ASKED = ("med", "breaking", "begin-wow", "begin-cmu-dog", "begin-topicalchat", "faithdial-audit")
"""Sets whose claims make few questions as people ask them."""
CALIBRATED, REPORTED = 5, 8
"""Of 100 texts of evidence, those below the first are calibrated by, and those from there below the second
reported on."""
OF_CALIBRATION, OF_REPORT, OF_UNSEEN = 300, 200, 2000
"""Claims of a set that questions are made of there, and of one that no step of training has seen."""
BERT = "bert"


@recipes.method
def question_reading(
    run: Run,
    *,
    space: str = "all-minilm-l6-v2",
    steps: Annotated[int, Field(ge=1)] = 2600,
    tokens: Annotated[int, Field(ge=32)] = 2560,
    learning_rate: Annotated[float, Field(gt=0)] = 1.2e-4,
    frozen: Annotated[int, Field(ge=0)] = 2,
    made: Annotated[int, Field(ge=0)] = 3000,
    questions: Annotated[int, Field(ge=1)] = 5000,
    nearness: Annotated[float, Field(ge=0)] = 8.0,
    unseen: tuple[str, ...] = UNSEEN,
    seed: int = 0,
) -> Learned:
    """The network, over the encoder of `space`, and what it is judged by. A step reads pairs of so many
    `tokens`, and the first `frozen` layers are not trained. At most `made` pairs of each kind are made of the
    claims, and questions of so many claims of each set.

    `nearness` is how much the cosine of the question and the nearest sentence counts beside the network.
    """
    from tieback.models.loading import load_encoder
    from tieback.recipes.trained._reading_network import Plan

    card = card_of(run, space)
    files = files_of(run.data, (".jsonl",), "labelled claims")
    pairs = read_pairs(files, most=MOST, seed=seed)
    sides: dict[str, list[Pair]] = {"training": [], "calibration": [], "report": [], "unseen": []}
    for one in pairs:
        sides["unseen" if one.source in unseen else side_of(one.evidence)].append(one)
    if len(sides["training"]) < FEWEST:
        raise InvalidInput(
            f"there are {len(sides['training'])} pairs to learn from, and it takes {FEWEST}", field="data"
        )
    words = prepared(card, run)[2]
    asked = {
        "chosen": [
            *held_out(sides["calibration"], words, OF_CALIBRATION, seed),
            *held_out(sides["unseen"], words, OF_UNSEEN, seed),
        ],
        "reported": held_out(sides["report"], words, OF_REPORT, seed),
    }
    if any(len({one.answerable for one in some}) < 2 for some in asked.values()):
        raise InvalidInput("too few questions can be made of the claims that are held out", field="data")
    plan = Plan(steps, tokens, learning_rate, frozen, seed)
    inputs: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "pairs": digest(*map(_values, pairs)),
        "plan": asdict(plan), "made": made, "questions": questions, "unseen": list(unseen),
    }  # fmt: skip
    network = run.steps.arrays(
        f"reading by {card.name}",
        learned,
        inputs,
        lambda: learned(
            run, card, sides["training"], plan, made=made, questions=questions, trained_on=digest(inputs)
        ),
    )
    graph = network["graph"].tobytes()
    read = run.steps.arrays(
        f"readings by {card.name}",
        readings,
        {**inputs, "graph": hashlib.sha256(graph).hexdigest()},
        lambda: {
            name: readings(graph, card, run, some, load_encoder(card, run.store))
            for name, some in asked.items()
        },
    )
    chosen, reported = (logit + nearness * near for logit, near in (read["chosen"], read["reported"]))
    answered = np.array([one.answerable for one in asked["chosen"]], bool)
    slope, offset = calibration(chosen, answered, weights_of_questions(asked["chosen"])).tolist()
    likely, others = (1 / (1 + np.exp(-np.clip(slope * one + offset, -30, 30))) for one in (chosen, reported))
    state = {
        "nearness": np.array([nearness], np.float32),
        "calibration": np.array([slope, offset], np.float32),
        "precisions": precisions(likely, answered),
    }
    rows = measured(others, asked["reported"])
    metrics = {"pairs": len(sides["training"]), "losses": network["losses"].tolist(), "sets": rows}
    facts = {
        "method": "question_reading", "space": card.name,
        "sets": sorted({one.source for one in sides["training"]}),
        "calibrated_by": sorted({one.source for one in asked["chosen"]}),
    }  # fmt: skip
    title = "Questions that were held out, by set"
    return Learned(READER.kind, state, (card.space,), files, facts, metrics, {title: rows}, {GRAPH: graph})


def side_of(evidence: str) -> str:
    """Which of training, calibration and report a text of evidence is for."""
    name = evidence.strip().lower().encode()
    number = int(hashlib.sha1(name, usedforsecurity=False).hexdigest()[:8], 16) % 100
    return "calibration" if number < CALIBRATED else "report" if number < REPORTED else "training"


def learned(
    run: Run,
    card: EncoderCard,
    pairs: Sequence[Pair],
    plan: Plan,
    *,
    made: int,
    questions: int,
    trained_on: str,
) -> dict[str, Array]:
    """The graph that is served, as bytes, and the losses by step."""
    from tieback.recipes.trained import _reading_network, _reading_pairs

    bert, reader, words = prepared(card, run)
    changed = [one for one in pairs if one.source not in NOT_CHANGED]
    asked = [one for one in pairs if one.source not in NOT_ASKED]
    read = [
        *_reading_pairs.claim_pairs(reader, pairs, OF_SENTENCES, plan.seed),
        *_reading_pairs.made_claims(reader, changed, words, most=made, seed=plan.seed),
        *_reading_pairs.question_pairs(reader, asked, words, most=questions, seed=plan.seed),
    ]
    run.say(f"learning to read from {len(read)} pairs and questions")
    network = _reading_network.ReadingNetwork(bert, plan.frozen)
    checkpoint = run.steps.root / f"reading-{card.name}.checkpoint.safetensors"
    losses = _reading_network.learn_to_read(
        network, read, plan, checkpoint=checkpoint, trained_on=trained_on, say=run.say
    )
    draw = np.random.default_rng(plan.seed).permutation(len(read))
    graph = _reading_network.graph_of(network, [read[place] for place in draw.tolist()])
    return {"graph": np.frombuffer(graph, np.uint8), "losses": np.array(losses, np.float64).reshape(-1, 2)}


def prepared(card: EncoderCard, run: Run) -> tuple[Any, PairReader, OtherWords]:
    """The encoder, what makes token numbers for it, and what changes words by its table. InvalidInput where
    it is no BERT.
    """
    from tieback.recipes.torch_backbone import load_model, read_config
    from tieback.recipes.trained._reading_pairs import OtherWords, PairReader

    options = card.options
    if not isinstance(options, TransformerText) or options.weights.endswith(".onnx"):
        raise InvalidInput(f"{card.name} has no layers that can be trained", field=at("parameters", "space"))
    folder = run.store.weights(card)
    config = read_config(folder, options.config, [BERT])
    bert: Any = load_model(folder, options.weights, config, options.config)
    reader = PairReader(folder / options.tokenizer, min(MOST_TOKENS, int(config.max_position_embeddings)))
    table = getattr(bert.embeddings, TABLES[0]).weight.detach().numpy()
    left_out = frozenset(function_words(DEFAULT_LANGUAGE))
    return bert, reader, OtherWords(table, reader.vocabulary, left_out)


def held_out(pairs: Sequence[Pair], words: OtherWords, most: int, seed: int) -> list[Asked]:
    """Questions that are made of at most so many claims of each set."""
    from tieback.recipes.trained._reading_pairs import made_questions

    asked = [one for one in pairs if one.source not in NOT_ASKED]
    return list(made_questions(asked, words, most=most, seed=seed))


def readings(graph: bytes, card: EncoderCard, run: Run, asked: Sequence[Asked], model: Any) -> Array:
    """The network's logit of each question and the sentence of its passage that would be quoted, and the
    cosine of the nearest sentence `[2, questions]`.
    """
    from tieback.recipes.trained._reading_pairs import cut

    run.say(f"reading {len(asked)} questions")
    reader = load_question_reader(graph, card, run.store)
    places: dict[str, int] = {}
    of = [
        [
            places.setdefault(text, len(places))
            for text in (one.question[:LONGEST], *cut(one.passage[:LONGEST_PASSAGE]))
        ]
        for one in asked
    ]
    dense, rows = encoded(model, list(places))
    texts = list(places)
    found = np.zeros((2, len(asked)), np.float32)
    for place, (question, *said) in enumerate(of):
        aligned = alignment(rows[question], [rows[one] for one in said]).mean(axis=1)
        quote = texts[said[int(aligned.argmax())]]
        found[:, place] = reader(texts[question], quote), float((dense[said] @ dense[question]).max())
    return found


def _values(pair: Pair) -> list[str]:
    return [pair.evidence, pair.claim, str(pair.label), pair.source]
