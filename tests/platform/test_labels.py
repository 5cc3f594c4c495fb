"""Labels over the wire: photos and sounds are found by a word, and support or contradict claims."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from PIL import Image
from support.local_platform import Running, served_locally
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.serving.settings import Settings
from tieback_client import Client, Modality, VerdictLabel
from tieback_client.cli import app
from tieback_contract.recognition import SegmentKind

NAMERS = ("efficientnet-lite0-labels", "yamnet-labels")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = Settings(
        store=tmp_path_factory.mktemp("labels") / "store",
        port=0,
        metrics_port=None,
        drain_seconds=1,
        spaces=("all-minilm-l6-v2", "efficientnet-lite0"),
        binding="none",
        recognisers=NAMERS,
    )
    with served_locally(settings) as running:
        yield running


@pytest.fixture(scope="module")
def client(platform: Running) -> Iterator[Client]:
    with Client(platform.address, timeout=300) as made:
        yield made


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cat and a cup of coffee."""
    folder = tmp_path_factory.mktemp("photos")
    media = Store().media(Catalog.load().get_media("scikit-image"))
    for name in ("chelsea.png", "coffee.png"):
        shutil.copy(next(media.rglob(name)), folder / name)
    return folder


def run(platform: Running, *arguments: str) -> Result:
    return CliRunner().invoke(app.tieback, arguments, env={"TIEBACK_SERVER": platform.address})


def test_labels_of_a_photo_have_boxes_and_likelihoods(client: Client, photos: Path) -> None:
    (found,) = client.recognise(photos / "chelsea.png")

    cat = next(segment for words, segment in found.parts if "cat" in words.split(", "))
    assert found.models == ["efficientnet-lite0-labels"]
    assert cat.kind is SegmentKind.LABEL
    assert cat.score > 0.7


def test_photos_of_archives_and_scanned_pages_are_recognised_and_checked_by(
    platform: Running, client: Client, photos: Path, tmp_path: Path
) -> None:
    cat = photos / "chelsea.png"
    with zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
        archive.write(cat, "2026/cat.png")
    Image.open(cat).convert("RGB").save(tmp_path / "scan.pdf")
    (tmp_path / "claim.txt").write_text("There is a cat in the photo.")

    told = run(platform, "recognise", str(tmp_path / "album.zip"), str(tmp_path / "scan.pdf"), "--json")
    checked = run(platform, "check", str(tmp_path / "claim.txt"), "--against", str(tmp_path / "album.zip"))

    found = [json.loads(line) for line in told.stdout.splitlines()]
    places = [str(tmp_path / name) for name in ("album.zip/2026/cat.png", "scan.pdf#page=1")]
    assert [one["file"] for one in found] == places
    assert all("cat" in one["text"] for one in found)
    assert checked.exit_code == 0
    assert "album.zip/2026/cat.png" in checked.stdout
    assert [(one.modality, one.recognises) for one in client.recognisers()] == [
        (Modality.IMAGE, SegmentKind.LABEL),
        (Modality.AUDIO, SegmentKind.LABEL),
    ]


def test_a_sound_is_labelled_with_times(platform: Running, tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(32000, np.float32), 16000)

    result = run(platform, "recognise", str(path))

    assert result.exit_code == 0
    assert "silence  [0.0–" in result.stdout


def test_a_photo_is_found_by_a_word_and_its_labels_check_claims(
    platform: Running, client: Client, photos: Path, tmp_path: Path
) -> None:
    assert run(platform, "index", str(photos), "-c", "photos").exit_code == 0
    claims = tmp_path / "claims.txt"
    claims.write_text("There is a cat in the photo. There is no coffee in the photo. There is a giraffe.")

    hits = client.retrieve("photos", "animal", vector_search="none").hits
    checked = client.check(claims.read_text(), collection="photos")
    shown = run(platform, "check", str(claims), "--against", str(photos), "--json")

    assert [one.hit.item_id.rpartition("/")[2] for one in hits] == ["chelsea.png"]
    labels = [VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED, VerdictLabel.UNSUPPORTED]
    assert [one.label for one in checked.verdicts.values()] == labels
    assert [one["verdict"]["label"] for one in json.loads(shown.stdout)["claims"]] == labels
    assert all(one.region is not None for one in checked.citations)


def test_a_question_is_answered_by_a_label_with_its_box(platform: Running) -> None:
    result = run(platform, "ask", "Is there a cat in one of the photos?", "-c", "photos")

    assert result.exit_code == 0
    assert "“cat, true cat”" in result.stdout
    assert "not certain" not in result.stdout
    assert "%×" in result.stdout
