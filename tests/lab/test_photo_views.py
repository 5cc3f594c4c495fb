"""Photos to learn from, and what else shows the same thing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.each import each
from tieback.core.errors import InvalidInput, StartupError
from tieback.training.ranks import ranks
from tieback_lab.recipes.train.photo_views import (
    CROPPED,
    PASTED,
    compressed,
    cropped,
    pasted,
    photo_files,
    read_photo,
)

RED, BLUE = Image.new("RGB", (90, 60), (240, 20, 20)), Image.new("RGB", (80, 70), (20, 20, 240))


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def red(picture: Image.Image) -> float:
    """The share of the picture that is red."""
    pixels = np.asarray(picture, np.int64)
    return float((pixels[..., 0] - pixels[..., 2] > 100).mean())


def test_photos_are_found_by_their_names_in_files_and_folders(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")

    assert [path.name for path in photo_files([tmp_path, tmp_path / "a.png"])] == ["a.png", "b.JPG"]
    with pytest.raises(StartupError, match=r"no photos to learn from; .*\.jpg.*--data DIR"):
        photo_files([tmp_path / "notes.txt"])


def test_a_photo_is_read_upright_in_rgb_and_made_small() -> None:
    file = io.BytesIO()
    grey = Image.new("L", (300, 100), 90)
    exif = grey.getexif()
    exif[0x0112] = 6  # a quarter turn
    grey.save(file, "JPEG", exif=exif)

    found = read_photo(file.getvalue(), longest=150)

    assert (found.mode, found.size) == ("RGB", (50, 150))
    with pytest.raises(InvalidInput, match="not a picture"):
        read_photo(b"no photo", longest=150)


@each("seed", range(20))
def test_a_crop_has_a_share_of_the_photo_s_area_and_lies_in_it(seed: int) -> None:
    crop = cropped(RED, draw(seed))

    share = crop.width * crop.height / (RED.width * RED.height)
    assert CROPPED[0] - 0.03 < share < CROPPED[1] + 0.03
    assert red(crop) == 1


@each("seed", range(20))
def test_a_part_of_a_photo_is_pasted_whole_into_another_of_its_own_size(seed: int) -> None:
    scene = pasted(RED, BLUE, draw(seed))

    assert scene.size == BLUE.size
    least, most = (share * RED.width * RED.height / (BLUE.width * BLUE.height) for share in PASTED)
    assert least - 0.05 < red(scene) < most + 0.05


def test_a_photo_larger_than_the_background_is_made_to_fit() -> None:
    scene = pasted(RED.resize((900, 600)), BLUE, draw())

    assert scene.size == BLUE.size
    assert 0.05 < red(scene) < 1


def test_views_are_what_the_generator_draws_and_were_a_jpeg() -> None:
    noise = Image.fromarray(draw().integers(0, 255, (60, 90, 3)).astype(np.uint8))
    views = [np.asarray(pasted(noise, BLUE, draw(seed))) for seed in (3, 3, 4)]

    assert np.array_equal(views[0], views[1])
    assert not np.array_equal(views[0], views[2])
    assert not np.array_equal(np.asarray(compressed(noise, draw())), np.asarray(noise))


def test_a_rank_is_one_more_than_what_is_before_it() -> None:
    scores = np.array([[0.1, 0.9, 0.5], [0.1, 0.9, 0.5], [0.7, 0.7, 0.7]])

    assert ranks(scores, np.array([1, 0, 2])).tolist() == [1, 3, 1]
