"""The network that reads a question and sentences together: a cross-encoder.

It is what a judge learned beside its state (`recipes/trained/question_reading.py`): a graph of the layers of
a text encoder, trained on. The encoder's word table stays as it is, so it is read from the encoder's own
weights and is not kept twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from tieback_contract.arrays import Array

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import InvalidInput, StartupError
from tieback.models.session import Session
from tieback.models.store import Store
from tieback.models.text.token_pairs import TokenizedPair
from tieback.models.text.tokenization import TextTokenizer

GRAPH = "reader.onnx"
"""The graph's name among the files of an artifact."""
EMBEDDED, OWN, ANSWERED, VERDICT = "embedded", "own", "answered", "verdict"
"""Its inputs `[1, tokens, width]` and `[1, tokens]`, the tokens of the first text, and its outputs `[1]` and
`[1, labels]`: logits that a question is answered, and of the verdict of a claim."""
MOST_TOKENS = 192
TABLES = ("word_embeddings", "position_embeddings", "token_type_embeddings")
EPSILON = 1e-12
LEAST = -8.0
"""The logit where a text has no word."""
_TENSORS = (*(f"{name}.weight" for name in TABLES), "LayerNorm.weight", "LayerNorm.bias")


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """What a BERT makes of token numbers before its first layer: tables `[n, width]` of words, places and
    types, the words in half precision; then a normalisation `[width]`.
    """

    words: Array
    places: Array
    types: Array
    weight: Array
    bias: Array

    @classmethod
    def read(cls, file: Path) -> Embeddings:
        """StartupError where the file has no such tables."""
        try:
            with safe_open(file, "np") as tensors:
                names = list(tensors.keys())
                words, *others = (
                    tensors.get_tensor(next(name for name in names if name.endswith(f"embeddings.{wanted}")))
                    for wanted in _TENSORS
                )
        except (OSError, SafetensorError, RuntimeError) as error:  # a generator turns StopIteration into one
            raise StartupError(f"{file.name} has not the embeddings of a BERT: {error}") from error
        return cls(words.astype(np.float16), *(one.astype(np.float32) for one in others))

    def __call__(self, pair: TokenizedPair) -> Array:
        """`[tokens, width]`."""
        summed = self.words[pair.ids].astype(np.float32) + self.places[: len(pair.ids)]
        summed += self.types[pair.types]
        summed -= summed.mean(axis=1, keepdims=True)
        summed /= np.sqrt(np.square(summed).mean(axis=1, keepdims=True) + EPSILON)
        return np.asarray(summed * self.weight + self.bias)


class QuestionReader:
    """Reads pairs of texts, one at a time: padding would cost more than a run saves."""

    def __init__(self, graph: bytes, embeddings: Embeddings, tokenizer: TextTokenizer) -> None:
        self._session = Session(graph)
        self._embeddings = embeddings
        self._tokenizer = tokenizer

    def __call__(self, question: str, sentences: str) -> float:
        """How far the sentences answer the question, a logit; for any thread. What is longer is cut."""
        found = self._run(ANSWERED, question, sentences)
        return LEAST if found is None else float(found[0])

    def read(self, claim: str, sentences: str) -> Array:
        """The logits of a verdict on the claim `[labels]`; as above. Of a text without a word it is open."""
        found = self._run(VERDICT, claim, sentences)
        return np.array([LEAST, LEAST, 0.0], np.float32) if found is None else found[0]

    def _run(self, wanted: str, own: str, sentences: str) -> Array | None:
        """An output of the graph; None where a text has no word."""
        try:
            pair = self._tokenizer.pair(own, sentences)
        except InvalidInput:
            return None
        first = (pair.types == 0).astype(np.float32)
        inputs = {EMBEDDED: self._embeddings(pair)[None], OWN: first[None]}
        (found,) = self._session.run([wanted], inputs)
        return np.asarray(found)


def load_question_reader(graph: bytes, card: EncoderCard, store: Store) -> QuestionReader:
    """The reader over the word table of the card's encoder. StartupError where its weights are not there."""
    options, folder = card.options_for(TransformerText), store.weights(card)
    embeddings = Embeddings.read(folder / options.weights)
    most = min(MOST_TOKENS, len(embeddings.places))
    tokenizer = TextTokenizer(folder / options.tokenizer, max_tokens=most, special_tokens=True)
    return QuestionReader(graph, embeddings, tokenizer)
