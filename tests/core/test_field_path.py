"""Paths of fields: what is written of them, and how whoever calls tells a callee's error as its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.each import each
from tieback.core.errors import InvalidInput, SpaceMismatch
from tieback_contract.field_path import ROOT, FieldPath, Key, at

SERVICES = Path(__file__).parents[2] / "services" / "tieback"

names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
steps = st.one_of(names, st.integers(0, 10**9), st.text(max_size=8).map(Key))
paths = st.lists(steps, max_size=6).map(lambda some: FieldPath(tuple(some)))


@each(
    "path, written",
    [
        (ROOT, ""),
        (at("items", 3, "contents", 0, "text"), "items[3].contents[0].text"),
        (at("items")[3]["item"]["metadata"].key("year"), 'items[3].item.metadata["year"]'),
        (at("metadata").key('a "word"'), 'metadata["a \\"word\\""]'),
        (at("metadata").key("Größe"), 'metadata["Größe"]'),
        (at("parameters", "no such", 1), 'parameters["no such"][1]'),
    ],
)
def test_a_path_is_written_as_the_contract_says(path: FieldPath, written: str) -> None:
    assert str(path) == written
    assert bool(path) == bool(written)


@given(paths)
def test_a_path_that_is_written_is_read_as_itself(path: FieldPath) -> None:
    assert FieldPath.parse(str(path)) == path


@each("text", ["a..b", ".a", "a.", "a[", "a[-1]", "a[x]", "a b", "a[1]b", 'a["b]', "…"])
def test_what_is_no_path_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        FieldPath.parse(text)


@given(paths, paths)
def test_a_place_seen_from_outside_and_from_inside_is_the_same_place(
    inner: FieldPath, prefix: FieldPath
) -> None:
    assert inner.under(prefix).below(prefix) == inner
    assert str(inner.under(prefix)).startswith(str(prefix))


def test_a_path_is_below_another_step_by_step_and_not_letter_by_letter() -> None:
    assert at("routing", "missing", "name").below(at("routing", "missing")) == at("name")
    assert at("routing", "missing").below(at("routing", "missing")) == ROOT
    assert at("routing", "missing_name").below(at("routing", "missing")) is None
    assert at("items", 11).below(at("items", 1)) is None
    assert at("metadata").key("a").below(at("metadata", "a")) is None


@given(paths, st.integers(0, 64))
def test_a_path_that_is_too_long_ends_at_a_step(path: FieldPath, most: int) -> None:
    beginning = path.beginning(most)

    assert len(str(beginning).encode("utf-8", "replace")) <= most
    assert path.below(beginning) is not None
    longer = FieldPath(path.steps[: len(beginning.steps) + 1])
    assert longer == beginning or len(str(longer).encode("utf-8", "replace")) > most


def test_a_callee_s_error_is_told_as_the_caller_s() -> None:
    error = SpaceMismatch("of another space", field=at("vector", "space"))

    told = error.within(at("contents", 3))

    assert str(told.field) == "contents[3].vector.space"
    assert (type(told), told.message, told.reason) == (SpaceMismatch, error.message, error.reason)
    assert str(error.field) == "vector.space"  # others who asked for the same have it too


def test_what_the_caller_calls_otherwise_is_told_by_the_caller_s_name() -> None:
    error = InvalidInput("too long", field=at("contents", 0, "text"), reason="TOO_LONG")

    moved = error.moved(at("contents", 0), at("contents", 2))

    assert (str(moved.field), moved.reason) == ("contents[2].text", "TOO_LONG")
    assert str(error.moved(at("contents", 1), at("contents", 2)).field) == "contents[0].text"
    assert str(error.about(at("query")).field) == "query"


def test_a_field_by_its_name_is_a_path() -> None:
    assert InvalidInput("empty", field="query").field == at("query")
    assert InvalidInput("empty").field == ROOT


def _glued(call: ast.Call) -> bool:
    given = [one.value for one in call.keywords if one.arg == "field"]
    return any(
        isinstance(one, ast.JoinedStr | ast.BinOp)
        or (isinstance(one, ast.Constant) and not str(one.value).isidentifier())
        for one in given
    )


def test_no_service_makes_a_path_of_pieces_of_text() -> None:
    glued = [
        f"{path.relative_to(SERVICES)}:{node.lineno}"
        for path in SERVICES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _glued(node)
    ]

    assert glued == []
