"""Thresholds of a benchmark are chosen without the domain that they are measured on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks import checker_left_out
from benchmarks.left_out import Source, claim_mean, left_out, most_balanced, over_domains, precise
from benchmarks.report import Report


def source(domain: str, right: list[float], wrong: list[float]) -> Source:
    return Source(domain, np.array(right + wrong), np.array([True] * len(right) + [False] * len(wrong)))


def test_the_threshold_of_a_domain_is_chosen_by_all_others_alone() -> None:
    low, high = source("low", [0.4, 0.3], [0.2, 0.1]), source("high", [0.9, 0.8], [0.7, 0.6])
    sources = {"one": low, "other": low, "apart": high}

    found = left_out(sources, most_balanced)

    assert found == {"one": 0.8, "other": 0.8, "apart": 0.3}


def test_each_source_counts_alike_however_many_rows_it_has() -> None:
    few, many = source("few", [0.9], [0.5]), source("many", [0.4] * 50, [0.6] * 25 + [0.2] * 25)

    assert most_balanced([few, many]) == pytest.approx(0.9)
    assert precise([few, many], 0.9, least=1) == pytest.approx(0.9)
    assert precise([many], 0.6) == pytest.approx(0.4)


def test_sources_of_one_kind_alone_choose_nothing() -> None:
    assert most_balanced([source("right", [0.9], [])]) == math.inf
    assert precise([], 0.9) == precise([source("wrong", [], [0.9] * 30)], 0.9) == math.inf


def test_a_share_is_promised_from_the_lowest_threshold_that_has_it_in_enough_rows() -> None:
    rows = source("a", [0.9, 0.8, 0.8, 0.6, 0.5], [0.7, 0.6, 0.1])

    assert precise([rows], 1.0, least=3) == pytest.approx(0.8)
    assert precise([rows], 0.75, least=3) == pytest.approx(0.7)
    assert precise([rows], 0.7, least=3) == pytest.approx(0.5), "equal scores are on one side"
    assert precise([rows], 1.0, least=4) == math.inf


def test_a_mean_has_an_interval_over_domains_and_names_its_worst_source() -> None:
    domains = {"a": "news", "b": "news", "c": "law", "d": "law"}

    found = over_domains({"a": 0.4, "b": 0.6, "c": 0.8, "d": math.nan}, domains)

    assert found is not None
    assert [found.value, found.low, found.high] == pytest.approx([0.6, 0.5, 0.8])
    assert (found.worst, found.worst_source, found.sources) == (0.4, "a", 3)
    assert over_domains({"a": math.nan}, domains) is None


def test_the_worst_source_is_the_highest_where_less_is_better() -> None:
    report = Report()

    claim_mean(report, "wrong", {"a": 0.1, "b": 0.3}, {"a": "news", "b": "law"}, "<= 0.15")

    [claim] = report.claims
    assert (claim.value, claim.low, claim.high, claim.met) == (0.2, 0.1, 0.3, False)
    assert claim.note == "2 sources; the worst is 0.30 of b"


def test_sources_of_one_kind_of_text_are_left_out_together() -> None:
    of = checker_left_out.domain_of

    assert of("wice-chunk") == of("wice-page") != of("climate-fever")
    assert of("bump") == of("factcc")
    assert of("something new") == "something new"


def test_a_checker_is_told_by_source_and_by_domain_with_its_ticks_as_served_beside() -> None:
    sources = {
        "bump": source("news", [0.9] * 30, [0.2] * 30),
        "control": source("exams", [0.8] * 20, [0.85] * 20),
        "other": source("other", [0.7] * 30, [0.1] * 30),
    }
    ticked = {name: one.scores >= 0.8 for name, one in sources.items()}
    report = Report()

    checker_left_out.tell(report, sources, ticked)

    rows = {row["source"]: row for row in report.tables["by source, thresholds chosen without its domain"]}
    assert rows["control"]["from"] == 0.7
    assert (rows["control"]["ticks"], rows["control"]["ticks that are right"]) == (40, 0.5)
    assert (rows["bump"]["ticks"], rows["bump"]["served ticks that are right"]) == (0, 1.0)
    claims = {one.name: one for one in report.claims}
    assert claims["ticks that are right, in the worst domain with 20"].value == 0.5
    assert claims["balanced accuracy, lowest of a source"].note == "control"
