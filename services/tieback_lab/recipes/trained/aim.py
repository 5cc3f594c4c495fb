"""A projection by which a language model reads demonstrations: the state of the method `aim` (AIM).

Gao et al., 2024 (arXiv:2406.07588). The language model is not changed. It reads each demonstration by itself,
the passage and then question and answer; the states of the latter after `layer` become as many virtual
tokens. The projection begins as a ridge regression of the tokens' own embeddings, and is trained by the
likelihood of the answers that follow.

JSONL files are those of the recipe `answerability`: questions with a passage and an answer in it, or labelled
claims, of which questions are made by rules. A question comes with demonstrations whose answers are all said
in one form (as they are, in capitals, as a list, marked, as a sentence), in which its own is to be said too:
nothing but the demonstrations tells which. The paper's demonstrations are images; here they are what the
served model reads, texts.

The report has what a token of held-out answers costs the served model behind the virtual tokens, behind those
of demonstrations in another form (shuffled), behind the demonstrations' texts without their passages, behind
all of it as text, and behind none; and how many tokens each has. No weights come with the server: name your
texts by --data, and the result by TIEBACK_ARTIFACTS.
"""

from __future__ import annotations

import functools
import re
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

from tieback_lab.generator.prompting import demonstrated_beginning
from tieback_lab.methods.context_compression import aim as aim_method
from tieback_lab.models.learned.soft_context import SOFT_CONTEXT
from tieback_lab.recipes.reading.asked_questions import read_questions

MAKES = "a projection by which a language model reads demonstrations"
METHOD = "aim"

FEWEST = 60
"""Questions with an answer that it takes."""
HELD_OUT, CHOSEN_BY = 20, 10
"""Questions that the report is of, and that weights are chosen by: each costs runs of the model."""
LOOK_EVERY = 10


