"""The benchmark of verdicts asks for every labelled claim, and counts right and wrong verdicts by set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tieback_client import VerdictLabel

from benchmarks.__main__ import main
from benchmarks.classification import auc, balanced
from benchmarks.grounding import (
    Labelled,
    Outcome,
    calibration_error,
    coverage_row,
    described,
    measured,
    read,
    ticks_by_domain,
)

pytestmark = pytest.mark.all

SUPPORTED, CONTRADICTED = VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED
UNSUPPORTED = VerdictLabel.UNSUPPORTED
TIDES = "The moon pulls the water of the sea. The tide rises twice a day."


def test_claims_of_a_set_are_taken_evenly_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "dev.jsonl"
    rows = [{"evidence": "e", "claim": str(n), "label": "supported", "source": "a"} for n in range(10)]
    rows.append({"evidence": "e", "claim": "x", "label": "contradicted", "source": "b"})
    path.write_text("".join(f"{json.dumps(one)}\n" for one in rows))

    found = read(path, most=5)

    assert [one.claim for one in found["a"]] == ["0", "2", "4", "6", "8"]
    assert found["b"] == [Labelled(("e",), "x", CONTRADICTED)]


def test_balanced_accuracy_counts_both_kinds_alike_and_ties_are_half_of_an_auc() -> None:
    own = np.array([True, True, False, False, False, False])

    accuracy, low, high = balanced(own, np.array([True, False, False, False, False, True]))

    assert accuracy == pytest.approx((0.5 + 0.75) / 2)
    assert low <= accuracy <= high
    assert auc(np.array([0.9, 0.5, 0.5, 0.1, 0.1, 0.1]), own) == pytest.approx((1 + 0.875) / 2)


def test_ticks_are_counted_by_domain_and_over_all_with_what_is_supported_anyway() -> None:
    outcomes = [
        Outcome(SUPPORTED, SUPPORTED, 0.9, 1.0, domain="news"),
        Outcome(UNSUPPORTED, SUPPORTED, 0.9, 1.0, domain="news"),
        Outcome(UNSUPPORTED, UNSUPPORTED, 0.1, 1.0, domain="talk"),
    ]

    news, talk, every = ticks_by_domain(outcomes)

    assert (news["domain"], news["ticks"], news["right"], news["supported"]) == ("news", 2, 0.5, 0.5)
    assert news["low"] < 0.5 < news["high"]
    assert (talk["ticks"], "right" in talk) == (0, False)
    assert (every["domain"], every["claims"], every["ticks"]) == ("all", 3, 2)


def test_the_sets_that_nothing_was_chosen_by_are_asked_for_by_name(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"dev_unseen_domains\.jsonl"):
        main(["grounding", "--data", str(tmp_path), "--sets", "unseen"])


def test_a_set_says_how_often_a_tick_is_right_and_right_claims_are_called_contradicted() -> None:
    row = described(
        "set",
        [
            Outcome(SUPPORTED, SUPPORTED, 0.9, 1.0, 3),
            Outcome(SUPPORTED, CONTRADICTED, 0.2, 0.9, 4),
            Outcome(UNSUPPORTED, SUPPORTED, 0.8, 0.5, 9),
            Outcome(CONTRADICTED, CONTRADICTED, 0.1, 0.4, 9),
        ],
    )

    assert (row["ticks that are right"], row["right called contradicted"]) == (0.5, 0.5)
    assert (row["balanced accuracy"], row["contradicted found"]) == (0.5, 1.0)
    assert (row["AUC of shared words"], row["AUC of shortness"]) == (1.0, 1.0)


def test_claims_without_a_verdict_count_where_all_are_decided_and_not_among_verdicts() -> None:
    outcomes = [
        Outcome(SUPPORTED, SUPPORTED, 0.9, 1.0),
        Outcome(SUPPORTED, VerdictLabel.LOW_CONFIDENCE, 0.6, 1.0),
        Outcome(UNSUPPORTED, VerdictLabel.LOW_CONFIDENCE, 0.5, 1.0),
        Outcome(UNSUPPORTED, UNSUPPORTED, 0.1, 1.0),
    ]

    row = described("set", outcomes)
    half, all_of_them = (coverage_row([outcomes], coverage, 1 / 3) for coverage in (0.5, 1.0))

    assert (row["with a verdict"], row["balanced accuracy of verdicts"]) == (0.5, 1.0)
    assert (row["ticked"], row["balanced accuracy"]) == (0.25, 0.75)
    assert (half["balanced accuracy"], all_of_them["balanced accuracy"]) == (1.0, 0.75)


def test_the_calibration_error_is_the_distance_of_scores_from_what_they_promise() -> None:
    right = [Outcome(SUPPORTED, SUPPORTED, 0.8, 1.0)] * 4 + [Outcome(UNSUPPORTED, SUPPORTED, 0.8, 1.0)]

    assert calibration_error(right) == pytest.approx(0.0)
    assert calibration_error(right[:4]) == pytest.approx(0.2)


def test_the_claims_are_asked_of_a_server_and_those_that_it_refuses_are_counted(tmp_path: Path) -> None:
    labelled = [
        Labelled([TIDES], "The moon pulls the water of the sea.", SUPPORTED),
        Labelled([TIDES], "Bread is baked at night in the village.", UNSUPPORTED),
        Labelled(["One. Two. Three. " * 200], "The tide rises twice a day.", UNSUPPORTED),
    ]

    report = measured({"tides": labelled}, None, spaces=["all-minilm-l6-v2"], each=tmp_path / "each.jsonl")

    [row] = report.tables["verdicts by set"]
    assert (row["claims"], row["refused"], row["balanced accuracy"]) == (2, 1, 1.0)
    claims = {one.name: one for one in report.claims}
    assert claims["mean balanced accuracy over the sets"].value == 1.0
    assert claims["share of supported claims that are called contradicted"].value == 0.0
    each = [json.loads(line) for line in (tmp_path / "each.jsonl").read_text().splitlines()]
    assert [(one["source"], one["label"]) for one in each] == [
        ("tides", "supported"),
        ("tides", "unsupported"),
    ]
