"""The binding benchmark runs from end to end, and asks what its documentation says."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.methods.projection import fit
from tieback.models.joint.artifact import BoundProjection, JointSpaceArtifact, SpaceBlock
from tieback.models.store import Store
from tieback_contract.modality import Modality

from benchmarks.__main__ import main
from benchmarks.binding import (
    composed_queries,
    negative_queries,
    neutral,
    sound_retrieval,
    stored,
)
from benchmarks.binding.data import Data
from benchmarks.binding.encoders import VIEWS, Encoders, parts_of
from benchmarks.binding.photo_retrieval import Crossing, Photo
from benchmarks.binding.served import UNIFORM
from benchmarks.data_folder import DataError
from benchmarks.report import Report

pytestmark = pytest.mark.all


def photo(colour: str, width: int = 40, height: int = 20) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


def tone(pitch: float) -> bytes:
    """Two seconds at 16 kHz."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        beats = np.sin(2 * np.pi * pitch * np.arange(32_000) / 16_000)
        file.writeframes((8_000 * beats).astype("<i2").tobytes())
    return buffer.getvalue()


def bound(text_name: str = "wordllama-256", other_name: str = "efficientnet-lite0") -> JointSpaceArtifact:
    """Two real spaces, bound by anchors that mean nothing."""
    cards = [Catalog.load().get(name) for name in (text_name, other_name)]
    text, other = (card for card in cards if isinstance(card, EncoderCard))
    random = np.random.default_rng(0)
    words = random.normal(size=(20, text.width)).astype(np.float32)
    things = random.normal(size=(20, other.width)).astype(np.float32)
    attention = "anchor_attention"
    return JointSpaceArtifact(
        (
            SpaceBlock(text.space, Modality.TEXT, text.width),
            SpaceBlock(other.space, other.modality, other.width),
        ),
        (
            BoundProjection(text.space, text.width, text.name),
            BoundProjection(other.space, other.width, other.name),
            BoundProjection(text.space, text.width, other.name, attention, {}, fit(attention, words, things)),
            BoundProjection(
                other.space, other.width, text.name, attention, {}, fit(attention, things, words)
            ),
        ),
    )


