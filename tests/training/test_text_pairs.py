"""Pairs of texts are read as people have them, each text once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tieback.core.errors import InvalidInput, StartupError
from tieback.training.data.text_pairs import pair_files, read_text_pairs


def write(path: Path, lines: list[object]) -> Path:
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
    return path


def test_lines_of_every_form_are_pairs_and_other_lines_are_none(tmp_path: Path) -> None:
    write(
        tmp_path / "some.jsonl",
        [
            {"premise": "a dog runs", "hypothesis": "an animal moves", "label": "entailment"},
            {"premise": "a cat sleeps", "hypothesis": "a cat runs", "label": "contradiction"},
            {"text": "red", "same": "scarlet"},
            {"query": "who", "passage": "she"},
            {"a": "one", "b": "two", "score": 3},
            {"a": "alone"},
            {"a": 1, "b": 2},
            ["x", "y"],
        ],
    )
    write(tmp_path / "some.tsv", ["left\tright", "a\tb\tc", "word", "same\tsame"])

    pairs = read_text_pairs(pair_files([tmp_path]), most=99, fewest=1, seed=0)

    assert pairs == [
        ("a dog runs", "an animal moves"), ("red", "scarlet"), ("who", "she"), ("one", "two"),
        ("left", "right"),
    ]  # fmt: skip


def test_a_text_is_in_one_pair(tmp_path: Path) -> None:
    path = write(tmp_path / "pairs.tsv", ["a\tb", "a\tc", "d\tb", "e\ta", "f\tg"])

    assert read_text_pairs([path], most=99, fewest=1, seed=0) == [("a", "b"), ("f", "g")]


def test_at_most_so_many_are_drawn_by_the_seed_and_kept_in_their_order(tmp_path: Path) -> None:
    path = write(tmp_path / "pairs.tsv", [f"{number:02}\tx{number}" for number in range(40)])

    drawn = read_text_pairs([path], most=10, fewest=1, seed=0)

    assert drawn == sorted(drawn)
    assert len(drawn) == 10
    assert drawn == read_text_pairs([path], most=10, fewest=1, seed=0)
    assert drawn != read_text_pairs([path], most=10, fewest=1, seed=1)


def test_too_few_pairs_are_refused_with_what_a_pair_is(tmp_path: Path) -> None:
    path = write(tmp_path / "pairs.jsonl", [{"text": "no partner"}])

    with pytest.raises(InvalidInput, match=r"there are 0 pairs.*takes 2.*premise.*hypothesis") as refusal:
        read_text_pairs([path], most=9, fewest=2, seed=0)
    with pytest.raises(StartupError, match="no pairs of texts to learn from"):
        pair_files([write(tmp_path / "pairs.txt", [])])

    assert str(refusal.value.field) == "data"
