"""A language model that reads recognised texts as they grow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from support import small_language_model
from tieback.catalog.card import GeneratorCard
from tieback.catalog.catalog import Catalog
from tieback.models.language.model import LanguageModel, load_language_model
from tieback.models.store import Store
from tieback_lab.methods.recognition_fusion._reading import Reading
from tieback_lab.methods.recognition_fusion.gfd import log_probability
from tieback_lab.recogniser.partners.gfd import LanguageReader, vocabulary_of


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    folder = tmp_path_factory.mktemp("model")
    store = Store(folder / "store")
    return load_language_model(small_language_model.build(folder / "small", store), store)


@pytest.fixture(scope="module")
def real() -> LanguageModel:
    card = Catalog.load().get("smollm2-135m-instruct")
    assert isinstance(card, GeneratorCard)
    return load_language_model(card, Store())


def reader(model: LanguageModel, width: int = 4) -> LanguageReader:
    return LanguageReader(model, vocabulary_of(model), "Said:", width=width)


def canonical(reading: Reading) -> float:
    return sum(one.of(rank, 1.0) for rank, one in zip(reading.ranks, reading.distributions, strict=True))


GROWING: Sequence[Sequence[bytes]] = (
    [b""],
    [b" a", b" b"],
    [b" a b", b" a c", b" b c"],
    [b" a c d", b" a b a b", b" a c"],
    [b"nothing of it", b" a c d \xc3", b" a c d \xc3\xa9"],
)


def test_texts_that_grow_are_read_as_each_alone(small: LanguageModel) -> None:
    together = reader(small)

    for texts in GROWING:
        for text, found in zip(texts, together.read(texts), strict=True):
            (alone,) = reader(small).read([text])

            assert list(found.ranks) == list(alone.ranks)
            assert list(found.cuts) == list(alone.cuts)
            for one, other in zip(found.distributions, alone.distributions, strict=True):
                np.testing.assert_allclose(one.logits, other.logits, atol=1e-3)


def test_the_bytes_of_the_tokens_are_those_of_the_text(small: LanguageModel) -> None:
    vocabulary = vocabulary_of(small)

    for text in (b" a b c", b"ab \xc3\xa9", b" a \xe2\x82"):
        (found,) = reader(small).read([text])

        assert b"".join(vocabulary.texts[rank] for rank in found.ranks) == text


@pytest.mark.parametrize("text", [b" The presi", b" Water boi", b" It was the wor"])
def test_a_word_that_is_cut_off_is_likelier_than_its_tokens_alone(real: LanguageModel, text: bytes) -> None:
    cut, whole = reader(real).read([text, text + b"zzz"])

    assert log_probability(cut, 1.0)[0] > canonical(cut) + 1
    assert log_probability(whole, 1.0)[0] < log_probability(cut, 1.0)[0]
