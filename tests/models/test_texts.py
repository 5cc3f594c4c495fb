"""What a text may be."""

from __future__ import annotations

import contextvars
import resource
from pathlib import Path

import numpy as np
import pytest
from support.each import each
from tieback.catalog.catalog import Catalog
from tieback.core.errors import InvalidInput
from tieback.core.tenant import TENANT
from tieback.core.text.spans import ByteOffsets
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import Truncation
from tieback.models.content import read_text
from tieback.models.store import Store
from tieback.models.text.tokenization import RecentEncodings, TextTokenizer
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector
from tokenizers import Encoding


@each(
    "text, reason, said",
    [
        ("a\0b", "BAD_TEXT", "NUL at character 1"),
        ("ab\ud800", "BAD_TEXT", r"lone surrogate \(U\+D800\) at character 2"),
        ("x" * (10 * 1024 * 1024), "TEXT_TOO_LARGE", "1048576 bytes"),
        ("é" * (600 * 1024), "TEXT_TOO_LARGE", "1048576 bytes"),
        ("", "EMPTY_TEXT", "empty"),
        (" \n\t", "EMPTY_TEXT", "empty"),
    ],
)
def test_a_text_that_cannot_be_carried_is_refused(text: str, reason: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        read_text(Content(Modality.TEXT, text), Limits())

    assert str(caught.value.field) == "text"
    assert caught.value.reason == reason


def test_a_limit_of_0_is_no_limit() -> None:
    text = "x" * 2_000_000

    assert read_text(Content(Modality.TEXT, text), Limits(text_bytes=0)) == text


def test_a_vector_is_no_text() -> None:
    vector = Vector(np.ones(3, np.float32), SpaceRef("space", "1", "2"))

    with pytest.raises(InvalidInput, match="was given precomputed vector"):
        read_text(Content(None, vector), Limits())


@each("text", ["plain", "naïve", "東京", "🦉🦉", "a🦉é東"])
def test_ranges_of_characters_become_ranges_of_bytes(text: str) -> None:
    offsets = np.array([(place, place + 1) for place in range(len(text))])

    spans = ByteOffsets(text).spans(offsets)

    assert "".join(text.encode()[begin:end].decode() for begin, end in spans) == text


@pytest.fixture
def vocabulary(store: Store, catalog: Catalog) -> Path:
    """MiniLM's."""
    return store.open(catalog.get("all-minilm-l6-v2")).path("tokenizer.json")


@pytest.fixture
def tokenizer(vocabulary: Path) -> TextTokenizer:
    """Reads at most 16 tokens."""
    return TextTokenizer(vocabulary, max_tokens=16, special_tokens=True)


def test_models_with_the_same_tokenizer_tokenise_a_text_once(vocabulary: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tokenizer.json"
    copy.write_bytes(vocabulary.read_bytes())
    one = TextTokenizer(vocabulary, max_tokens=16, special_tokens=True)
    other = TextTokenizer(copy, max_tokens=16, special_tokens=True)
    text = "a lamp that nobody has seen"

    one.starts(text)

    made = one._recent.find(text)
    assert made is not None
    assert other._recent.find(text) is made
    assert other(text, Truncation.END)[0].ids.tolist() == one(text, Truncation.END)[0].ids.tolist()


def test_a_text_that_one_model_cuts_off_stays_whole_for_another(vocabulary: Path) -> None:
    short = TextTokenizer(vocabulary, max_tokens=6, special_tokens=True)
    long = TextTokenizer(vocabulary, max_tokens=None, special_tokens=True)
    text = "ships saw the lamp from afar, and nobody knew who lit it"
    whole = long(text, Truncation.END)[0].ids

    read, cut = short(text, Truncation.END)

    assert (len(read.ids), cut) == (6, len(whole) - 6)
    assert len(short.starts(text)) == len(whole) - 2
    assert long(text, Truncation.END)[0].ids.tolist() == whole.tolist()
    assert short(text, Truncation.END)[0].spans.tolist() == read.spans.tolist()


def test_no_tenant_finds_what_another_has_sent(tokenizer: TextTokenizer) -> None:
    def as_tenant(name: str) -> Encoding | None:
        TENANT.set(name)
        found = tokenizer._recent.find("a secret of one tenant")
        tokenizer.starts("a secret of one tenant")
        return found

    found = [contextvars.copy_context().run(as_tenant, name) for name in ("one", "other", "one")]

    assert found[:2] == [None, None]
    assert found[2] is not None


def test_recent_encodings_are_bounded_and_the_oldest_go_first(tokenizer: TextTokenizer) -> None:
    recent = RecentEncodings(characters=10)
    encoding = tokenizer._encode("lamp")

    for text in ("aaaa", "bbbb", "aaaa", "cccc", "cccc"):
        if recent.find(text) is None:
            recent.keep(text, encoding)

    assert [recent.find(text) is not None for text in ("aaaa", "bbbb", "cccc")] == [True, False, True]
    recent.keep("d" * 11, encoding)
    assert recent.find("cccc") is None


def of_tokens(*ids: int) -> Content:
    return Content(Modality.TEXT, TokenNumbers(np.array(ids, np.int64)))


@pytest.mark.parametrize("text", ["the cat sat", "a " * 40])
def test_token_numbers_of_the_caller_are_read_as_the_text_they_are_of(
    vocabulary: Path, tokenizer: TextTokenizer, text: str
) -> None:
    unbounded = TextTokenizer(vocabulary, max_tokens=None, special_tokens=True)
    brought = unbounded(text, Truncation.REFUSE)[0].ids

    expected, cut = tokenizer.read(Content(Modality.TEXT, text), Limits(), Truncation.END)
    found, cut_too = tokenizer.read(of_tokens(*brought), Limits(), Truncation.END)

    np.testing.assert_array_equal(found.ids, expected.ids)
    assert cut_too == cut
    assert found.spans.tolist() == [[0, 0]] * len(found.ids)


@pytest.mark.parametrize(
    ("ids", "said", "reason"),
    [
        ([], "at least one", "INVALID_INPUT"),
        ([101, -1], "no number -1", "BAD_TOKEN"),
        ([101, 30522], "30522 tokens and no number 30522", "BAD_TOKEN"),
        ([101] * 17, "17 tokens and the model reads 16", "TEXT_TOO_LONG"),
    ],
    ids=["none", "negative", "beyond the vocabulary", "too many"],
)
def test_token_numbers_that_the_model_cannot_read_are_refused(
    tokenizer: TextTokenizer, ids: list[int], said: str, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        tokenizer.read(of_tokens(*ids), Limits(), Truncation.REFUSE)

    assert str(caught.value.field) == "token_ids"
    assert caught.value.reason == reason


def test_token_numbers_are_int64_in_a_row(tokenizer: TextTokenizer) -> None:
    for wrong in (np.array([1.5]), np.array([[101, 102]])):
        with pytest.raises(InvalidInput, match="a row of int64"):
            tokenizer.read(Content(Modality.TEXT, TokenNumbers(wrong)), Limits(), Truncation.REFUSE)


LONG_TEXTS = {
    "words": "the quick brown fox jumps over the lazy dog, again and again. " * 900,
    "dots": "." * 40_000,
    "no spaces": "東京" * 20_000,
}


@pytest.mark.parametrize("text", LONG_TEXTS.values(), ids=list(LONG_TEXTS))
def test_a_long_text_is_tokenised_in_pieces_and_none_of_it_is_lost(vocabulary: Path, text: str) -> None:
    bounded = TextTokenizer(vocabulary, max_tokens=100, special_tokens=True)
    whole, _ = TextTokenizer(vocabulary, max_tokens=None, special_tokens=False)(text, Truncation.END)

    kept, cut = bounded(text, Truncation.END)

    assert len(kept.ids) == 100
    assert kept.ids[1:-1].tolist() == whole.ids[:98].tolist()
    assert kept.spans.tolist() == whole.spans[:98].tolist()
    assert cut == len(whole.ids) - 98


def test_a_text_of_nothing_but_tokens_takes_little_memory(vocabulary: Path) -> None:
    read = TextTokenizer(vocabulary, max_tokens=100, special_tokens=True)
    read("warm", Truncation.END)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    kept = [read("." * (1 << 20), Truncation.END) for _ in range(2)]

    assert len(kept) == 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64_000  # kB; it took 500 MB
