"""A recogniser's hypotheses scored together with a language model."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.core.text.token_bytes import token_bytes
from tieback.methods.recognition_fusion import Hypothesis, recognition_fusions
from tieback_contract.arrays import Array
from tieback_lab.methods.recognition_fusion._reading import ByteVocabulary, Cut, Distribution, Reading
from tieback_lab.methods.recognition_fusion.gfd import log_probability

TEXTS = [b"a", b"b", b"ab", b"abb", b"ba", b"bab"]
VOCABULARY = ByteVocabulary.of(dict(enumerate(TEXTS)))


def logits_after(ranks: tuple[int, ...]) -> Array:
    """A language model of six tokens: its scores depend on all tokens before."""
    return np.random.default_rng(list(ranks)).normal(scale=2, size=len(TEXTS)).astype(np.float32)


def reading(ranks: tuple[int, ...]) -> Reading:
    """What the model says of the text of these tokens."""
    rest, cuts = b"", []
    for place in range(len(ranks) - 1, -1, -1):
        rest = VOCABULARY.texts[ranks[place]] + rest
        begin, end = VOCABULARY.longer(rest)
        if begin < end:
            cuts.append(Cut(place, begin, end))
    return Reading(ranks, [Distribution(logits_after(ranks[:n])) for n in range(len(ranks))], cuts)


def canonical(ranks: tuple[int, ...], temperature: float) -> float:
    return sum(Distribution(logits_after(ranks[:n])).of(rank, temperature) for n, rank in enumerate(ranks))


def test_tokens_that_begin_with_the_same_bytes_are_neighbours() -> None:
    begin, end = VOCABULARY.longer(b"ab")

    assert list(VOCABULARY.texts) == sorted(TEXTS)
    assert VOCABULARY.texts[begin:end] == [b"abb"]
    assert VOCABULARY.longer(b"bab") == (6, 6)
    assert VOCABULARY.rank(b"ab") == VOCABULARY.ranks[2]
    assert VOCABULARY.rank(b"aa") is None


@each(
    "written, byte_level, meant",
    [
        ("Ġthe", True, b" the"),
        ("Ċ", True, b"\n"),
        ("Ã©", True, "é".encode()),
        ("▁the", False, b" the"),
        ("<0x0A>", False, b"\n"),
    ],
)
def test_tokens_are_read_as_their_tokenizer_writes_them(written: str, byte_level: bool, meant: bytes) -> None:
    assert token_bytes({written: 3}, byte_level=byte_level) == {3: meant}


@pytest.mark.parametrize("temperature", [1.0, 1.7])
def test_the_probability_of_bytes_sums_the_ways_that_the_model_may_go_on(temperature: float) -> None:
    ranks = (VOCABULARY.ranks[0], VOCABULARY.ranks[1])  # "a", "b"

    def chance(logits: Array, ranks: list[int]) -> float:
        scaled = np.exp(logits.astype(np.float64) / temperature)
        return float(scaled[ranks].sum() / scaled.sum())

    first, second = logits_after(()), logits_after(ranks[:1])
    one_token = chance(first, [VOCABULARY.ranks[3]])  # abb, the only one longer than "ab"
    two_tokens = chance(first, [ranks[0]]) * chance(second, [ranks[1]])
    then_longer = chance(first, [ranks[0]]) * chance(second, [VOCABULARY.ranks[4], VOCABULARY.ranks[5]])
    found, _ = log_probability(reading(ranks), temperature)

    assert found == pytest.approx(np.log(one_token + two_tokens + then_longer))


def test_a_text_that_is_cut_within_a_token_is_at_least_as_probable_as_its_tokens_alone() -> None:
    for ranks in itertools.product(range(6), repeat=3):
        assert log_probability(reading(ranks), 1.7)[0] >= canonical(ranks, 1.7) - 1e-9


def test_a_longer_text_is_no_more_probable_than_its_beginning() -> None:
    for ranks in itertools.product(range(6), repeat=2):
        for last in range(6):
            tokens = (*ranks, last)
            whole, _ = log_probability(Reading(tokens, reading(tokens).distributions, ()), 1.0)
            beginning, _ = log_probability(reading(ranks), 1.0)

            assert whole <= beginning + 1e-9


def test_it_is_divided_by_the_tokens_of_the_likeliest_way() -> None:
    sure = np.array([-9, -9, 9, -9, -9, -9], np.float32)  # abb, in the order of bytes
    cut = reading((VOCABULARY.ranks[0], VOCABULARY.ranks[1]))
    certain = Reading(cut.ranks, [Distribution(sure), Distribution(sure)], cut.cuts)

    found, tokens = log_probability(certain, 1.0)

    assert found == pytest.approx(0, abs=1e-5)
    assert tokens == 1


def test_without_weight_the_recogniser_is_alone() -> None:
    hypotheses = [
        Hypothesis(-3.0, 3, reading((0, 1, 2))), Hypothesis(-1.0, 2, reading((3,))), Hypothesis(-9.0, 4)
    ]  # fmt: skip

    alone = recognition_fusions.configure("none")(hypotheses)
    fused = recognition_fusions.configure("gfd", {"weight": 0})(hypotheses)

    np.testing.assert_array_equal(alone, fused)
    np.testing.assert_allclose(alone, [-1.0, -0.5, -2.25])


def test_the_model_prefers_the_text_that_it_expects() -> None:
    expected, other = reading((0,)), reading((5,))
    if log_probability(expected, 1.7)[0] < log_probability(other, 1.7)[0]:
        expected, other = other, expected

    scores = recognition_fusions.configure("gfd")([Hypothesis(-1, 1, other), Hypothesis(-1, 1, expected)])

    assert scores[1] > scores[0]


@pytest.mark.parametrize(("parameter", "value"), [("weight", 1.5), ("weight", -1), ("temperature", 0)])
def test_parameters_out_of_range_are_refused_by_name(parameter: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=parameter):
        recognition_fusions.configure("gfd", {parameter: value})
