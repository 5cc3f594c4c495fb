"""The example of a catalogue with missing parts, as a newcomer runs it, and the report that it writes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WANTED = {
    "A title alone": ("red star", "photo, attributes"),
    "A photo alone": ("green heart", "title, attributes"),
    "A photo and attributes": ("blue flower glass", "title"),
    "The same photo, and another material": ("blue flower wood", "title"),
    "A title and attributes": ("yellow square metal", "photo"),
    "All three parts": ("violet triangle wood", "nothing"),
}


def story(folder: Path, *options: str) -> str:
    """The report of the story, which leaves nothing else behind."""
    report, scratch = folder / "catalogue.html", folder / "scratch"
    scratch.mkdir()
    ran = subprocess.run(
        [sys.executable, ROOT / "examples/catalogue.py", "--output", report, *options],
        env={**os.environ, "TMPDIR": str(scratch)}, capture_output=True, text=True, timeout=880, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert report.as_uri() in ran.stdout
    assert not list(scratch.iterdir())
    return report.read_text(encoding="utf-8")


def queries_of(page: str) -> dict[str, str]:
    found = dict(re.findall(r"<section><h2>(.+?)</h2>(.+?)</section>", page, re.S))
    assert list(found) == list(WANTED)
    return found


def is_found(query: str) -> bool:
    """Tell whether the first hit is as wanted."""
    return "as wanted" in query[query.index("<li>") : query.index("<br>offer ")]


@pytest.mark.all
@pytest.mark.timeout(900)
def test_without_training_most_queries_find_another_product_first(tmp_path: Path) -> None:
    found = queries_of(story(tmp_path, "--steps", "0"))

    assert sum(map(is_found, found.values())) < len(WANTED) / 2


@pytest.mark.all
@pytest.mark.timeout(900)
def test_the_catalogue_is_searched_by_any_of_its_parts_and_reported_in_one_file(tmp_path: Path) -> None:
    page = story(tmp_path)

    found = queries_of(page)
    for title, (wanted, missing) in WANTED.items():
        query = found[title]
        assert f"(wanted: {wanted})" in query
        assert f"Missing: {missing}." in query
        assert query.count("<li>") == 5
        assert is_found(query), title
        absent = [] if missing == "nothing" else missing.split(", ")
        assert re.findall(r"no (\w+), replaced by a substitute", query) == absent
        weights = [float(one) for one in re.findall(r"</i></span> ([\d.]+)", query)]
        assert len(weights) == 3 - len(absent)
        assert sum(weights) == pytest.approx(1, abs=0.02)
    assert page.count("<tr><td>✓") + page.count("<tr><td>missing") == 7
    marked_up = re.sub(r"base64,[\w+/=]+", "", page)
    assert not re.findall(r"https?:|//\w|<script|<link|@import|url\(", marked_up)
    assert set(re.findall(r'(?:src|href)="(\w+:[\w/]+)', page)) == {"data:image/jpeg"}
