"""The benchmark of newer architectures exports, serves and compares a model of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.corpus import read
from benchmarks.families import FAMILIES, TABLE, Family, made, measured

pytestmark = pytest.mark.all

SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}


async def test_a_small_family_is_measured_in_every_cell_and_computes_what_the_bare_loop_does(
    tmp_path: Path,
) -> None:
    family = Family(FAMILIES["qwen3"].architecture, SMALL, "one layer")
    card, store = made(family, tmp_path)

    report = await measured(family, card, store, read(None), rounds=1, seconds=0.01)

    cells = report.tables["cells"]
    assert [(row["mix"], row["in flight"]) for row in cells] == [(one.mix, one.in_flight) for one in TABLE]
    assert all(row["share"] > 0 and row["failures"] == 0 for row in cells)
    assert cells[0]["padding %"] == 0  # one text at a time has none
    assert all(0 <= row["padding %"] < 100 for row in cells)
    assert len(report.claims) == 2 * len(TABLE) - 1


async def test_a_kept_model_is_not_made_again(tmp_path: Path) -> None:
    family = Family("modernbert", SMALL | {"num_hidden_layers": 3}, "three layers")
    weights = tmp_path / "own/model.safetensors"
    _, store = made(family, tmp_path)
    before = weights.stat().st_mtime_ns

    card, _ = made(family, tmp_path)

    assert weights.stat().st_mtime_ns == before
    assert store.is_ready(card)
