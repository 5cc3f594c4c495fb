"""The page of an upgrade: of plans as the server keeps them, and of a collection on its way."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from support.each import each
from tieback.core.types.collection import StoredCollection
from tieback.core.types.moving import StartedMove
from tieback.core.types.operation import OperationRecord
from tieback.reports import pictures
from tieback.reports.upgrade.page import page
from tieback_contract.operations import OperationState
from tieback_contract.vectors import SpaceRef

SHARES = [step / 10 for step in range(11)]
HOSTILE = "<script>alert(1)</script>"
COLLECTION = StoredCollection(
    "handbook", SpaceRef("old", "1" * 40, "f"), 8, 120, 480, datetime.fromtimestamp(0, UTC)
)


def number(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def worth(ndcg: float) -> dict[str, Any]:
    return {"ndcg": number(ndcg), "kept": number(ndcg / 0.6), "recall": ndcg}


def result(**changes: Any) -> dict[str, Any]:
    """The result of a plan, as the journal has it, from old over v2 to new."""
    spaces = [["first", "0" * 40, "f"], ["old", "1" * 40, "f"], ["new", "2" * 40, "f"]]
    return {
        "old_space": spaces[1], "new_space": spaces[2], "policy": "affine", "parameters": {"ridge": 0.1},
        "artifact": "0123456789ab", "width": 12, "trained": 300, "held_out": 300, "left_out": 1, "items": 100,
        "recall": {name: number(0.5) for name in ("old_old", "new_old", "new_new", "native")},
        "seconds": {"encoding": 12.0, "training": 3.0}, "judged": 7, "floor": 0.8,
        "cost": {
            "sections": 480, "encoding": 7200.0, "translation": 0.01, "items": 120, "staying_items": 0,
            "staying_sections": 0,
        },
        "old": worth(0.5), "reembedded": worth(0.6), "gain": number(0.1),
        "policies": [
            {"policy": "affine", "translated": worth(0.55), "led": worth(0.5), "retention": number(0.9),
             "translates_stored": True, "refused": False},
            {"policy": "oca", "translated": None, "led": worth(0.4), "retention": number(0.7),
             "translates_stored": False, "refused": True},
        ],
        "curve": [[share, 0.5 + share / 10, 0.4 + share / 5] for share in SHARES],
        "matrix": {
            "spaces": spaces,
            "cells": [
                {"query": query, "gallery": gallery, "ndcg": number(0.3 + (query + gallery) / 10),
                 "policy": "" if query == gallery else "affine"}
                for query in range(3) for gallery in range(query + 1)
            ],
            "average_compatibility": 2 / 3, "average_accuracy": 0.5,
        },
        "advice": "reembed", "reason": "re-embedded, nDCG@10 is 0.600",
    } | changes  # fmt: skip


def plan(found: dict[str, Any], ended: float = 86_400.0) -> OperationRecord:
    return OperationRecord(
        "plan_upgrade-1", "plan_upgrade", "", "handbook", {}, ended - 60,
        state=OperationState.SUCCEEDED, ended=ended, result=found,
    )  # fmt: skip


def words(html: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html).split())


def test_the_page_has_the_advice_the_series_and_what_each_policy_keeps() -> None:
    said = words(page(COLLECTION, [plan(result())]))

    assert "Advice: reembed." in said
    assert "first@00000000 → old@11111111 → new@22222222" in said
    assert "AC 0.67 · AA 0.500" in said
    assert "Gain +0.100" in said
    assert "stored vectors translated 0.917 (0.867 to 0.967)" in said
    assert "oca: refused, below the floor" in said
    assert "stored vectors translated: this policy cannot" in said
    assert "encoding all of them 2.0 h" in said
    assert "Asked by 7 judged queries" in said
    assert "How far it is" not in said


def test_the_page_says_how_many_items_stay_where_one_component_of_a_joint_space_was_replaced() -> None:
    found = result()
    found["cost"] |= {"staying_items": 70, "staying_sections": 80}

    said = words(page(COLLECTION, [plan(found)]))

    assert "items whose vectors stay 70 of 120" in said
    assert "encoding the others 2.0 h" in said


def test_the_page_loads_nothing_runs_nothing_and_escapes_what_it_is_told() -> None:
    found = result(reason=HOSTILE, policy=HOSTILE, parameters={HOSTILE: HOSTILE})
    found["policies"][0]["policy"] = found["matrix"]["cells"][1]["policy"] = HOSTILE
    found["matrix"]["spaces"][0][0] = HOSTILE

    html = page(replace(COLLECTION, name=HOSTILE), [plan(found), plan(found)])

    assert "<script" not in html
    assert "default-src 'none'" in html
    assert not re.search(r"(?:src|href)=", html)


def test_the_page_says_how_far_an_upgrade_is_and_by_what_old_vectors_are_read() -> None:
    moving = StartedMove(
        SpaceRef("new", "2" * 40, "f"), 12, done=120, total=480, translation="abc", trust=0.91
    )

    said = words(page(replace(COLLECTION, moving=moving), []))

    assert "has no plan" in said
    assert "120 of 480 (25%)" in said
    assert "read by the transform abc" in said
    assert "0.91" in said


def test_plans_before_are_listed_and_the_newest_is_shown() -> None:
    before = result(old=worth(0.111), advice="keep")

    said = words(page(COLLECTION, [plan(result(), 2e9), plan(before)]))

    assert "as planned on 2033-05-18" in said
    assert "1970-01-02 old@11111111 new@22222222 keep 0.111 0.600" in said


@each("low, high", [(0.5, 0.5), (0.0, 1.0), (0.43, 0.4301), (0.2, 0.9)])
def test_a_chart_holds_its_curves_and_levels(low: float, high: float) -> None:
    drawn = pictures.lines("nDCG", [0.0, 1.0], {"both": [low, high]}, axis="share", marks={"today": low})

    points = re.findall(r'points="([^"]+)"', drawn)
    places = [tuple(map(float, one.split(","))) for one in points[0].split()]
    assert all(pictures.TOP - 0.1 <= y <= pictures.HEIGHT - pictures.BOTTOM + 0.1 for _, y in places)
    assert [x for x, _ in places] == [pictures.LEFT, pictures.WIDTH - pictures.RIGHT]
    assert f"both from {low:.3f} to {high:.3f}" in drawn
    assert drawn.count('class="axis"') <= 8


def test_a_chart_of_nothing_is_empty() -> None:
    assert pictures.lines("nDCG", [], {}, axis="share", marks={}) == ""
