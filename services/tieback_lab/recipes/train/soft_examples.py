"""What a language model learns to read soft tokens by: sentences that it says again, and its own answers.

And what such texts cost the served model, behind soft tokens and without.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tieback.core.errors import StartupError
from tieback.core.text.sentences import sentences
from tieback.generator.writing.prompting import messages, plain_request
from tieback.models.encoder_model import EncoderModel
from tieback.models.language.decoder import PrefixCache, SoftTokens
from tieback.models.language.model import LanguageModel
from tieback_contract.arrays import Array

from tieback_lab.generator.prompting import compressed_request
from tieback_lab.recipes.reading.asked_questions import LONGEST, MOST_SENTENCES
from tieback_lab.recipes.reading.claim_pairs import encoded
from tieback_lab.recipes.reading.made_questions import Asked
from tieback_lab.recipes.train.soft_reading import Reading

SAY_AGAIN = (
    "What does the text say?",
    "Can you say the text again?",
    "What is written in the text?",
    "What is the text, in one sentence?",
    "What do we learn from the text?",
    "Which sentence is this?",
)
"""How a model is asked for a sentence, in place of the paper's instructions for a paraphrase."""

PASSAGES = ("passage", "evidence", "premise")
WORDS = range(5, 19)
"""Of a sentence that is learned from."""
ANSWER_TOKENS, PREFIX_BYTES = 16, 1 << 26
WINDOWS = 2
"""Sentences of a passage that stand in a prompt, as in an answer's."""


def sentences_of(files: Iterable[Path], *, most: int, seed: int) -> list[str]:
    """Sentences of the passages of JSONL files, each once. StartupError where a line is no object."""
    found: dict[str, None] = {}
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                said = json.loads(line) if line.strip() else {}
                passage = str(next((said[name] for name in PASSAGES if name in said), ""))
            except (ValueError, TypeError, AttributeError):
                raise StartupError(f"{path.name}, line {number}: a line is a JSON object") from None
            for begin, end in sentences(passage[: LONGEST * MOST_SENTENCES]):
                if len(passage[begin:end].split()) in WORDS:
                    found[" ".join(passage[begin:end].split())] = None
    texts = list(found)
    draw = np.random.default_rng(seed)
    return [texts[place] for place in draw.permutation(len(texts))[:most]]


def beginning_of(model: LanguageModel) -> list[int]:
    """What all prompts with soft tokens begin with."""
    tokens, places = model.prompt_with_places(messages(compressed_request("")), 1)
    return tokens[: int(places[0])]


def paraphrases(model: LanguageModel, vectors: Array, texts: Sequence[str], seed: int) -> list[Reading]:
    """Each text, to be said behind its vector."""
    asking = [_question(model, question) for question in SAY_AGAIN]
    chosen = np.random.default_rng(seed).integers(len(asking), size=len(texts)).tolist()
    end = min(model.end_tokens)
    return [
        Reading(vector[None], asking[form], [*model.tokens(text), end])
        for vector, text, form in zip(vectors, texts, chosen, strict=True)
    ]


def answers(
    model: LanguageModel, encoder: EncoderModel, asked: Sequence[Asked], say: Callable[[str], None]
) -> list[Reading]:
    """What the model answers to each question behind its sentences of text, to be answered behind their
    vectors.

    The sentences are the one with the known answer, and the one that is nearest to the question beside it.
    """
    chosen = [_cut(one) for one in asked]
    texts = list(
        dict.fromkeys(text for one, cut in zip(asked, chosen, strict=True) for text in (one.question, *cut))
    )
    places = {text: number for number, text in enumerate(texts)}
    vectors, _ = encoded(encoder, texts)
    prefixes, found = PrefixCache(PREFIX_BYTES), []
    for one, cut in zip(asked, chosen, strict=True):
        windows = vectors[[places[text] for text in cut]]
        near = windows @ vectors[places[one.question]]
        near[next((n for n, text in enumerate(cut) if one.answer in text), 0)] = np.inf
        kept = np.sort(np.argsort(-near)[:WINDOWS]).tolist()
        prompt = model.prompt(messages(plain_request(one.question, [" ".join(cut[n] for n in kept)])))
        answer, taught = _answered(model, prompt, prefixes)
        found.append(Reading(windows[kept], _question(model, one.question), answer, taught))
        if len(found) % 50 == 0:
            say(f"{len(found)} of {len(asked)} questions answered by their text")
    return found


