"""The benchmark of generation speed reads its questions and runs a round of all sides on a small model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import generation_speed

pytestmark = pytest.mark.all


def test_rows_come_from_all_over_the_files_each_with_another_passage(tmp_path: Path) -> None:
    (tmp_path / "answerable").mkdir()
    rows = [
        {"question": f"q{n}", "passage": f"p{n // 2}", "answerable": n % 10 != 0, "answers": []}
        for n in range(100)
    ]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    (tmp_path / "answerable/dev.jsonl").write_text(lines, encoding="utf-8")

    found = generation_speed.read(tmp_path, 5)

    assert len({row.passage for row in found}) == len(found) == 5
    assert int(found[-1].passage[1:]) > 25
