"""Pairs of texts that the reading network learns from: of questions and of claims, with sentences.

A pair is a claim or a question, and the sentences that it is held against: those of the evidence that share
most with it. What is known of single tokens is marked: which of a claim are not there, in pairs that were
made, and which of the sentences are the answer of a question.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import InvalidInput
from tieback.core.text.sentences import sentences
from tieback.core.text.terms import DEFAULT_LANGUAGE, function_words
from tieback.methods.grounding import words_of
from tieback.methods.grounding._chosen import chosen
from tieback.models.text.question_reader import MOST_TOKENS, TABLES
from tieback.recipes.trained import TrainingRun
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tokenizers import Tokenizer

from tieback_lab.recipes.reading.claim_pairs import LONGEST, Pair
from tieback_lab.recipes.reading.made_claims import (
    CONTRADICTED,
    EDITS,
    SUPPORTED,
    UNSUPPORTED,
    Edit,
    Texts,
    made_pairs,
    negated,
    other_number,
)
from tieback_lab.recipes.reading.made_questions import LONGEST_PASSAGE, Asked, Stated, crowded, questions_of

SENTENCES, CLAIMS, MADE, ASKED = "sentences", "claims", "made", "asked"
"""Kinds of pairs: of one sentence each, with evidence, made of them, questions."""
UNKNOWN = -1
NOT_SUPPORTED = 3
"""In place of a label of a claim of which only that is known: in sets that call nothing contradicted."""
PADDED, PADDED_SENTENCES = 0.3, 0.12
"""How many claims whose evidence is one sentence get others around it, so that it has to be found."""
POOL = 3000
EASY = 0.45
"""Of the questions with an answer, how many get no harder one without beside them."""
LEAST_LEFT = 2
"""Sentences that evidence has more than, of which the needed one is left out."""
SPECIAL = 3
Span = tuple[int, int]
_PART = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Token numbers, types and marks `[n]`; the verdict's number, whether a question is answered (1, 0).

    What is not known is `UNKNOWN`. A mark is 1 for a token of a claim that is not there, and for one of the
    sentences that is an answer.
    """

    kind: str
    source: str
    ids: Sequence[int]
    types: Sequence[int]
    label: int
    answered: int
    marked: Sequence[int]