def costs(
    model: LanguageModel, soft: Callable[[Array], Array], readings: Sequence[Reading]
) -> dict[str, float]:
    """The mean negative log-likelihood of a token of the answers under the served model, in nats.

    Behind the soft tokens, behind those of the next reading (shuffled), behind none, and by the teacher.
    """
    others = [
        replace(one, vectors=np.resize(other.vectors, one.vectors.shape))
        for one, other in zip(readings, [*readings[1:], readings[0]], strict=True)
    ]
    without = [replace(one, vectors=one.vectors[:0]) for one in readings]
    ways = {"soft tokens": readings, "shuffled": others, "nothing": without}
    beginning = beginning_of(model)
    found = {name: cost(model, beginning, soft, rows) for name, rows in ways.items()}
    taught = [_surprise(one.taught, one.answer) for one in readings if one.taught is not None]
    return found | ({"the text": _mean(taught)} if taught else {})


def cost(
    model: LanguageModel,
    beginning: Sequence[int],
    soft: Callable[[Array], Array],
    readings: Sequence[Reading],
) -> float:
    """The same of the answers of these readings, behind `beginning` and their soft tokens."""
    return _mean([_surprise(_scores(model, beginning, one, soft), one.answer) for one in readings])


def _cut(one: Asked) -> list[str]:
    cut = [one.passage[begin:end][:LONGEST] for begin, end in sentences(one.passage)]
    place = next((number for number, text in enumerate(cut) if one.answer in text), 0)
    return cut[max(0, place - MOST_SENTENCES + 1) :][:MOST_SENTENCES] or ["."]


def _question(model: LanguageModel, question: str) -> list[int]:
    tokens, places = model.prompt_with_places(messages(compressed_request(question)), 1)
    return tokens[int(places[0]) + 1 :]


def _answered(model: LanguageModel, prompt: Sequence[int], prefixes: PrefixCache) -> tuple[list[int], Array]:
    """The greedy answer, its end included, and the logits that each of its tokens was chosen by."""
    decoder = model.decoder
    caches, tokens = decoder.caches(1, len(prompt) + ANSWER_TOKENS), np.array(prompt, np.int64)
    read = prefixes.fill(caches, 0, tokens, b"")
    answer: list[int] = []
    taught, piece = [], tokens[read:]
    while len(answer) < ANSWER_TOKENS and (not answer or answer[-1] not in model.end_tokens):
        logits = decoder.advance(
            caches,
            slice(0, 1),
            piece[None],
            past=np.array([read]),
            places=np.array([[len(piece) - 1]]),
            exits=np.array([decoder.layers]),
        )[0, 0, 0]
        if not answer:
            prefixes.keep(caches, 0, tokens, b"")
        read += len(piece)
        answer.append(int(logits.argmax()))
        taught.append(logits.astype(np.float16))
        piece = np.array(answer[-1:], np.int64)
    return answer, np.stack(taught)


def _scores(
    model: LanguageModel, beginning: Sequence[int], one: Reading, soft: Callable[[Array], Array]
) -> Array:
    """Logits `[answer, vocabulary]`."""
    count = len(one.vectors)
    tokens = np.array([*beginning, *([0] * count), *one.question, *one.answer[:-1]], np.int64)
    streams = model.open({"": tokens.tolist()}, room=0)
    first = len(tokens) - len(one.answer)
    made = SoftTokens(len(beginning) + np.arange(count), soft(one.vectors)) if count else None
    logits = streams.run(
        slice(0, 1),
        tokens[None],
        past=np.zeros(1, int),
        places=np.arange(first, len(tokens))[None],
        soft=made,
    )
    return np.asarray(logits[0, :, 0])


def _surprise(logits: Array, answer: Sequence[int]) -> Array:
    """Of each token `[answer]`, in nats."""
    wide = logits.astype(np.float64)
    highest = wide.max(axis=1)
    whole = highest + np.log(np.exp(wide - highest[:, None]).sum(axis=1))
    return np.asarray(whole - wide[np.arange(len(answer)), list(answer)])


def _mean(surprises: Sequence[Array]) -> float:
    return float(np.concatenate(surprises).mean())
