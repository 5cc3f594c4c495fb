"""What is learned from: splits, and texts as people have them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tieback.core.errors import StartupError
from tieback.training.data.texts import read_texts, text_files
from tieback.training.digests import digest
from tieback.training.splits import split


@pytest.mark.parametrize(("count", "sizes"), [(3, (3, 0, 0)), (4, (2, 1, 1)), (100, (85, 5, 10))])
def test_a_split_has_every_place_once(count: int, sizes: tuple[int, int, int]) -> None:
    found = split(count, seed=0)

    parts = (found.training, found.validation, found.held_out)
    assert tuple(map(len, parts)) == sizes
    assert np.sort(np.concatenate(parts)).tolist() == list(range(count))
    assert split(count, seed=0).training.tolist() == found.training.tolist()


def test_shares_may_be_said() -> None:
    found = split(1000, seed=0, held_out=0.2, validation=0.3)

    assert (len(found.training), len(found.validation), len(found.held_out)) == (500, 300, 200)


def test_texts_are_read_from_files_and_folders_each_once(tmp_path: Path) -> None:
    lines = [
        {"claim": "the owl flies at night", "label": "supported", "more": ["a wren sings in spring", "x y"]},
        {"claim": "The owl flies\n at night?", "score": 3},
        {"claim": "the owl flies at night"},
    ]
    (tmp_path / "claims.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "below").mkdir()
    page = "# Owls\n\nOwls are birds\nof the night.\n\nAnd wrens are not."
    (tmp_path / "below" / "page.md").write_text(page)
    (tmp_path / "below" / "photo.png").write_bytes(b"")
    (tmp_path / "below" / "words.tsv").write_text("1\towl\ta bird of the night\n2\twren\ta bird\n")

    files = text_files([tmp_path / "claims.jsonl", tmp_path / "below"])

    assert read_texts(files, most=99, seed=0) == [
        "the owl flies at night",
        "a wren sings in spring",
        "The owl flies at night?",
        "Owls are birds of the night.",
        "And wrens are not.",
        "a bird of the night",
    ]
    some = read_texts(files, most=4, seed=0)
    assert len(some) == 4
    assert some == read_texts(files, most=4, seed=0)
    assert some[-1] == "a bird of the night", "a small file has its share"


def test_data_that_are_not_there_or_no_json_are_told(tmp_path: Path) -> None:
    (tmp_path / "odd.jsonl").write_text('{"a": "b"}\n{')

    with pytest.raises(StartupError, match=r"there is no file or folder .*nowhere"):
        text_files([tmp_path / "nowhere"])
    with pytest.raises(StartupError, match=r"no texts to learn from.*--data DIR"):
        text_files([])
    with pytest.raises(StartupError, match=r"odd\.jsonl, line 2: this is not JSON"):
        read_texts(text_files([tmp_path]), most=9, seed=0)


def test_a_digest_tells_apart_what_prints_alike() -> None:
    arrays = [np.ones(1), np.ones(1, np.float32), np.ones((1, 1))]
    values = [1, 1.0, "1", [1], [[1]], {"a": 1}, None, "", *arrays]

    assert len({digest(value) for value in values}) == len(values)
    assert digest([1, 2], "x") != digest([1], [2, "x"])
    assert digest(np.float64(0.5)) == digest(0.5)
