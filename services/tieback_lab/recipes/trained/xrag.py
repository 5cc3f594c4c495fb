"""A bridge by which a language model reads vectors of texts: the state of the method `xrag` (xRAG).

Cheng et al., 2024 (arXiv:2405.13792). Neither the language model nor the encoder is changed. First the model
learns to say a sentence again that it is given as one token, the sentence's vector through the bridge; then
to answer questions by such tokens as it answers them by the text, from its own answers behind the text and
its scores for them (self-distillation).

JSONL files are those of the recipe `answerability`: questions with a passage and an answer in it, or labelled
claims, of which questions are made by rules. Sentences are those of the passages. Before the first step the
bridge is moved to the mean embedding of a sentence's tokens, which takes seconds; the paper starts from
nothing, with millions of texts.

The report has what a token of held-out answers and sentences costs the served model behind the soft tokens,
behind those of other texts (shuffled), behind none, and behind the text itself. Where the first is not below
the second, the model reads nothing of the vectors. No weights come with the server: name your texts by
--data, and the result by TIEBACK_ARTIFACTS, and by its `name` in requests.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tieback.catalog.base_card import NAME
from tieback.catalog.runtimes.causal_language_model import CausalLanguageModel
from tieback.core.errors import InvalidInput, NotFound
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.texts import files_of
from tieback.training.digests import digest
from tieback.training.splits import split_off
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.generator.prompting import compressed_request
from tieback_lab.methods.context_compression import xrag as xrag_method
from tieback_lab.models.learned.soft_context import SOFT_CONTEXT
from tieback_lab.recipes.reading.asked_questions import card_of, read_questions

MAKES = "a bridge by which a language model reads vectors"
METHOD = "xrag"
PHASES = ("paraphrase", "answer")

FEWEST = 100
"""Questions with an answer, and sentences, that it takes."""
HELD_OUT, CHOSEN_BY = 40, 16
"""Questions, and as many sentences, that the report is of, and that weights are chosen by: each costs a run
of the model."""
LOOK_EVERY = 10
START_RATE, START_BATCH = 2e-3, 256
"""Of the steps before the first in which the model reads."""


@recipes.method
def xrag(
    run: TrainingRun,
    *,
    name: str = "xrag",
    model: str = "smollm2-135m-instruct",
    space: str = "all-minilm-l6-v2",
    sentences: Annotated[int, Field(ge=1)] = 6000,
    questions: Annotated[int, Field(ge=1)] = 300,
    start_steps: Annotated[int, Field(ge=0)] = 1500,
    paraphrase_steps: Annotated[int, Field(ge=0)] = 120,
    answer_steps: Annotated[int, Field(ge=0)] = 60,
    batch: Annotated[int, Field(ge=1)] = 8,
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3,
    teacher: Annotated[float, Field(ge=0)] = 2.0,
    temperature: Annotated[float, Field(gt=0)] = 1.0,
    seed: int = 0,
) -> Learned:
    """The state of the method for the language model `model` and vectors of `space`.

    Learned from at most so many sentences and questions. `teacher` weighs the divergence from what the model
    says behind the text, beside the likelihood of the answer.
    """
    import torch
    from tieback.models.language.model import LanguageModel, load_language_model
    from tieback.models.loading import load_encoder
    from tieback.recipes.export.causal_language_model import read_weights
    from tieback.recipes.networks.llama_drift import torch_model
    from tieback.training.loop import Plan, said_every

    from tieback_lab.recipes.reading.claim_pairs import encoded
    from tieback_lab.recipes.train import soft_examples, soft_reading

    bridge_of = partial(soft_reading.Bridge, makes=partial(xrag_method.bridged, torch))
    if not re.fullmatch(NAME, name):
        raise InvalidInput(
            f"a name is of small letters, digits, '.' and '-', not {name!r}", field=at("parameters", "name")
        )
    if model not in run.generators:
        raise NotFound("language model", model, run.generators)
    card, generator = card_of(run, space), run.generators[model]
    files = files_of(run.data, (".jsonl",), "questions")
    asked = [one for one in read_questions(files, most=questions, seed=seed) if one.answer]
    texts = soft_examples.sentences_of(files, most=sentences, seed=seed)
    if min(len(asked), len(texts)) < FEWEST:
        raise InvalidInput(
            f"there are {len(asked)} questions with an answer and {len(texts)} sentences to learn from; it "
            f"takes {FEWEST} of each",
            field="data",
        )
    draw = np.random.default_rng(seed)
    asked = [asked[place] for place in draw.permutation(len(asked))[:questions]]
    of: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "model": f"{model} {generator.revision}",
        "texts": digest(*texts), "asked": digest(*((one.question, one.passage, one.answer) for one in asked)),
        "seed": seed,
    }  # fmt: skip
    training: dict[str, Any] = {
        "batch": batch, "learning_rate": learning_rate, "teacher": teacher, "temperature": temperature,
    }  # fmt: skip
    choices = soft_reading.Choices(batch, teacher, temperature)

    @functools.cache
    def served() -> LanguageModel:
        return load_language_model(generator, run.store)

    @functools.cache
    def reader() -> soft_reading.FrozenReader:
        weights = generator.options_for(CausalLanguageModel).weights
        frozen = torch_model(read_weights(run.store.weights(generator), weights))
        return soft_reading.FrozenReader(frozen, soft_examples.beginning_of(served()))

    def saying() -> dict[str, Array]:
        run.say(f"encoding {len(texts)} sentences")
        vectors, _ = encoded(load_encoder(card, run.store), texts)
        return soft_reading.packed(soft_examples.paraphrases(served(), vectors, texts, seed))

    def answering() -> dict[str, Array]:
        encoder = load_encoder(card, run.store)
        return soft_reading.packed(soft_examples.answers(served(), encoder, asked, run.say))

    readings = {
        phase: soft_reading.unpacked(
            run.steps.arrays(f"readings {phase}", made_by, of, make, beside=(compressed_request,))
        )
        for phase, made_by, make in (
            (PHASES[0], soft_examples.paraphrases, saying),
            (PHASES[1], soft_examples.answers, answering),
        )
    }
    parts = {phase: split_off(len(rows), HELD_OUT, CHOSEN_BY, seed) for phase, rows in readings.items()}

    def starting() -> dict[str, Array]:
        rows = [readings[PHASES[0]][place] for place in parts[PHASES[0]].training]
        run.say(f"moving the bridge to the embeddings of {len(rows)} sentences")
        vectors = np.concatenate([one.vectors for one in rows])
        targets = soft_reading.token_means(reader().embeddings, [one.answer[:-1] for one in rows])
        bridge = bridge_of(xrag_method.start(vectors.shape[1], targets.shape[1], seed=seed))
        plan = Plan(start_steps, START_RATE, weight_decay=0.0, look_every=500, seed=seed)
        progress = said_every(500, run.say)
        soft_reading.learn_start(bridge, vectors, targets, plan, size=START_BATCH, progress=progress)
        return dict(bridge.learned())

    def reading(phase: str, state: Mapping[str, Array], steps: int, inputs: object) -> dict[str, Array]:
        rows, part, bridge = readings[phase], parts[phase], bridge_of(state)
        run.say(f"learning from {len(part.training)} readings: {phase}")
        history = soft_reading.learn_reading(
            reader(),
            bridge,
            [rows[place] for place in part.training],
            [rows[place] for place in part.validation],
            choices,
            Plan(steps, learning_rate, weight_decay=0.0, look_every=LOOK_EVERY, seed=seed),
            run.attempt(f"xrag-{name}-{phase}", digest(inputs), every=LOOK_EVERY),
        )
        return {
            **{f"state.{key}": array for key, array in bridge.learned().items()},
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
            "likelihoods": np.array(history.validations, np.float64).reshape(-1, 2),
        }

    state: Mapping[str, Array] = run.steps.arrays(
        f"start of {name}",
        *(soft_reading.learn_start, {**of, "steps": start_steps}, starting),
        beside=(xrag_method.xrag,),
    )
    metrics: dict[str, Any] = {"sentences": len(texts), "questions": len(asked)}
    for phase, steps in zip(PHASES, (paraphrase_steps, answer_steps), strict=True):
        inputs = {**of, **training, "state": dict(state), "steps": steps}
        step = run.steps.arrays(
            f"{phase} of {name}",
            *(soft_reading.learn_reading, inputs),
            partial(reading, phase, state, steps, inputs),
            beside=(xrag_method.xrag,),
        )
        state = {key.removeprefix("state."): one for key, one in step.items() if key.startswith("state.")}
        metrics[phase] = {key: step[key].tolist() for key in ("losses", "likelihoods")}

    def measuring() -> dict[str, Array]:
        found: dict[str, Array] = {}
        for phase in PHASES:
            rows = [readings[phase][place] for place in parts[phase].held_out]
            run.say(f"measuring {len(rows)} readings: {phase}")
            measured = soft_examples.costs(served(), lambda vectors: xrag_method.xrag(vectors, state), rows)
            found |= {f"{phase}.{way}": np.array(value) for way, value in measured.items()}
        return found

    found = run.steps.arrays(
        f"costs of {name}",
        *(soft_examples.costs, {**of, "state": dict(state)}, measuring),
        beside=(xrag_method.xrag, compressed_request),
    )
    rows = []
    for phase in PHASES:
        ways = {key.split(".")[1]: found[key].item() for key in sorted(found) if key.startswith(f"{phase}.")}
        rows.append({"what is predicted": phase} | ways)
    metrics["costs"] = rows
    facts = {
        "name": name, "method": METHOD, "space": card.name, "model": model,
        "model_revision": generator.revision, "layer": 0,
    }  # fmt: skip
    title = f"What a token costs the served model, in nats, on {HELD_OUT} held-out readings each"
    return Learned(SOFT_CONTEXT, state, (card.space,), files, facts, metrics, {title: rows})
