"""The benchmark of the pipeline reads any folder in its layout; its own questions hold to their README."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import pytest

from benchmarks.data_folder import DataError, read_rows
from benchmarks.pipeline import measured
from benchmarks.pipeline.asking import Answered, Asked
from benchmarks.pipeline.collections import read
from benchmarks.pipeline.judged import DEV, HELD_OUT, Judged, Question
from benchmarks.pipeline.library import QUESTIONS, mixed_library
from benchmarks.pipeline.measures import items_of, ndcg, recall, reciprocal_rank
from benchmarks.pipeline.plans import DEFAULT
from benchmarks.pipeline.quality import reliability

pytestmark = pytest.mark.all


@pytest.fixture(scope="module")
def library() -> Judged:
    return mixed_library()


def test_every_judged_item_is_in_the_library(library: Judged) -> None:
    there = {one.id for one in library.documents}
    media = ("scikit-image/", "scikit-learn/", "speech/")

    judged = {name for row in read_rows(QUESTIONS) for name in row["judgements"]}

    assert {name for name in judged - there if not name.startswith(media)} == set()
    assert len(list(read_rows(QUESTIONS))) >= 60


def test_the_questions_of_a_kind_are_dev_and_held_out_in_turn() -> None:
    for kind, questions in groupby(read_rows(QUESTIONS), key=lambda row: row["kind"]):
        splits = [row["split"] for row in questions]

        assert splits == [(DEV, HELD_OUT)[place % 2] for place in range(len(splits))], kind


def test_what_a_question_calls_its_answer_stands_in_a_page_of_the_best_grade(library: Judged) -> None:
    files = {one.id: one.file for one in library.documents}
    wanting = []
    for one in library.questions:
        best = max(one.grades.values(), default=0)
        pages = [file for name, grade in one.grades.items() if grade == best and (file := files[name])]
        text = " ".join(" ".join(file.read_text().split()) for file in pages if file.suffix == ".md")
        if one.answer and not any(answer in text for answer in one.answer):
            wanting.append(one.id)

    assert wanting == []


def test_a_photo_that_is_asked_with_is_not_judged_as_its_own_answer(library: Judged) -> None:
    for one in library.questions:
        assert not one.own & one.grades.keys(), one.id


def test_the_relevance_is_held_against_what_is_right() -> None:
    question = Question("q", ["a heron"], {"heron": 2})
    said = Answered(["heron", "bread"], 1.0, {}, False, {"heron": 0.75, "bread": 0.25})
    asked = Asked(Judged("small", [], [question]), {DEFAULT: {"q": said}})

    [row] = reliability(asked)

    assert (row["items"], row["share relevant"], row["mean said"], row["AUC"]) == (2, 0.5, 0.5, 1.0)
    assert row["calibration error"] == pytest.approx(0.25)


def write_texts(folder: Path) -> None:
    folder.mkdir(parents=True)
    words = ["a heron stands in the reeds", "the bridge was built of steel", "bread is baked at night"]
    documents = [{"id": str(n), "title": "", "text": text} for n, text in enumerate(words)]
    queries = [
        {"id": "a", "text": "a bird in the reeds", "judgements": {"0": 2, "1": 0, "9": 4}},
        {"id": "b", "text": "when is bread baked?", "judgements": {"2": 1}},
        {"id": "c", "text": "what nothing answers", "judgements": {"9": 1}},
    ]
    for name, objects in (("documents", documents), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in objects))


def test_a_folder_gives_its_collections_and_only_judgements_of_documents_that_are_there(
    tmp_path: Path,
) -> None:
    write_texts(tmp_path / "retrieval" / "small")
    write_texts(tmp_path / "cranfield")

    small, cranfield = read(tmp_path)

    assert (small.name, cranfield.name) == ("small", "cranfield")
    assert {one.id: one.grades for one in small.questions} == {"a": {"0": 2}, "b": {"2": 1}}


def test_a_folder_without_collections_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="retrieval"):
        read(tmp_path)


def test_measures_are_of_items_in_the_order_of_their_first_sections() -> None:
    found = items_of(["b", "a", "b", "own", "c"], ["own"])
    grades = {"a": 3, "c": 1}

    assert found == ["b", "a", "c"]
    assert reciprocal_rank(found, grades) == 1 / 2
    assert recall(found, grades) == 1.0
    assert ndcg(["a", "c"], grades) == 1.0
    assert 0 < ndcg(found, grades) < 1


def test_a_short_run_measures_every_plan_and_the_speed_against_the_bare_stages(tmp_path: Path) -> None:
    write_texts(tmp_path / "retrieval" / "small")

    report = measured(
        read(tmp_path),
        0.1,
        quick=True,
        spaces=["wordllama-256"],
        settings={"TIEBACK_GENERATOR": "none"},
    )

    quality = {row["plan"]: row for row in report.tables["small: quality by plan"]}
    assert {"default", "dense", "full text"} <= quality.keys()
    assert quality["dense"]["MRR"] == 1.0
    assert all(row["failed"] == "" for row in quality.values())
    assert report.tables["ingest"][0]["items"] == 3
    claims = {one.name: one for one in report.claims}
    assert (claims["retrieve, 8 in flight, of the bare stages' throughput"].value or 0) > 0
    assert (claims["ingest of texts, of the encoders' own limit"].value or 0) > 0
