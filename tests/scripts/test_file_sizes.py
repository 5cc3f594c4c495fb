"""A file holds one idea, and fits in a reader's head."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
FOLDERS = ("services", "clients", "tests", "benchmarks", "docs", "examples", "scripts")
GENERATED = {ROOT / "services" / "tieback" / name for name in ("v1", "dialects")}


def test_no_file_that_a_person_writes_has_more_than_400_lines() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if path.parent not in GENERATED
    }

    assert lines
    assert {name for name, count in lines.items() if count > MOST_LINES} == set()
