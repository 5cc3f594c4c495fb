"""The plan of an upgrade in a terminal: somebody who has read nothing knows what to do, and why."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from support.each import each
from support.plans import WORTH, plan
from tieback.methods.compatibility import compatibilities
from tieback_client import MeasuredNumber, PolicyWorth, SpaceRef, UpgradeAdvice, UpgradePlan, UpgradeWorth
from tieback_client.cli import app
from tieback_client.cli.collections import upgrade_plan
from tieback_client.cli.output import Output
from tieback_client.shown.upgrade_plans import shown_plan

OLD, NEW = SpaceRef("older model", "1" * 40, "f"), SpaceRef("newer-model", "2" * 40, "f")


def worth(found: float, order: float) -> UpgradeWorth:
    return UpgradeWorth(
        MeasuredNumber(order, order - 0.04, order + 0.04), found, MeasuredNumber(0.9, 0.8, 1.0)
    )


def made(**changes: Any) -> UpgradePlan:
    translated = PolicyWorth(
        "low_rank", worth(0.55, 0.46), worth(0.4, 0.4), MeasuredNumber(0.9, 0.8, 1), False, True
    )
    return plan(
        **{
            "old_space": OLD, "new_space": NEW, "old": worth(0.62, 0.53), "reembedded": worth(0.7, 0.58),
            "gain": MeasuredNumber(0.05, 0.02, 0.08), "policies": [translated], "sections": 1033,
            "items": 900, "encode_all_seconds": 180.0, "translate_all_seconds": 2.0, "left_out": 3,
            "policy": "low_rank",
            "advice": UpgradeAdvice.TRANSLATE, "reason": "re-embedded, nDCG@10 is 0.580",
        } | changes
    )  # fmt: skip


def printed(found: UpgradePlan, capsys: pytest.CaptureFixture[str], collection: str = "handbook") -> str:
    upgrade_plan.tell(Output(json=False), collection, found)
    return capsys.readouterr().out


def test_a_reader_learns_what_to_do_what_it_gains_what_it_costs_and_what_to_type(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = printed(made(), capsys)

    lines = said.splitlines()
    assert lines[0] == (
        "Advice: move handbook to newer-model. Searches get better at once, so older model may be switched "
        "off as soon as the move has begun."
    )
    assert "searches find 62 today and 70 with newer-model" in said
    assert "How well results are ordered rises from 53 to 58, of 100." in said
    assert "may be chance" not in said
    assert "The move encodes 1,033 sections, which takes about 3 min on this server." in said
    assert "If older model is gone before the end, searches find 55 of 100 until all is encoded." in said
    assert "3 sections took no part" in said
    assert "to begin: tieback upgrade start handbook --to newer-model" in lines
    assert "to go back: tieback upgrade rollback handbook" in lines
    heading = next(line for line in lines if "found, of 100" in line)
    table = lines[lines.index(heading) : lines.index(heading) + 4]
    assert [re.split(r"\s{2,}", line.strip()) for line in table] == [
        ["found, of 100", "order, 0 to 100", "time"],
        ["today, with older model", "62", "53 (49 to 57)"],
        ["all encoded with newer-model", "70", "58 (54 to 62)", "3 min"],
        ["until then, if older model is gone", "55", "46 (42 to 50)", "2 s"],
    ]


@each("advice", [None, *UpgradeAdvice])
@each("judged", [0, 57])
@each("refused", [False, True])
def test_no_abbreviation_and_no_code_name_is_printed(
    capsys: pytest.CaptureFixture[str], advice: UpgradeAdvice | None, judged: int, refused: bool
) -> None:
    best = replace(made().policies[0], refused=refused)
    changes = {"judged": judged, "policies": [best], "staying_items": 5, "staying_sections": 7}
    found = made(
        advice=advice, reason="the new space is not better", gain=MeasuredNumber(0, -1, 1), **changes
    )

    said = printed(found, capsys)

    words = re.findall(r"[\w@/.-]*\w", said)
    assert not [one for one in words if sum(letter.isupper() for letter in one) > 1 and one != "FILE"]
    assert not [one for one in words if "_" in one or "@" in one or "/" in one]
    codes = {
        *compatibilities.names(),
        "ndcg",
        "recall",
        "policy",
        "transform",
        "retention",
        "artifact",
        "floor",
    }
    assert not {one.lower() for one in words} & codes
    assert not re.search(r"\b[0-9a-f]{8,}\b", said), "no revision"


def test_advice_to_stay_says_how_to_move_nevertheless_and_that_it_may_be_chance() -> None:
    found = made(advice=UpgradeAdvice.KEEP, reembedded=worth(0.6, 0.53), gain=MeasuredNumber(0.0, -0.1, 0.1))

    shown = shown_plan("handbook", found)

    assert shown.advice == "Advice: leave handbook as it is. Searches would not get better with newer-model."
    assert (
        "How well results are ordered stays at 53, of 100. That difference may be chance." in shown.reasons[0]
    )
    assert "Parts of the collection itself stood for questions." in shown.reasons[1]
    assert dict(shown.commands) == {
        "to move it all the same": "tieback upgrade start handbook --to newer-model",
        "to see all numbers on a page": "tieback upgrade report handbook",
    }


def test_two_revisions_of_a_space_are_told_apart_and_what_stays_is_counted() -> None:
    revised = replace(OLD, revision="3" * 40)
    led = PolicyWorth("oca", None, WORTH, MeasuredNumber(1.2, 1.0, 1.3), True, False)
    found = made(
        new_space=revised, policies=[led], judged=1, staying_items=70, staying_sections=33,
        advice=UpgradeAdvice.REEMBED, left_out=0,
    )  # fmt: skip

    shown = shown_plan("handbook", found)

    assert "Keep older model 11111111 until the move has ended." in shown.advice
    assert "with older model 33333333" in shown.reasons[0]
    assert shown.reasons[1] == "This was tried with 1 question of yours."
    assert "encodes 1,000 sections" in shown.reasons[2]
    assert "70 of 900 items stay as they are." in shown.reasons[2]
    assert "searches find 70 of 100 until all" in shown.reasons[3]
    assert "which is too little to begin without it." in shown.reasons[3]
    assert shown.ways[2][1:] == ["70", "50 (40 to 60)", "at once"]


def test_all_numbers_are_shown_under_headings_where_they_are_asked_for(served: Any) -> None:
    words = [
        "upgrade",
        "plan",
        "notes",
        "--to",
        "tiny",
        "--policy",
        "oca",
        "--parameter",
        "extra=4",
        "--verbose",
    ]
    said = CliRunner().invoke(app.tieback, words, env={"TIEBACK_SERVER": served.address}).stdout

    rows = [re.split(r"\s{2,}", line.strip()) for line in said.splitlines()]
    assert ["measured", "number", "95 % interval"] in rows
    assert ["share of nDCG@10 kept by affine: vectors translated", "1.000", "0.900 to 1.100"] in rows
    assert ["recall@1, queries led by oca among old vectors", "0.400", "0.200 to 0.600"] in rows
    assert ["nDCG@10, 0% encoded again, without the old model", "0.450"] in rows
    assert ["mean nDCG@10 of all pairs", "0.500"] in rows
    assert ["transform, of 0 dimensions", "0123456789ab"] in rows
