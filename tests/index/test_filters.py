import contextlib
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.adversarial import seconds
from support.each import each
from support.filtering import made, put, trees, waiting, written
from tieback.core.errors import DeadlineExceeded, InvalidInput
from tieback.filters import Comparison, Field, Filter, parse
from tieback.filters.columns import Column
from tieback.index.memory.collection import Memory
from tieback.index.store.records import Remove
from tieback_contract.metadata import Scalar
from tieback_contract.modality import Modality

ROWS: list[dict[str, Any]] = [
    {
        "title": "On radioactivity",
        "modality": "text",
        "year": 1903.0,
        "author": "Marie Curie",
        "reviewed": True,
    },
    {"title": "A cup", "modality": "image", "year": 1990.0, "tag": "kitchen"},
    {"title": "Sea", "modality": "audio", "year": "1990", "reviewed": False, "my key": 1.0, "modality2": "x"},
    {"title": "", "modality": "text", "author": "marie"},
]


def passing(text: str) -> list[int]:
    """Indices of the rows that pass."""
    memory = Memory(1)
    for number, row in enumerate(ROWS):
        metadata = {key: value for key, value in row.items() if key not in ("title", "modality")}
        put(memory, number + 1, f"i{number}", metadata, row["title"], Modality(row["modality"]))
    tree = parse(text)
    scans = memory.scan(tree, waiting)
    return np.flatnonzero(memory.allowed(tree, scans, waiting)).tolist()


EXAMPLES: list[tuple[str, list[int]]] = [
    ("", [0, 1, 2, 3]),
    ("  ", [0, 1, 2, 3]),
    ('modality = "text"', [0, 3]),
    ("modality = text", [0, 3]),
    ("modality != text", [1, 2]),
    ("year = 1990", [1]),
    ("year = '1990'", [2]),
    ("year >= 1903", [0, 1]),
    ("year > 1903", [1]),
    ("year < 1.99e3", [0]),
    ("year <= 1990.0", [0, 1]),
    ("year != 1990", [0, 2]),
    ("NOT year = 1990", [0, 2, 3]),
    ("-year = 1990", [0, 2, 3]),
    ("- (year = 1990)", [0, 2, 3]),
    ("NOT NOT year = 1990", [1]),
    ("year:*", [0, 1, 2]),
    ("NOT year : *", [3]),
    ("author : curie", [0]),
    ('author:"MARIE"', [0, 3]),
    ("reviewed = true", [0]),
    ("reviewed = false", [2]),
    ("reviewed != true", [2]),
    ("reviewed", [0]),
    ("NOT reviewed", [1, 2, 3]),
    ("-reviewed AND modality = text", [3]),
    ("(reviewed) OR author = marie", [0, 3]),
    ("author IN (marie, 'Marie Curie')", [0, 3]),
    ("NOT author IN (marie)", [0, 1, 2]),
    ("year IN (1903, '1990')", [0, 2]),
    ("modality IN (image, audio)", [1, 2]),
    ("author CONTAINS 'CURIE'", [0]),
    ("title > M", [0, 2]),
    ('title = ""', [3]),
    ('"my key" = 1', [2]),
    ('metadata."my key" = 1', [2]),
    ("metadata.year = 1990", [1]),
    ("modality = image OR modality = audio", [1, 2]),
    ("modality = text AND author : marie AND year > 1900", [0]),
    ("(modality = text OR year = 1990) AND NOT author = marie", [0, 1]),
    ("year>=1903 AND(reviewed=true)", [0]),
    ("year > -5", [0, 1]),
]


@each("text, rows", EXAMPLES)
def test_a_filter_passes_the_rows_it_describes(text: str, rows: list[int]) -> None:
    assert passing(text) == rows


