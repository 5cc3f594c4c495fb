"""The plan of an upgrade, as a server could have made it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tieback_client import (
    CompatibilityCell,
    CompatibilityMatrix,
    MeasuredNumber,
    PolicyWorth,
    Recall,
    SpaceRef,
    UpgradeAdvice,
    UpgradePlan,
    UpgradePoint,
    UpgradeWorth,
)

HALF = Recall(0.5, 0.4, 0.6)
WORTH = UpgradeWorth(MeasuredNumber(0.5, 0.4, 0.6), 0.7, MeasuredNumber(1.0, 0.9, 1.1))
SPACE = SpaceRef("a", "b", "c")


def plan(**changes: Any) -> UpgradePlan:
    """A plan with these changes."""
    made = UpgradePlan(
        old_space=SPACE,
        new_space=SPACE,
        policy="oca",
        parameters={"extra": 4.0},
        artifact="0123456789ab",
        width=512,
        trained=80,
        held_out=20,
        left_out=0,
        old_old=HALF,
        new_old=HALF,
        new_new=HALF,
        native=HALF,
        encoding_seconds=1.0,
        training_seconds=2.0,
        judged=0,
        old=WORTH,
        reembedded=WORTH,
        policies=[PolicyWorth("oca", None, WORTH, MeasuredNumber(1.0, 0.9, 1.1), False, False)],
        curve=[UpgradePoint(0.0, 0.5, 0.4), UpgradePoint(1.0, 0.5, 0.5)],
        sections=100,
        encode_all_seconds=10.0,
        translate_all_seconds=0.0,
        advice=UpgradeAdvice.KEEP,
        reason="the new space is not better",
        gain=MeasuredNumber(0.0, -0.1, 0.1),
        matrix=CompatibilityMatrix(
            [SPACE, SPACE], [CompatibilityCell(0, 0, MeasuredNumber(0.5, 0.4, 0.6), "")], 0.0, 0.5
        ),
    )
    return replace(made, **changes)
