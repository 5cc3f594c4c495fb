"""What a language model learns to read virtual tokens of demonstrations by: questions answered in one form.

The same answer can be said in several forms. Which one is wanted is shown by the demonstrations alone, so a
model that reads nothing of them does not know it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tieback.core.text.sentences import sentences
from tieback.models.language.model import LanguageModel
from tieback_contract.arrays import Array

from tieback_lab.generator.prompting import (
    demonstrated_beginning,
    demonstrated_messages,
    demonstration_texts,
)
from tieback_lab.recipes.reading.asked_questions import LONGEST
from tieback_lab.recipes.reading.made_questions import Asked
from tieback_lab.recipes.train.soft_examples import cost
from tieback_lab.recipes.train.soft_reading import Reading

FORMS: dict[str, Callable[[str, str], str]] = {
    "words": lambda answer, _: answer,
    "capitals": lambda answer, _: answer.upper(),
    "list": lambda answer, _: f"- {answer}",
    "marked": lambda answer, _: f"<b>{answer}</b>",
    "sentence": lambda _, sentence: sentence,
}
"""How an answer is said, of its words and the sentence that has it."""
WINDOWS = 2
"""Sentences of a passage that are read."""
WAYS = (
    "virtual tokens",
    "virtual tokens before training",
    "shuffled virtual tokens",
    "texts without passages",
    "texts with passages",
    "none",
)
"""What stands for the demonstrations in a prompt."""

Soft = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Episode:
    """A question with demonstrations, all answered in one form.

    `shown` are the tokens of each demonstration: of its passage, and of its text. `question` is what follows
    them, and `answer` what is to be predicted.
    """

    form: str
    shown: Sequence[tuple[Sequence[int], Sequence[int]]]
    question: Sequence[int]
    answer: Sequence[int]


def episodes(
    model: LanguageModel, asked: Sequence[Asked], *, demonstrations: int, seed: int
) -> list[Episode]:
    """One of each question, with demonstrations drawn of the other questions."""
    draw = np.random.default_rng(seed)
    names, end, found = list(FORMS), min(model.end_tokens), []
    for place, one in enumerate(asked):
        form = names[int(draw.integers(len(names)))]
        others = draw.choice(np.delete(np.arange(len(asked)), place), demonstrations, replace=False)
        shown = []
        for other in (asked[number] for number in others.tolist()):
            passage, sentence = _read(other)
            said = demonstration_texts(passage, other.question, FORMS[form](other.answer, sentence))
            shown.append((model.tokens(said[0]), model.tokens(said[1])))
        passage, sentence = _read(one)
        tokens, places = model.prompt_with_places(demonstrated_messages(one.question, [passage]), 1)
        answer = [*model.tokens(FORMS[form](one.answer, sentence)), end]
        found.append(Episode(form, shown, tokens[int(places[0]) + 1 :], answer))
    return found


def states_of(
    model: LanguageModel, episode: Episode, layer: int, known: dict[tuple[int, ...], Array]
) -> Array:
    """The states of the texts of its demonstrations after `layer` `[tokens, width]`; `known` holds them by
    their tokens.
    """
    beginning, rows = demonstrated_beginning(model), []
    for passage, text in episode.shown:
        tokens = (*beginning, *passage, *text)
        if tokens not in known:
            known[tokens] = model.decoder.last_states(tokens, len(text), layer=layer)
        rows.append(known[tokens])
    return np.concatenate(rows)


def reading_of(episode: Episode, states: Array) -> Reading:
    """Its question, to be answered behind the virtual tokens."""
    return Reading(states, episode.question, episode.answer)


def costs(
    model: LanguageModel, begun: Soft, learned: Soft, made: Sequence[Episode], readings: Sequence[Reading]
) -> dict[str, float]:
    """The mean negative log-likelihood of a token of the answers under the served model, in nats, by `WAYS`.

    `begun` makes virtual tokens by what training began with. Shuffled ones are of demonstrations in another
    form; the texts alone have as many tokens.
    """
    none = [replace(one, vectors=one.vectors[:0]) for one in readings]
    texts, whole, shuffled = [], [], []
    for place, (one, bare) in enumerate(zip(made, none, strict=True)):
        said = [token for _, text in one.shown for token in text]
        all_of_it = [token for passage, text in one.shown for token in (*passage, *text)]
        texts.append(replace(bare, question=[*said, *bare.question]))
        whole.append(replace(bare, question=[*all_of_it, *bare.question]))
        later = [*range(place + 1, len(made)), *range(place)]
        other = next((number for number in later if made[number].form != one.form), place)
        shuffled.append(replace(bare, vectors=readings[other].vectors))
    beginning = demonstrated_beginning(model)
    ways = (
        (learned, readings),
        (begun, readings),
        *((learned, rows) for rows in (shuffled, texts, whole, none)),
    )
    return {name: cost(model, beginning, soft, rows) for name, (soft, rows) in zip(WAYS, ways, strict=True)}


def _read(one: Asked) -> tuple[str, str]:
    """Two sentences of the passage, the one with the answer among them, and that one."""
    cut = [one.passage[begin:end][:LONGEST] for begin, end in sentences(one.passage)] or ["."]
    place = next((number for number, text in enumerate(cut) if one.answer in text), 0)
    first = max(0, min(place, len(cut) - WINDOWS))
    return " ".join(cut[first : first + WINDOWS]), cut[place]