class PairReader:
    """Makes token numbers of pairs. InvalidInput where the tokenizer does not separate two texts."""

    def __init__(self, tokenizer: Path, most_tokens: int = MOST_TOKENS) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        if self._tokenizer.num_special_tokens_to_add(True) < SPECIAL:
            raise InvalidInput("the encoder's tokenizer does not separate two texts", field="space")
        self.vocabulary: Mapping[str, int] = self._tokenizer.get_vocab()
        self._room = most_tokens - self._tokenizer.num_special_tokens_to_add(True)

    def read(
        self,
        kind: str,
        source: str,
        own: str,
        said: Sequence[str],
        *,
        label: int = UNKNOWN,
        answered: int = UNKNOWN,
        changed: Sequence[Span] | None = None,
        answer: str | None = None,
    ) -> Read:
        """A pair; `changed` are characters of the claim that are not there, None where it is not known, and
        `answer` is a text of the sentences, empty where there is none and None where it is not known.
        """
        own, text = own[:LONGEST], " ".join(nearest(own[:LONGEST], said))
        first = self._tokenizer.encode(own, add_special_tokens=False)
        first.truncate(self._room // 2)
        second = self._tokenizer.encode(text, add_special_tokens=False)
        second.truncate(self._room - len(first.ids))
        whole = self._tokenizer.post_process(first, second)
        spans: list[Sequence[Span] | None] = [changed, None]
        if answer is not None:
            found = re.finditer(re.escape(answer.lower()), text.lower()) if answer else ()
            places = [(one.start(), one.end()) for one in found]
            spans[1] = places if places or not answer else None
        marked = [
            UNKNOWN
            if is_special or (of := spans[place]) is None
            else int(any(begin < until and end > since for since, until in of))
            for place, is_special, (begin, end) in zip(
                whole.type_ids, whole.special_tokens_mask, whole.offsets, strict=True
            )
        ]
        return Read(kind, source, whole.ids, whole.type_ids, label, answered, marked)


def nearest(own: str, said: Sequence[str]) -> list[str]:
    """The sentences that share most with a text, in their order."""
    places = chosen(words_of(own), [words_of(one) for one in said], [len(one) for one in said])
    return [said[place] for place in places]


def cut(evidence: str) -> list[str]:
    """The sentences of a text, of as many characters as are read."""
    found = [" ".join(evidence[begin:end].split())[:LONGEST] for begin, end in sentences(evidence)]
    return found or [evidence[:LONGEST] or "."]


def claim_pairs(
    reader: PairReader, pairs: Sequence[Pair], of_sentences: Collection[str], seed: int
) -> Iterator[Read]:
    """Labelled pairs as they are, some with other sentences around a lone one. `of_sentences` are the sets
    whose pairs are of one sentence each.
    """
    draw = np.random.default_rng(seed)
    pool: dict[str, list[str]] = {}
    against = {one.source for one in pairs if one.label == CONTRADICTED}
    for one in pairs:
        if len(those := pool.setdefault(one.source, [])) < POOL:
            those.append(cut(one.evidence)[0])
    for one in pairs:
        said, is_short = cut(one.evidence), one.source in of_sentences
        if len(said) == 1 and draw.random() < (PADDED_SENTENCES if is_short else PADDED):
            for _ in range(int(draw.integers(1, 4))):
                other = pool[one.source][int(draw.integers(len(pool[one.source])))]
                if other not in said:
                    said.insert(int(draw.integers(len(said) + 1)), other)
        yield reader.read(
            SENTENCES if is_short else CLAIMS,
            one.source,
            one.claim,
            said,
            label=NOT_SUPPORTED if one.label == UNSUPPORTED and one.source not in against else one.label,
            changed=() if one.label == SUPPORTED else one.wrong,
        )
        if not is_short and one.label == SUPPORTED and len(said) > LEAST_LEFT:
            yield reader.read(
                MADE, "made: left out", one.claim, _without(one.claim, said), label=NOT_SUPPORTED
            )


def _without(claim: str, said: Sequence[str]) -> list[str]:
    """The sentences but the one that shares most with a claim: what is needed is not there."""
    stated = words_of(claim).all_stems
    shared = [len(stated & words_of(one).all_stems) for one in said]
    needed = max(range(len(said)), key=shared.__getitem__)
    return [one for place, one in enumerate(said) if place != needed]


def made_claims(
    reader: PairReader, pairs: Sequence[Pair], words: Edit, *, most: int, seed: int
) -> Iterator[Read]:
    """Pairs made of the pairs, at most so many of each kind, also of `words` that are others."""
    made = made_pairs(pairs, most=most, seed=seed, edits={**EDITS, "words": words})
    for changed, own in zip(made[::2], made[1::2], strict=True):
        places = _differs(own.claim, changed.claim) or None
        yield reader.read(
            MADE, changed.source, changed.claim, cut(changed.evidence), label=changed.label, changed=places
        )
        yield reader.read(MADE, own.source, own.claim, cut(own.evidence), label=own.label, changed=())


def _differs(own: str, changed: str) -> list[Span]:
    """The characters of `changed` that are others."""
    one, other = (list(_PART.finditer(text)) for text in (own, changed))
    matcher = difflib.SequenceMatcher(
        None, [part[0] for part in one], [part[0] for part in other], autojunk=False
    )
    return [
        (other[begin].start(), other[end - 1].end())
        for kind, _, _, begin, end in matcher.get_opcodes()
        if kind in ("replace", "insert") and end > begin
    ]


def question_pairs(
    reader: PairReader, pairs: Sequence[Pair], words: Edit, *, most: int, seed: int
) -> Iterator[Read]:
    """The questions of `made_questions`, as they are read."""
    for one in made_questions(pairs, words, most=most, seed=seed):
        known = one.answer or None
        yield reader.read(
            ASKED,
            one.source,
            one.question,
            cut(one.passage[:LONGEST_PASSAGE]),
            answered=int(one.answerable),
            answer=known if one.answerable else "",
        )


def made_questions(pairs: Sequence[Pair], words: Edit, *, most: int, seed: int) -> Iterator[Asked]:
    """Questions that are made of at most so many claims of each set, and harder ones without an answer."""
    stated: dict[str, list[Stated]] = {}
    for one in pairs:
        settled = None if one.label not in (SUPPORTED, CONTRADICTED) else one.label == SUPPORTED
        stated.setdefault(one.source, []).append(Stated(one.evidence, one.claim, settled, one.source))
    for _, those in sorted(stated.items()):
        draw = np.random.default_rng(seed + 1)
        those = [those[place] for place in draw.permutation(len(those))[:most].tolist()]
        asked = questions_of(those, seed)
        yield from crowded([*asked, *_harder(asked, words, draw)], draw)


def _harder(asked: Sequence[Asked], words: Edit, draw: np.random.Generator) -> Iterator[Asked]:
    """Questions of which one thing is another, so that the same passage does not answer them."""
    edits = (words, words, negated, other_number)
    for one in asked:
        if not one.answerable or draw.random() < EASY:
            continue
        edit = edits[int(draw.integers(len(edits)))]
        question = edit(one.question, Texts([], [one.passage]), draw)
        if question is not None and question != one.question:
            yield replace(one, question=question, answerable=False, answer="")


class OtherWords:
    """Puts one of its neighbours in a table of words in the place of a word: of its kind, of another sense.

    The `table` `[n, width]` has a row for each of the `vocabulary`, by their numbers.
    """

    NEIGHBOURS, CLOSEST, LETTERS = 31, 0.25, 4

    def __init__(self, table: Array, vocabulary: Mapping[str, int], left_out: frozenset[str]) -> None:
        self._numbers, self._left_out = vocabulary, left_out
        self._words = [
            word
            for word in sorted(vocabulary)
            if word.isalpha() and word.isascii() and len(word) >= self.LETTERS
        ]
        unit = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
        self._unit = unit
        self._of_words = unit[[vocabulary[word] for word in self._words]]
        self._found: dict[str, list[str]] = {}

    def __call__(self, claim: str, texts: Texts, draw: np.random.Generator) -> str | None:
        """An `Edit`: a word of the claim is another."""
        found = [one for one in re.finditer(r"[A-Za-z]{4,}", claim) if self._neighbours(one[0].lower())]
        if not found:
            return None
        one = found[int(draw.integers(len(found)))]
        near = self._neighbours(one[0].lower())
        other = near[int(draw.integers(len(near)))]
        if any(other in text.lower() for text in texts.beside):
            return None
        written = other.capitalize() if one[0][0].isupper() else other
        return claim[: one.start()] + written + claim[one.end() :]

    def _neighbours(self, word: str) -> list[str]:
        if word not in self._found:
            number = self._numbers.get(word)
            near: list[str] = []
            if number is not None and word not in self._left_out:
                cosines = self._of_words @ self._unit[number]
                near = [
                    self._words[place]
                    for place in np.argsort(-cosines)[1 : 1 + self.NEIGHBOURS].tolist()
                    if cosines[place] > self.CLOSEST and self._words[place][:4] != word[:4]
                ]
            self._found[word] = near
        return self._found[word]


BERT = "bert"


def base_of(card: EncoderCard, run: TrainingRun) -> tuple[Any, PairReader, OtherWords]:
    """The encoder, what makes token numbers for it, and what changes words by its table. InvalidInput where
    it is no BERT.
    """
    from tieback.recipes.graphs.backbone import load_model, read_config

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
