"""The judged questions of the mixed library are what its README says."""

from __future__ import annotations

from itertools import groupby

import pytest

from benchmarks.pipeline.judged import DEV, HELD_OUT, Judged, rows
from benchmarks.pipeline.library import QUESTIONS, mixed_library


@pytest.fixture(scope="module")
def library() -> Judged:
    return mixed_library()


def test_every_judged_item_is_in_the_library(library: Judged) -> None:
    there = {one.id for one in library.documents}
    media = ("scikit-image/", "scikit-learn/", "speech/")

    judged = {name for row in rows(QUESTIONS) for name in row["judgements"]}

    assert {name for name in judged - there if not name.startswith(media)} == set()
    assert len(list(rows(QUESTIONS))) >= 60


def test_the_questions_of_a_kind_are_dev_and_held_out_in_turn() -> None:
    for kind, questions in groupby(rows(QUESTIONS), key=lambda row: row["kind"]):
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