@each(
    "text, place, expected",
    [
        ("title", 6, "one of = != < <= > >= : IN CONTAINS after title, found the end"),
        ("year 1990", 6, "one of = != < <= > >= : IN CONTAINS after year, found '1990'"),
        ("year in (1990)", 6, "one of .* IN CONTAINS after year, found 'in'"),
        ("year IN", 8, r"\( and values with commas"),
        ("year IN ()", 10, "a value"),
        ("year IN (1, 2", 14, r"a comma or \)"),
        ("year IN (1 2)", 12, r"a comma or \)"),
        ("year IN (1,)", 12, "a value"),
        ("modality IN (text, picture)", 13, "one of text, image, audio, points, features, found 'picture'"),
        ("year >=", 8, "a value"),
        ("year >= )", 9, "a value"),
        ("= 3", 1, "a field"),
        ("year = 3 year = 4", 10, "AND, OR or the end, found 'year'"),
        ("year = 3 and draft", 10, "AND, OR or the end, found 'and' \\(keywords are in capitals\\)"),
        ("(year = 3", 10, "AND, OR or \\), found the end"),
        ("year = 3)", 9, "AND, OR or the end"),
        ("year = 'x", 8, "a closing quote"),
        ("a = 1 AND b = 2 OR c = 3", 17, "AND again, or parentheses"),
        ("a = 1 AND", 10, "a field"),
        ("AND = 1", 1, "a field"),
        ("a ! b", 3, "a field, a value or an operator"),
        ("a = 1e999", 5, "range of a double"),
        ("modality = picture", 12, "one of text, image, audio, points, features, found 'picture'"),
        ("modality > text", 10, "no order"),
        ("reviewed < true", 10, "no order"),
        ("5 = 5", 1, "a field"),
        ("-", 2, "a field"),
    ],
)
def test_a_bad_filter_says_where_what_was_expected_and_gives_an_example(
    text: str, place: int, expected: str
) -> None:
    with pytest.raises(
        InvalidInput, match=f"character {place}: expected .*{expected}.*for example: "
    ) as caught:
        parse(text)

    assert str(caught.value.field) == "filter"


@each(
    "text",
    [
        "a=1 AND " * 100_000,
        "(" * 4000,
        "NOT " * 1000,
        "-" * 4000,
        "((((" * 10 + "a=1" + "))))" * 10,
        "'" * 4001,
    ],
)
def test_a_hostile_filter_is_refused_quickly(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse(text)


@settings(deadline=None)
@given(st.text(max_size=200) | st.text("ab01.-=!<>:()\"' \\ANDORT*", max_size=60))
@example("metadata.")
@example('metadata."')
@example("a : * AND a = *")
def test_any_text_parses_or_is_invalid_input_and_nothing_else(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        parse(text)


fields = st.sampled_from(["item_id", "section_id", "title"]).map(Field) | st.builds(
    Field,
    st.text(max_size=8)
    | st.sampled_from(["title", "AND", "IN", "CONTAINS", "metadata", "metadata.x", "a.b-c", "true"]),
    st.just(True),
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(max_size=8) | st.sampled_from(['"', "\\", "AND", "true", "1", "*", "2024-03-01T10:30Z"])
operators = st.sampled_from(["=", "!=", ":", "CONTAINS", "<", "<=", ">", ">="])
comparisons = (
    st.builds(Comparison, fields, operators, numbers | words)
    | st.builds(Comparison, fields, st.sampled_from(["=", "!=", "CONTAINS"]), st.booleans())
    | st.builds(
        Comparison,
        fields,
        st.just("IN"),
        st.lists(numbers | words | st.booleans(), min_size=1, max_size=3).map(tuple),
    )
    | st.builds(Comparison, fields, st.just(":"), st.none())
)


@settings(deadline=None)
@given(trees(comparisons, most=8))
def test_a_printed_filter_parses_to_the_same_filter(tree: Filter) -> None:
    assert parse(str(tree)) == tree


VALUES = st.booleans() | st.sampled_from([0.0, 1.0, "1", "", "a"])


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.none() | VALUES), max_size=40),
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 400), st.none() | VALUES), max_size=12),
)
def test_a_column_holds_what_a_dict_holds(
    writes: list[tuple[int, Scalar | None]], runs: list[tuple[int, int, Scalar | None]]
) -> None:
    """A run sets many positions, so that the column changes its form there and back."""
    column, model = Column(), {}
    writes = writes + [(p, value) for begin, size, value in runs for p in range(begin, begin + size)]
    for position, value in writes:
        written(column, position, value)
        model[position] = value
    held = {(type(value), value) for value in model.values() if value is not None}
    size = 6 + max(model, default=0)

    assert column.count == sum(value is not None for value in model.values())
    assert {(type(v), v) for v in column.snapshot()[0] if v is not None} == held
    for kind, value in held:
        expected = [type(model.get(p)) is kind and model.get(p) == value for p in range(size)]
        assert column.equal(value, size).tolist() == expected
        assert column.equal(value, 3).tolist() == expected[:3]
    assert column.present(size).tolist() == [model.get(p) is not None for p in range(size)]


