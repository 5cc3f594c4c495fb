"""Judgements and clicks of users become candidates with signals, by asking a running server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback_client import Client, NotFound
from tieback_contract.field_path import at

from tieback.core.errors import InvalidInput
from tieback.core.types.search import signals_of_metadata
from tieback.recipes.train.judged_candidates import dcg

CANDIDATES = 100
HIGHEST = 20
"""The gain of a grade is 2^grade − 1."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was judged of a query, in that `line`. `unjudged` is the grade of other items, None if unknown."""

    line: int
    collection: str
    query: str
    grades: Mapping[str, int]
    unjudged: int | None


def read_judgements(path: Path) -> list[Judgement]:
    """The judgements of a file. InvalidInput, with the line, where one is not as it should be."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}", field="judgements") from None
    found = [_judgement(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise InvalidInput(f"{path.name} is empty: give a query a line", field="judgements")
    if len({one.query for one in found}) < 2:
        raise InvalidInput(
            "the judgements are of one query only, and what is learned from it cannot be tried on another: "
            "give at least two",
            field="judgements",
        )
    return found


def candidates_of(
    client: Client, judgements: Sequence[Judgement], say: Callable[[str], None]
) -> Iterator[str]:
    """A line of a file of candidates for each query; `recipes/train/judged_candidates.py` has the format.

    InvalidInput, with the line, where a collection or an item is not there.
    """
    known: dict[tuple[str, str], bool] = {}
    for number, one in enumerate(judgements, 1):
        if number % 50 == 1:
            say(f"asking query {number} of {len(judgements)}")
        try:
            found = client.retrieve(
                one.collection, one.query, limit=CANDIDATES, ranker="linear", explain=True, every_copy=True
            )
        except NotFound as error:
            raise _refused(one.line, "collection", str(error)) from None
        candidates = []
        for hit in sorted(found.hits, key=lambda hit: hit.search_rank):
            item = hit.hit.item_id
            known[one.collection, item] = True
            grade = one.grades.get(item, one.unjudged)
            judged = {} if grade is None else {"grade": grade}
            signals = {share.name: share.value for share in hit.signals}
            signals |= signals_of_metadata(hit.hit.metadata)
            candidates.append({"item": item, "signals": signals, **judged})
        for item in one.grades:
            _check_item(client, one, item, known)
        best = dcg(sorted(one.grades.values(), reverse=True))
        yield json.dumps(
            {"collection": one.collection, "query": one.query, "best": best, "candidates": candidates}
        )


def _check_item(client: Client, one: Judgement, item: str, known: dict[tuple[str, str], bool]) -> None:
    if (one.collection, item) in known:
        return
    try:
        client.get(one.collection, item)
    except NotFound:
        raise _refused(one.line, "grades", f"there is no item {item!r} in {one.collection!r}") from None
    known[one.collection, item] = True


def _judgement(number: int, line: str) -> Judgement:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise _refused(number, "", f"this is no JSON: {error}") from None
    if not isinstance(row, dict):
        raise _refused(number, "", "this is no object")
    for name in ("collection", "query"):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise _refused(number, name, "give a text that is not empty")
    if ("grades" in row) == ("shown" in row):
        raise _refused(number, "grades", "give either grades, or shown and clicked")
    if strange := sorted(row.keys() - {"collection", "query", "grades", "shown", "clicked"}):
        raise _refused(number, strange[0], "there is no such field")
    grades, unjudged = (_grades(number, row), 0) if "grades" in row else (_clicks(number, row), None)
    return Judgement(number, row["collection"], row["query"], grades, unjudged)


def _grades(number: int, row: Mapping[str, Any]) -> dict[str, int]:
    grades = row["grades"]
    if not isinstance(grades, dict) or not grades:
        raise _refused(number, "grades", "give an object of item ids with their grades")
    for item, grade in grades.items():
        if isinstance(grade, bool) or not isinstance(grade, int) or not 0 <= grade <= HIGHEST:
            raise _refused(number, "grades", f"the grade of {item!r} is {grade!r}; give 0 to {HIGHEST}")
    return dict(grades)


def _clicks(number: int, row: Mapping[str, Any]) -> dict[str, int]:
    lists = {name: row.get(name) for name in ("shown", "clicked")}
    for name, items in lists.items():
        if not isinstance(items, list) or not all(isinstance(one, str) for one in items):
            raise _refused(number, name, "give a list of item ids")
    if strange := sorted({*row["clicked"]}.difference(row["shown"])):
        raise _refused(number, "clicked", f"{strange[0]!r} was clicked and not shown")
    return {item: int(item in row["clicked"]) for item in row["shown"]}


def _refused(line: int, name: str, why: str) -> InvalidInput:
    return InvalidInput(f"line {line}{f', {name}' if name else ''}: {why}", field=at("judgements", line - 1))
