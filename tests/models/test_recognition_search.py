"""Beam search over what may have been read or heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from support.lab import lab as lab
from tieback.methods.recognition_fusion import recognition_fusions
from tieback.models.recognition_search import search
from tieback_contract.arrays import Array
from tieback_lab.methods.recognition_fusion._reading import Distribution, Reading

END, TEXTS = 0, [b"", b"a", b"b", b"c"]
NONE = recognition_fusions.configure("none")


class Tree:
    """A recogniser that is a table: the probabilities of what comes after each text."""

    end = END

    def __init__(self, table: Mapping[tuple[int, ...], Sequence[float]]) -> None:
        self._table = table
        self._texts: list[tuple[int, ...]] = [()]

    def first(self) -> Array:
        self._texts = [()]
        return self._rows()

    def after(self, parents: Sequence[int], tokens: Sequence[int]) -> Array:
        self._texts = [(*self._texts[row], token) for row, token in zip(parents, tokens, strict=True)]
        return self._rows()

    def text_of(self, tokens: Sequence[int]) -> bytes:
        return b"".join(TEXTS[token] for token in tokens)

    def _rows(self) -> Array:
        with np.errstate(divide="ignore"):
            return np.log([self._table.get(text, (1, 0, 0, 0)) for text in self._texts])


class LikesC:
    """A language model of single bytes that expects nothing but c; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[bytes]] = []

    def read(self, texts: Sequence[bytes]) -> list[Reading]:
        self.asked.append(list(texts))
        sure = Distribution(np.array([-9, -9, 9], np.float32))
        return [Reading([byte - ord("a") for byte in text], [sure] * len(text), ()) for text in texts]


def garden() -> Tree:
    return Tree({(): (0, 0.6, 0.4, 0), (1,): (0, 0, 0.4, 0.6), (2,): (0, 0, 0, 1)})


def test_width_one_takes_the_first_choice_each_time() -> None:
    (found,) = search(garden(), NONE, width=1, most=9)

    assert found.tokens == (1, 3)
    assert found.ended
    np.testing.assert_allclose(found.log_probabilities, np.log([0.6, 0.6, 1]))


def test_a_beam_finds_what_the_first_choices_miss() -> None:
    best, *others = search(garden(), NONE, width=3, most=9)

    assert best.tokens == (2, 3)  # 0.4 · 1 against 0.6 · 0.6
    assert [one.tokens for one in others] == [(1, 3), (1, 2)]
    np.testing.assert_allclose(best.score, np.log(0.4) / 3)


def test_a_text_ends_only_where_the_end_is_the_first_choice() -> None:
    early = Tree({(): (0.4, 0.6, 0, 0), (1,): (0.9, 0.1, 0, 0)})

    assert {one.tokens for one in search(early, NONE, width=3, most=9)} == {(1,)}


def test_what_does_not_end_is_cut_and_said_to_be() -> None:
    endless = Tree({(1,) * n: (0, 1, 0, 0) for n in range(20)})

    (found,) = search(endless, NONE, width=2, most=5)

    assert found.tokens == (1,) * 5
    assert not found.ended


def test_a_language_model_without_weight_changes_nothing() -> None:
    alone = search(garden(), NONE, width=3, most=9)
    fused = search(
        garden(), recognition_fusions.configure("gfd", {"weight": 0}), width=3, most=9, reader=LikesC()
    )  # fmt: skip

    assert fused == alone


def test_a_language_model_decides_between_texts_that_sound_alike_one_step_late() -> None:
    alike = Tree({(): (0, 0.55, 0, 0.45), (1,): (0, 0, 1, 0), (3,): (0, 0, 1, 0)})
    reader = LikesC()

    alone, *_ = search(alike, NONE, width=2, most=9)
    fused, *_ = search(alike, recognition_fusions.configure("gfd"), width=2, most=9, reader=reader)

    assert (alone.tokens, fused.tokens) == ((1, 2), (3, 2))
    assert reader.asked[:2] == [[b""], [b"a", b"c"]]
