"""The benchmark of compressed evidence holds soft tokens against their controls."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.lab.compression import NOTHING, PACKED, SHUFFLED, SOFT, TEXT, reported
from benchmarks.lab.written_answers import Row

pytestmark = pytest.mark.all


def test_soft_tokens_are_held_against_those_of_other_passages_and_against_nothing() -> None:
    def row(**right: float) -> Row:
        return {way: {"right": value, "F1": value / 2, "tokens": 10.0} for way, value in right.items()}

    rows = [
        row(**{TEXT: 1.0, PACKED: 0.0, SOFT: 1.0, SHUFFLED: 0.0, NOTHING: 1.0}),
        row(**{TEXT: 1.0, PACKED: 0.0, SOFT: 1.0, SHUFFLED: 0.0, NOTHING: 1.0}),
    ]

    report = reported(rows, [{"what is predicted": "answer", "soft tokens": 1.0, "shuffled": 2.0}])

    gains = {claim.name.split(": ")[1]: claim.value for claim in report.claims}
    assert gains[f"right answers by soft tokens, over {SHUFFLED}"] == 100
    assert gains[f"right answers by soft tokens, over {NOTHING}"] == 0
    assert gains[f"F1 by soft tokens, over {SHUFFLED}"] == 50


def test_a_folder_that_holds_no_compression_ends_the_program_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"compression: "):
        main(["compression", "--data", str(tmp_path), "--trained", str(tmp_path)])