@recipes.method
def aim(
    run: TrainingRun,
    *,
    name: str = "aim",
    model: str = "smollm2-135m-instruct",
    layer: Annotated[int, Field(ge=1)] = 10,
    questions: Annotated[int, Field(ge=1)] = 300,
    demonstrations: Annotated[int, Field(ge=1, le=4)] = 2,
    steps: Annotated[int, Field(ge=0)] = 100,
    batch: Annotated[int, Field(ge=1)] = 4,
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4,
    seed: int = 0,
) -> Learned:
    """The state of the method for the language model `model` and its states after `layer`.

    Learned from at most so many questions, each with so many `demonstrations`.
    """
    from tieback.models.language.model import LanguageModel, load_language_model
    from tieback.recipes.export.causal_language_model import read_weights
    from tieback.recipes.networks.llama_drift import torch_model
    from tieback.training.loop import Plan

    from tieback_lab.recipes.train import demonstrated, soft_reading

    if not re.fullmatch(NAME, name):
        raise InvalidInput(
            f"a name is of small letters, digits, '.' and '-', not {name!r}", field=at("parameters", "name")
        )
    if model not in run.generators:
        raise NotFound("language model", model, run.generators)
    generator = run.generators[model]
    files = files_of(run.data, (".jsonl",), "questions")
    asked = [one for one in read_questions(files, most=questions, seed=seed) if one.answer]
    if len(asked) < FEWEST:
        raise InvalidInput(
            f"there are {len(asked)} questions with an answer to learn from; it takes {FEWEST}", field="data"
        )
    draw = np.random.default_rng(seed)
    asked = [asked[place] for place in draw.permutation(len(asked))[:questions]]
    of: dict[str, Any] = {
        "model": f"{model} {generator.revision}", "layer": layer, "demonstrations": demonstrations,
        "seed": seed,
        "asked": digest(*((one.question, one.passage, one.answer) for one in asked)),
    }  # fmt: skip

    @functools.cache
    def served() -> LanguageModel:
        return load_language_model(generator, run.store)

    if layer > served().layers:
        raise InvalidInput(
            f"{model} has {served().layers} layers, and no layer {layer}", field=at("parameters", "layer")
        )
    made = demonstrated.episodes(served(), asked, demonstrations=demonstrations, seed=seed)

    @functools.cache
    def reader() -> soft_reading.FrozenReader:
        weights = generator.options_for(CausalLanguageModel).weights
        frozen = torch_model(read_weights(run.store.weights(generator), weights))
        return soft_reading.FrozenReader(frozen, demonstrated_beginning(served()))

    def reading() -> dict[str, Array]:
        known: dict[tuple[int, ...], Array] = {}
        found = []
        for number, one in enumerate(made, 1):
            found.append(demonstrated.reading_of(one, demonstrated.states_of(served(), one, layer, known)))
            if number % 50 == 0:
                run.say(f"demonstrations of {number} of {len(made)} questions read")
        return soft_reading.packed(found)

    states = run.steps.arrays(f"demonstrations of {name}", demonstrated.episodes, of, reading)
    rows = soft_reading.unpacked(states)
    part = split_off(len(rows), HELD_OUT, CHOSEN_BY, seed)

    def starting() -> dict[str, Array]:
        places = part.training.tolist()
        texts = [token for place in places for _, text in made[place].shown for token in text]
        embeddings = reader().embeddings[texts].numpy()
        return aim_method.start(np.concatenate([rows[place].vectors for place in places]), embeddings)

    start = run.steps.arrays(f"start of {name}", aim_method.start, of, starting)
    inputs = {
        **of, "start": dict(start), "steps": steps, "batch": batch, "learning_rate": learning_rate,
    }  # fmt: skip

    def learning() -> dict[str, Array]:
        projection = soft_reading.Bridge(start, aim_method.projected)
        run.say(f"learning from {len(part.training)} questions")
        history = soft_reading.learn_reading(
            reader(),
            projection,
            [rows[place] for place in part.training],
            [rows[place] for place in part.validation],
            soft_reading.Choices(batch, teacher=0.0),
            Plan(steps, learning_rate, weight_decay=0.0, look_every=LOOK_EVERY, seed=seed),
            run.attempt(f"aim-{name}", digest(inputs), every=LOOK_EVERY),
        )
        return {
            **{f"state.{key}": array for key, array in projection.learned().items()},
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
            "likelihoods": np.array(history.validations, np.float64).reshape(-1, 2),
        }

    step = run.steps.arrays(f"projection of {name}", soft_reading.learn_reading, inputs, learning)
    state = {key.removeprefix("state."): one for key, one in step.items() if key.startswith("state.")}
    places = part.held_out.tolist()
    held, held_rows = [made[place] for place in places], [rows[place] for place in places]

    def measuring() -> dict[str, Array]:
        run.say(f"measuring {len(held)} questions")
        begun, learned = (functools.partial(aim_method.aim, state=one) for one in (start, state))
        found = demonstrated.costs(served(), begun, learned, held, held_rows)
        return {way: np.array(value) for way, value in found.items()}

    found = run.steps.arrays(
        f"costs of {name}",
        *(demonstrated.costs, {**of, "start": dict(start), "state": dict(state)}, measuring),
        beside=(aim_method.aim,),
    )
    table = [{"demonstrations": way, "cost": found[way].item()} for way in demonstrated.WAYS]
    counts = [{
        "virtual tokens of the demonstrations": float(np.mean([len(one.vectors) for one in held_rows])),
        "their tokens as text": float(
            np.mean([sum(len(passage) + len(text) for passage, text in one.shown) for one in held])
        ),
    }]  # fmt: skip
    metrics = {
        "questions": len(asked), "costs": table, "tokens": counts,
        **{key: step[key].tolist() for key in ("losses", "likelihoods")},
    }  # fmt: skip
    facts = {
        "name": name, "method": METHOD, "space": "", "model": model, "model_revision": generator.revision,
        "layer": layer,
    }  # fmt: skip
    tables = {
        f"What a token costs the served model, in nats, on {len(held)} held-out questions": table,
        "How long demonstrations are": counts,
    }
    return Learned(SOFT_CONTEXT, state, (), files, facts, metrics, tables)