def folder(root: Path) -> Path:
    """Three photos with objects, two pairs of sentences, two texts and a query."""
    (root / "coco128" / "images").mkdir(parents=True)
    seen = []
    for name, colour, objects in (
        ("1.jpg", "red", ["dog", "cat"]),
        ("2.jpg", "blue", ["cat"]),
        ("3.jpg", "green", []),
    ):
        (root / "coco128" / "images" / name).write_bytes(photo(colour))
        seen.append({"image": name, "objects": objects})
    (root / "coco128" / "labels.json").write_text(
        json.dumps([*seen, {"image": "gone.jpg", "objects": ["bus"]}])
    )
    (root / "sts").mkdir()
    pairs = [{"a": "a dog runs", "b": "a hound runs", "score": 4.5}, {"a": "rain", "b": "a bus", "score": 0}]
    (root / "sts" / "small.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    (root / "cranfield").mkdir()
    texts = [
        {"id": "7", "title": "", "text": "wings in a slipstream"},
        {"id": "9", "title": "heat", "text": ""},
    ]
    (root / "cranfield" / "documents.jsonl").write_text("\n".join(map(json.dumps, texts)))
    queries = [
        {"id": "1", "text": "lift of a wing", "judgements": {"7": 2, "9": 0, "12": 4}},
        {"id": "2", "text": "nothing fits", "judgements": {"9": 0}},
    ]
    (root / "cranfield" / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    return root


def test_a_folder_is_read_and_what_has_nothing_to_find_left_out(tmp_path: Path) -> None:
    data = Data.read(folder(tmp_path))

    assert data.names == ["cat", "dog"]
    assert data.shows.tolist() == [[True, True, False], [True, False, False]]
    assert data.pairs == {"small": [("a dog runs", "a hound runs", 4.5), ("rain", "a bus", 0.0)]}
    assert list(data.collections) == ["cranfield"]
    assert data.collections["cranfield"].documents == ["wings in a slipstream", "heat"]
    assert data.collections["cranfield"].queries == [("lift of a wing", {0: 3.0, 1: 0.0})]


def test_questions_that_documents_answer_are_queries_and_open_ones_are_left_out(tmp_path: Path) -> None:
    house = folder(tmp_path) / "collections" / "house"
    house.mkdir(parents=True)
    texts = [{"id": one, "text": f"about\u2028{one}"} for one in ("heat", "rent")]
    asked = [
        {"question": "How warm?", "answerable": True, "documents": ["heat"]},
        {"question": "Who lives above?", "answerable": False, "documents": []},
    ]
    for name, rows in (("documents", texts), ("questions", asked)):
        (house / f"{name}.jsonl").write_text(
            "\n".join(json.dumps(one, ensure_ascii=False) for one in rows), encoding="utf-8"
        )

    found = Data.read(tmp_path).collections["house"]

    assert found.documents == ["about\u2028heat", "about\u2028rent"]
    assert found.queries == [("How warm?", {0: 1.0})]


def test_a_folder_of_another_layout_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not laid out as --help says"):
        Data.read(tmp_path)
    (tmp_path / "coco128").mkdir()
    (tmp_path / "coco128" / "labels.json").write_text('[{"image": "gone.jpg", "objects": ["dog"]}]')
    with pytest.raises(DataError, match="too few photos"):
        Data.read(tmp_path)


def test_parts_of_a_photo_are_halves_a_quarter_apart() -> None:
    image = Image.new("RGB", (40, 20), "black")
    image.paste("white", (20, 10, 40, 20))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")

    parts = [np.asarray(Image.open(io.BytesIO(one))) for one in parts_of(buffer.getvalue())]

    assert len(parts) == VIEWS - 1
    assert {part.shape for part in parts} == {(10, 20, 3)}
    assert parts[-1].min() == 255, "the last is the lower right quarter"
    assert parts[0].max() == 0
    assert parts[4].mean() == pytest.approx(255 / 4)


def shown(rows: list[list[int]]) -> Data:
    """Data of photos that show names so; nothing is read of them."""
    return Data(
        [Path(f"{place}.jpg") for place in range(len(rows[0]))],
        ["cat", "dog"],
        np.array(rows, bool),
        {},
        {},
    )


def test_a_photo_and_words_ask_for_both_and_a_photo_less_words_for_what_is_left() -> None:
    data = shown([[1, 1, 1, 0], [1, 0, 0, 1]])

    asked = {(one.group, one.photos): one.wanted.tolist() for one in composed_queries.plus(data)}
    assert asked == {
        ("cat + dog", (1,)): [True, False, False, False],
        ("cat + dog", (2,)): [True, False, False, False],
        ("dog + cat", (3,)): [True, False, False, False],
    }
    left = {(one.group, one.photos, one.sign): one.wanted.tolist() for one in composed_queries.less(data)}
    assert left == {
        ("cat", (0,), -1.0): [False, False, False, True],
        ("dog", (0,), -1.0): [False, True, True, False],
    }
    assert next(one.wanted.tolist() for one in composed_queries.without(data)) == [False, False, False, True]


def test_several_photos_of_a_name_ask_for_the_others() -> None:
    data = shown([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]])

    asked = list(composed_queries.several(data))

    assert {one.group for one in asked} == {"cat"}, "of dogs there is no fourth"
    assert len(asked) == composed_queries.PER_NAME
    assert all(len(set(one.photos)) == composed_queries.SEVERAL and 4 not in one.photos for one in asked)


def test_the_benchmark_runs_from_end_to_end_on_a_small_folder(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    artifact = bound().save(tmp_path / "bound")
    data = folder(tmp_path / "data")

    options = ["--binding", str(artifact), "--json", str(out)]
    assert main(["binding", "--data", str(data), *options]) == 0

    said = json.loads(out.read_text())
    claims = {claim["name"]: claim for claim in said["claims"]}
    same = claims["the router that is served scores as this evaluation does, largest difference"]
    assert same["met"] is True
    assert {"COCO: what each ingredient adds", "STS: Spearman", "texts: nDCG@10"} <= set(said["tables"])
    asked = {row["query"] for row in said["tables"]["COCO: composed queries, mean average precision"]}
    assert asked == {"photo + words", "photo − words", "photo − words, any without"}
    compared = {row["comparison"] for row in said["tables"]["COCO: mean average precision"]}
    assert {"chance", "block: efficientnet-lite0", "joint, uniform", "joint, routed"} <= compared
    assert "joint, routed, through the index" in compared
    assert (
        0
        < claims["COCO text → image mAP, served: stored by its parts, found through the index"]["value"]
        <= 1
    )


def captioned(root: Path) -> Path:
    """Eight photos with two captions each: dogs on half of them, and beside half of the dogs a ball."""
    (root / "captions" / "images").mkdir(parents=True)
    captions = {}
    for place in range(8):
        name = f"{place}.jpg"
        (root / "captions" / "images" / name).write_bytes(photo(f"rgb({place * 30}, 90, 20)"))
        told = "A dog runs after a ball." if place % 2 else "A dog runs." if place < 6 else "A wide field."
        captions[name] = [told, "It is day."]
    (root / "captions" / "captions.json").write_text(json.dumps(captions))
    return root


def test_a_photo_less_words_asks_for_the_other_thing_alone(tmp_path: Path) -> None:
    captions = json.loads((captioned(tmp_path) / "captions" / "captions.json").read_text())

    asked = list(negative_queries.queries(negative_queries.told(captions)))

    assert {list(negative_queries.THINGS)[one.gone] for one in asked} == {"a ball"}, (
        "no ball is without a dog"
    )
    assert [one.photo for one in asked] == [1, 3, 5, 7]
    assert asked[0].wanted.tolist() == [True, False, True, False, True, False, False, False]


def test_captions_are_measured_both_ways_and_less_words(tmp_path: Path) -> None:
    out, data = tmp_path / "report.json", captioned(folder(tmp_path / "data"))
    options = ["--binding", str(bound().save(tmp_path / "bound")), "--json", str(out)]
    parts = ["captions", "negative_queries"]

    assert main(["binding", "--data", str(data), *options, "--parts", *parts]) == 0

    tables = json.loads(out.read_text())["tables"]
    assert {row["queries"] for row in tables["captions: found by photos"]} == {
        *("routed", "uniform", "wordllama-256", "efficientnet-lite0")
    }
    less = tables["captions: a photo less words"]
    assert [(row["weights"], row["words' weight"]) for row in less] == [
        (way, weight) for way in ("routed", "uniform") for weight in negative_queries.WEIGHTS
    ]
    assert all(0 < row["photo alone"] <= 1 and row["low"] <= row["high"] for row in less)


def test_sounds_are_found_and_named_in_every_wording(tmp_path: Path) -> None:
    one, report = bound(other_name="yamnet"), Report()
    (tmp_path / "sounds").mkdir()
    for name, pitch in (("low.wav", 110), ("high.wav", 1760)):
        (tmp_path / "sounds" / name).write_bytes(tone(pitch))
    (tmp_path / "sounds" / "labels.json").write_text(json.dumps({"low.wav": "cow", "high.wav": "bird"}))

    encoders = Encoders(one, Catalog.load().encoders(), Store(), lambda _line: None)
    sound_retrieval.measure(one, Data([], [], np.zeros((0, 0), bool), {}, {}, tmp_path), encoders, report)

    (rows,) = report.tables.values()
    assert len(rows) == 2 * len(sound_retrieval.WORDINGS) + 1
    assert rows[-1]["wording"] == "chance"
    assert all(0.5 <= row["name → sounds, mAP"] <= 1 for row in rows), "of two sounds, at worst the second"


def test_texts_of_neither_are_told_by_kind_and_captions_are_left_out(tmp_path: Path) -> None:
    data = Data.read(folder(tmp_path))
    (tmp_path / "nli").mkdir()
    rows = [{"source": "mnli", "hypothesis": "Taxes rose."}, {"source": "snli", "hypothesis": "A dog runs."}]
    (tmp_path / "nli" / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))

    assert neutral.kinds(data, tmp_path) == {
        "nli: mnli": ["Taxes rose."],
        "queries: cranfield": ["lift of a wing"],
        "sts: small": ["a dog runs", "rain"],
    }


def test_texts_are_encoded_once_where_vectors_are_kept(tmp_path: Path) -> None:
    said: list[str] = []
    found = []
    for _ in range(2):
        encoders = Encoders(bound(), Catalog.load().encoders(), Store(), said.append, tmp_path / "kept")
        found.append(encoders.texts(["a dog", "rain"])["wordllama-256"])

    assert said == ["wordllama-256: 2 texts"]
    assert found[0].tolist() == found[1].tolist()


def test_photos_found_through_the_index_score_as_the_evaluation_has_it(tmp_path: Path) -> None:
    data = Data.read(folder(tmp_path))
    small = bound()
    one = Crossing(small, data, Encoders(small, Catalog.load().encoders(), Store(), lambda _: None))

    found = stored.scores(small, data.photos, one.encoders, one.router.queries(one.texts, UNIFORM))

    # The evaluation has the sum of the whole and the best region, the index their mean.
    whole_and_best = one.scores(one.joint, routed=False, photo=Photo.BEST)[0]
    assert 2 * found == pytest.approx(whole_and_best, abs=0.01)
    assert np.ptp(whole_and_best) > 0.02


def test_without_data_the_benchmark_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIEBACK_DATA", raising=False)

    with pytest.raises(SystemExit, match="--data DIR"):
        main(["binding"])
