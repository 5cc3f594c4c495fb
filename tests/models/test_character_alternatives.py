"""A line of writing as its characters with their alternatives."""

from __future__ import annotations

import numpy as np
from tieback.methods.recognition_fusion import recognition_fusions
from tieback.models.pictures.text_recogniser import CharacterAlternatives, of_scores
from tieback.models.recognition_search import search

NONE = recognition_fusions.configure("none")
CHARACTERS = "ab1"
SCORES = np.array(
    [
        # none, a, b, 1
        [0.9, 0.1, 0.0, 0.0],
        [0.1, 0.8, 0.0, 0.1],
        [0.1, 0.6, 0.0, 0.3],
        [0.8, 0.1, 0.1, 0.0],
        [0.1, 0.5, 0.1, 0.3],
        [0.2, 0.0, 0.3, 0.5],
    ]
)


def test_steps_of_one_character_are_one_place_and_none_between_makes_two() -> None:
    places = of_scores(SCORES, CHARACTERS, most=2)

    assert [[text for text, _ in place] for place in places] == [["a", "1"], ["a", "1"], ["1", "b"]]
    np.testing.assert_allclose([chance for _, chance in places[0]], [0.7, 0.2])


def test_no_character_is_an_alternative() -> None:
    assert of_scores(SCORES, CHARACTERS, most=3)[0][2] == ("", 0.1)


def test_alone_the_best_of_each_place_is_read() -> None:
    steps = CharacterAlternatives(of_scores(SCORES, CHARACTERS, most=3))

    (found,) = search(steps, NONE, width=1, most=9)

    assert steps.text_of(found.tokens) == b"aa1"
    assert found.ended


def test_the_beam_follows_the_next_best_texts() -> None:
    steps = CharacterAlternatives(of_scores(SCORES, CHARACTERS, most=3))

    texts = [steps.text_of(one.tokens) for one in search(steps, NONE, width=3, most=9)]

    assert texts == [b"aa1", b"aab", b"a11"]


def test_a_line_without_characters_has_no_place() -> None:
    places = of_scores(SCORES[:1], CHARACTERS, most=3)

    assert places == []
    assert [one.tokens for one in search(CharacterAlternatives(places), NONE, width=2, most=3)] == [()]
