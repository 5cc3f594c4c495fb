"""The benchmark of feedback asks every question of both halves by every plan."""

import pytest

from benchmarks.feedback import EVERY, GUARDED, PLAIN, measured
from benchmarks.pipeline.judged import DEV, HELD_OUT, Document, Judged, Question

pytestmark = pytest.mark.all


def test_both_halves_are_asked_and_the_held_out_one_is_held_against_no_feedback() -> None:
    words = ["a heron stands in the reeds", "the bridge was built of steel", "bread is baked at night"]
    documents = [Document(str(n), text) for n, text in enumerate(words)]
    questions = [
        Question("a", ["a heron"], {"0": 1}),
        Question("b", ["a bridge of steel"], {"1": 1}),
        Question("c", ["what nothing answers"], {}),
        Question("d", ["when is bread baked?"], {"2": 1}),
    ]

    report = measured([Judged("small", documents, questions)], spaces=["wordllama-256"])

    rows = {row["half"]: row for row in report.tables["nDCG@10 by half"]}
    assert {half: row["questions"] for half, row in rows.items()} == {DEV: 2, HELD_OUT: 1}
    assert all(row[plan] == 1 for row in rows.values() for plan in (PLAIN, GUARDED, EVERY))
    [claim] = report.claims
    assert (claim.value, claim.met) == (0, True)
