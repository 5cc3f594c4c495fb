"""The benchmark of claims: its topics are the folder's, and one that fails takes no other with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.present import present
from tieback.methods.projection import unit_rows
from tieback_lab.recipes.adapt.layer_states import LayerStates

from benchmarks.__main__ import main
from benchmarks.lab import claims
from benchmarks.lab.claims import _frozen, layers, low_rank_heads, orthogonal_alignment, platonic, topics
from benchmarks.lab.claims._frozen import Labelled
from benchmarks.pipeline.judged import Document, Judged, Question
from benchmarks.report import Report, Tried

OF = Tried(1, "ours", product=True, data="real")

pytestmark = pytest.mark.all


def holds(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    say("measures")
    claims.claim(report, OF, "1 (arXiv:0000.00000): grows", [1.0 + seed for seed in seeds], "x", ">= 1")


def fails(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    report.claim("2 (arXiv:0000.00000): before it failed", 1.0, "x", ">= 2")
    raise ValueError(f"{claims.ROOT}/data is not there")


def test_a_topic_gives_a_report_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_imported", lambda _: holds)

    status = main(["claims", "--topics", "platonic", "--seeds", "2", "--json", str(tmp_path / "found.json")])

    found = json.loads((tmp_path / "found.json").read_text())
    assert status == 0
    assert found["command"].startswith("scripts/bench claims --topics platonic")
    assert [claim["name"].startswith("1 (arXiv:") for claim in found["claims"]] == [True]


def test_every_file_of_the_folder_is_a_topic_with_a_study() -> None:
    files = {path.stem for path in Path(claims.__file__).parent.glob("*.py")} - {"__init__"}

    assert set(topics()) == {name for name in files if not name.startswith("_")}
    assert {"platonic", "merging"} <= set(topics())


def frozen_states(*_: Any) -> LayerStates:
    """States of 240 texts of four tokens in three layers behind the embeddings; the first of them shows the
    class, and later ones are noise.
    """
    draw = np.random.default_rng(0)
    flat = draw.normal(size=(4, 960, 16)).astype(np.float16)
    flat[1, :, :6] += 4 * np.eye(6)[np.arange(240) % 6].repeat(4, axis=0)
    return LayerStates(flat, np.full(240, 4))


@pytest.mark.parametrize("topic", [layers, low_rank_heads])
def test_a_topic_of_frozen_states_measures_every_claim(topic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = Labelled(("a text",) * 240, np.arange(240) % 6)
    for name, value in {
        "states_of": frozen_states, "data_folder": lambda: Path(), "of_lengths": lambda _: labelled,
        "premises": lambda _: [], "definitions": lambda *_: labelled, "STEPS": 80, "LOOK_EVERY": 20,
        "RATE": 0.02,
    }.items():  # fmt: skip
        monkeypatch.setattr(topic, name, value, raising=False)
    report = Report()

    topic.study(report, range(2), lambda _line: None)

    assert all(claim.name.startswith(topic.METHOD) for claim in report.claims)
    assert present(report.claims[0].low) <= present(report.claims[0].value)
    if topic is layers:
        assert present(report.claims[0].value) > 50, "the first layer alone shows the class"


def test_a_classifier_begins_alike_whatever_was_drawn_before() -> None:
    state, sizes = torch.ones(2, 3, 4), torch.ones(2, 3)
    classifier = _frozen.Classifier(lambda states, _sizes: states[-1].mean(dim=1), 4, 5)

    assert not classifier([state], sizes).any()


def test_definitions_are_those_below_one_topic_alone(tmp_path: Path) -> None:
    folder = tmp_path / "graphs" / "wn18rr"
    folder.mkdir(parents=True)
    (folder / "train.tsv").write_text("owl\t_hypernym\tbird\nbird\t_hypernym\tanimal\nowl\t_part\tplace\n")
    (folder / "valid.tsv").write_text("bank\t_hypernym\tplace\nboth\t_hypernym\tplace\n")
    (folder / "test.tsv").write_text("both\t_hypernym\tanimal\n")
    names = ("owl", "bird", "animal", "bank", "both")
    (folder / "texts.tsv").write_text("".join(f"{name}\t{name}\tthe {name}\n" for name in names))

    found = _frozen.definitions(tmp_path, ["animal", "place"], 9)

    assert found.texts == ("the owl", "the bird", "the bank")
    assert found.labels.tolist() == [0, 0, 1]
    assert _frozen.definitions(tmp_path, ["animal", "place"], 1).texts == ("the owl", "the bank")


def test_sentences_are_put_into_classes_by_their_number_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "PER_BIN", 1)
    sentences = [" ".join(["word"] * count) for count in (4, 5, 8, 9, 30, 31)]

    found = layers.of_lengths(sentences)

    assert [len(text.split()) for text in found.texts] == [5, 9, 30]
    assert found.labels.tolist() == [0, 1, 5]


def test_alignment_of_texts_is_measured_by_their_judged_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [" ".join(f"w{number}" for number in range(begin, begin + 10)) for begin in range(40)]
    documents = [Document(str(place), text) for place, text in enumerate(texts)]
    questions = [Question(str(place), [texts[place]], {str(place): 1}) for place in range(0, 40, 4)]

    def encoded(space: str, asked: Sequence[str], say: Callable[[str], None]) -> Any:
        width = {orthogonal_alignment.OLD: 30, orthogonal_alignment.NEW: 40}[space]
        words = np.random.default_rng(width).normal(size=(50, width))
        counts = [[text.split().count(f"w{number}") for number in range(50)] for text in asked]
        return unit_rows(np.array(counts) @ words)

    monkeypatch.setattr(orthogonal_alignment, "encoded", encoded)
    monkeypatch.setattr(orthogonal_alignment, "LEARNED", {"trained": 3})

    found = orthogonal_alignment.texts_found(Judged("made", documents, questions), 0, lambda _line: None)

    assert found.keys() == {"old/old", "native", "trained, new/old", "trained, new/new"}
    assert all(len(gained) == 10 for gained in found.values())
    assert found["old/old"].tolist() == found["native"].tolist() == [1.0] * 10


def test_partners_in_a_shared_subspace_are_found_by_every_way_of_the_platonic_topic() -> None:
    draw = np.random.default_rng(0)
    shared = draw.normal(size=(platonic.MORE + 60, 10))
    source, target = (
        unit_rows(shared @ draw.normal(size=(10, width)) + 0.1 * draw.normal(size=(len(shared), width)))
        for width in (16, 12)
    )

    found = platonic.found_first(source, target, platonic.ANCHORS, 0)

    assert len(found) == 1 + 2 * len(platonic.RIDGES) + 3 * len(platonic.DIMENSIONS)
    assert min(found.values()) > 90


def test_image_classes_and_their_names_are_a_pair_of_the_platonic_topic() -> None:
    pair = platonic._of_classes(lambda _line: None)

    assert pair.left.shape == (1000, 1280)
    assert pair.right.shape == (1000, 384)
    assert np.linalg.norm(pair.left, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_claim_is_the_mean_over_seeds_between_the_smallest_and_the_largest() -> None:
    report = Report()

    claims.measure(report, {"one": holds}, range(3))

    assert [(c.value, c.low, c.high, c.met) for c in report.claims] == [(2.0, 1.0, 3.0, True)]


def test_a_topic_that_fails_is_not_measured_with_the_reason_and_the_others_still_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = Report()

    claims.measure(report, {"bad": fails, "good": holds}, range(2))

    before, failed, good = report.claims
    assert before.met is False
    assert failed.name.startswith("bad")
    assert failed.met is failed.value is None
    assert failed.note == "ValueError: data is not there"  # and no path of this machine
    assert good.met is True
    assert "bad: failed: ValueError" in capsys.readouterr().err


def test_a_topic_that_cannot_be_imported_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report()

    claims.measure(report, {"gone": claims._imported("gone"), "good": holds}, range(2))

    assert [claim.met for claim in report.claims] == [None, True]
    assert "No module named" in report.claims[0].note


@pytest.mark.parametrize("arguments", [["--topics", "nonsense"], ["--seeds", "0"]])
def test_arguments_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["claims", *arguments])

    assert ended.value.code not in (0, None)