def test_a_filter_looks_again_at_what_was_written_while_it_was_scanned() -> None:
    memory = Memory(1)
    put(memory, 1, "a", {"author": "Curie"})
    put(memory, 2, "b", {"author": "Meitner", "year": 1.0})
    tree = parse("author : cur OR year > 5")
    scans = memory.scan(tree, waiting)

    put(memory, 3, "a", {"author": "Noether"})  # the code of "Curie" is free, and given to the next
    put(memory, 4, "b", {"author": "Curtis", "year": 6.0})
    put(memory, 5, "c", {"year": 7.0})

    passing = np.flatnonzero(memory.allowed(tree, scans, waiting)).tolist()
    assert {memory.order_key(position)[0] for position in passing} == {"b", "c"}


def test_a_filter_stops_when_nobody_waits_for_it() -> None:
    memory = Memory(1)
    memory.apply(made(n + 1, f"i{n}", {"path": f"docs/{n}"}) for n in range(3000))
    asked: list[str] = []

    def gone(doing: str) -> None:
        asked.append(doing)
        if len(asked) == 2:
            raise DeadlineExceeded(doing)

    with pytest.raises(DeadlineExceeded):
        memory.scan(parse("path : '7'"), gone)
    assert len(asked) == 2


def test_a_filter_of_too_many_comparisons_is_refused() -> None:
    parse(" OR ".join(["a = 1"] * 100))

    with pytest.raises(InvalidInput, match="at most 100 comparisons"):
        parse(" OR ".join(["a = 1"] * 101))


def test_items_written_and_removed_after_ids_were_first_asked_for_are_filtered_by_their_ids() -> None:
    memory = Memory(1)
    for number in range(3):
        put(memory, number + 1, f"i{number}", {})

    def found(text: str) -> list[str]:
        tree = parse(text)
        mask = memory.allowed(tree, memory.scan(tree, waiting), waiting)
        return sorted(memory.ids_at(place)[0] for place in np.flatnonzero(mask).tolist())

    assert found("item_id IN ('i0', 'i2', 'i3')") == ["i0", "i2"]
    put(memory, 4, "i3", {})
    memory.apply([Remove(5, "i0")])
    assert found("item_id IN ('i0', 'i2', 'i3')") == ["i2", "i3"]
    put(memory, 6, "i0", {})
    assert found("item_id >= 'i0' AND item_id < 'i3'") == ["i0", "i1", "i2"]


def test_ids_take_memory_for_filters_only_once_a_filter_asks_for_them() -> None:
    memory = Memory(1)
    memory.apply(made(n + 1, f"i{n}", {}) for n in range(20_000))
    other, ids = parse("title = 'x'"), parse("item_id = 'i7'")
    tracemalloc.start()

    memory.allowed(other, memory.scan(other, waiting), waiting)
    before = tracemalloc.get_traced_memory()[0]
    memory.allowed(ids, memory.scan(ids, waiting), waiting)
    taken = tracemalloc.get_traced_memory()[0] - before

    tracemalloc.stop()
    assert before < 20_000 < 40 * 20_000 < taken


def test_keys_take_memory_by_the_values_that_there_are_and_none_when_they_are_gone() -> None:
    memory = Memory(1)
    memory.apply(made(n + 1, f"i{n}", {"year": float(n % 100)}) for n in range(20_000))
    put(memory, 20_001, "another", {"year": 1.0})  # makes room for more
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    put(memory, 30_000, "many", {f"key {n}": 1.0 for n in range(500)})

    taken = tracemalloc.get_traced_memory()[0] - before
    memory.apply([Remove(30_001, "many")])
    left = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert taken < 1_000_000
    assert left < 200_000
    assert memory.facts.keys == 1


def test_a_value_of_many_digits_is_read_at_once() -> None:
    text = f"year = {'1' * 4000}x"

    assert seconds(lambda: parse(text)) < 0.05
