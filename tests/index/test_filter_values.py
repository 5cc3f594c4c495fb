"""Filters over lists and dates, over fields that are not there, and against a naive evaluation."""

import operator
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.each import each
from support.filtering import put, trees, waiting, written
from tieback.collections.metadata import scalars
from tieback.core.dates import read_date
from tieback.core.errors import InvalidInput
from tieback.filters import And, Comparison, Field, Filter, Not, Or, fields, parse
from tieback.filters.columns import Column, Value
from tieback.index.memory.collection import Memory
from tieback.index.store.records import Remove
from tieback_client.cli.index.file_items import items_of
from tieback_contract.metadata import Scalar

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
ROWS: list[dict[str, Value]] = [
    {"tags": ("tls", "web"), "published": date(2024, 3, 1), "marks": (1.0, 5.0)},
    {"tags": ("ssh",), "published": date(2023, 1, 1), "draft": True, "written": "2024-03-01"},
    {"tags": "TLS and more", "published": NOON, "written": "2024-04-01"},
    {"tags": (), "seen": (date(2020, 1, 1), date(2024, 3, 1)), "draft": False},
    {"published": NOON + timedelta(days=1), "mixed": ("a", 1.0, True)},
]


def memory_of(rows: Sequence[Mapping[str, Value]]) -> Memory:
    memory = Memory(1)
    for number, metadata in enumerate(rows):
        put(memory, number + 1, f"i{number}", metadata)
    return memory


def passing(memory: Memory, tree: Filter | None) -> list[int]:
    scans = memory.scan(tree, waiting)
    positions = np.flatnonzero(memory.allowed(tree, scans, waiting))
    return sorted(int(memory.order_key(int(position))[0][1:]) for position in positions)


@each(
    "text, rows",
    [
        ("tags = tls", [0]),
        ("tags != tls", [1, 2]),
        ("tags CONTAINS 'tls'", [0, 2]),
        ("tags CONTAINS 'TLS'", [2]),
        ("tags CONTAINS 'WEB'", []),
        ("tags : 'TL'", [0, 2]),
        ("tags IN (ssh, web)", [0, 1]),
        ("tags > ta", [0]),
        ("tags : *", [0, 1, 2]),
        ("NOT tags : *", [3, 4]),
        ("marks = 5", [0]),
        ("marks > 4 AND marks < 2", [0]),
        ("mixed = true", [4]),
        ("mixed = 1", [4]),
        ("mixed = 'a'", [4]),
        ("published >= 2024-03-01", [0, 2, 4]),
        ("published > 2024-03-01", [4]),
        ("published <= 2024-03-01", [0, 1, 2]),
        ("published = 2024-03-01", [0, 2]),
        ("published = '2024-03-01'", [0, 2]),
        ("published != 2024-03-01", [1, 4]),
        ("published : 2024-03-01", [0, 2]),
        ("published IN (2024-03-01, 2023-01-01)", [0, 1, 2]),
        ("published > 2024-03-01T00:00Z", [2, 4]),
        ("published >= 2024-03-01T14:00:00+02:00 AND published < 2024-03-01T12:00:01", [2]),
        ("published = 2024-03-01T12:00:00.0Z", [2]),
        ("seen = 2024-03-01", [3]),
        ("seen < 2021-01-01", [3]),
        ("written >= 2024-03-01", [1, 2]),
        ("written > 2024-03-01", [2]),
        ("written = '2024-03-01'", [1]),
        ("NOT draft", [0, 2, 3, 4]),
        ("draft", [1]),
    ],
)
def test_a_filter_reads_lists_and_dates(text: str, rows: list[int]) -> None:
    assert passing(memory_of(ROWS), parse(text)) == rows


@each(
    "text, message",
    [
        (
            "tagz = tls",
            r"no item .* has a field tagz; did you mean tags\? Its fields are tags \(strings\), draft",
        ),
        ("NOT drafted", "no item .* has a field drafted; did you mean draft"),
        ("nothing = 1", r"no item .* has a field nothing\. Its fields are draft"),
        ("nothing : *", "no item .* has a field nothing"),
        ("titel = Sea", "has a field titel; did you mean title"),
        ("metadata.title = Sea", 'has a field metadata."title"'),
        (
            "tags = 5",
            r"tags holds strings, and 5 is none of them: write text in quotes\. Its fields are tags",
        ),
        ("marks = '5'", 'marks holds numbers, and "5" is none of them: write a number without quotes'),
        ("tags IN (tls, 5)", "tags holds strings, and 5 is none"),
        ("draft = 1", "draft holds booleans, and 1 is none of them: write true or false"),
        ("marks", "marks holds numbers, and true is none"),
        (
            "published > march",
            'published holds dates, and "march" is none of them: write a date as 2024-03-01',
        ),
        ("published > 2024-13-01", 'published holds dates, and "2024-13-01" is none'),
        ("title = 5", "title holds strings, and 5 is none"),
        ("item_id > 2", "item_id holds strings"),
        ("draft AND nothing = 1", "has a field nothing"),
    ],
)
def test_an_unknown_field_or_another_type_is_refused_with_the_fields_that_there_are(
    text: str, message: str
) -> None:
    memory = memory_of(ROWS)

    with pytest.raises(InvalidInput, match=message) as caught:
        memory.scan(parse(text), waiting)

    assert str(caught.value.field) == "filter"
    assert "published (dates)" in str(caught.value)


def test_the_users_own_fields_are_listed_before_those_that_the_index_command_adds() -> None:
    facts: dict[str, Value] = {
        "bytes": 1.0,
        "content_hash": "h",
        "indexed_from": "docs",
        "kind": "text",
        "path": "docs/a.md",
    }
    memory = memory_of([facts | {"zone": "north"}])

    with pytest.raises(InvalidInput) as caught:
        memory.scan(parse("nothing = 1"), waiting)

    assert (
        "Its fields are zone (strings); `tieback index` adds bytes, content_hash, indexed_from, kind, path; "
        "every section has"
    ) in str(caught.value)


def test_the_fields_of_the_index_command_are_those_that_it_sets() -> None:
    found = items_of("docs/long.log", "docs", b"one line of a log\n" * 10_000)

    assert len(found.items) > 1
    assert set(found.items[0].metadata) == fields.OF_THE_INDEX_COMMAND


def test_a_collection_without_items_takes_any_filter_and_one_with_items_always_knows_their_source() -> None:
    empty = memory_of([])

    assert passing(empty, parse("nothing = 1 AND NOT draft AND published > 2024-01-01")) == []
    assert passing(memory_of(ROWS), parse("indexed_from = docs")) == []
    with pytest.raises(InvalidInput, match="title holds strings"):
        passing(empty, parse("title = 5"))


def test_a_field_is_unknown_again_when_its_last_item_is_gone() -> None:
    memory = memory_of([{"tags": ("a", "b")}, {}])
    assert passing(memory, parse("tags = b")) == [0]

    memory.apply([Remove(10, "i0")])

    with pytest.raises(InvalidInput, match="no item of the collection has a field tags"):
        passing(memory, parse("tags = b"))


def test_of_many_fields_some_are_named_and_a_long_name_is_cut() -> None:
    memory = memory_of([{f"key{number:04}" + "x" * 200: 1.0 for number in range(1000)}])

    with pytest.raises(InvalidInput, match="and 980 more") as caught:
        memory.scan(parse(f"{'key' + 'y' * 3000} = 1"), waiting)

    assert len(str(caught.value)) < 4000


SCALARS = (
    st.sampled_from(["", "a", "ab", "AB", "2024-03-01", "2023-01-01"])
    | st.sampled_from([0.0, 1.0, -2.5])
    | st.booleans()
    | st.sampled_from([date(2024, 3, 1), date(2023, 1, 1), NOON, NOON - timedelta(hours=13)])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=4).map(tuple)
LITERALS = st.sampled_from(
    ["", "a", "AB", "2024-03-01", "2024-03-01T12:00Z", "2024-02-29T23:00:00Z", 0.0, 1.0]
)
FIELDS = st.sampled_from(["x", "y"]).map(lambda name: Field(name, metadata=True))
ORDERED = ["<", "<=", ">", ">="]
COMPARISONS = (
    st.builds(Comparison, FIELDS, st.sampled_from(["=", "!=", ":", "CONTAINS", *ORDERED]), LITERALS)
    | st.builds(Comparison, FIELDS, st.sampled_from(["=", "!=", ":", "CONTAINS"]), st.booleans())
    | st.builds(Comparison, FIELDS, st.just(":"), st.none())
    | st.builds(Comparison, FIELDS, st.just("IN"), st.lists(LITERALS, min_size=1, max_size=3).map(tuple))
)
ALL_KINDS: dict[str, Value] = {"x": ("", 0.0, True, date(1, 1, 1)), "y": ("", 0.0, True, date(1, 1, 1))}
"""A row that holds every type in both fields, so that no comparison of types is refused."""


def naive(tree: Filter, row: Mapping[str, Value]) -> bool:
    """Tell whether a row passes, by the words of docs/search.md."""
    match tree:
        case Not(operand):
            return not naive(operand, row)
        case And(operands):
            return all(naive(one, row) for one in operands)
        case Or(operands):
            return any(naive(one, row) for one in operands)
    held = row.get(tree.field.name)
    values = held if isinstance(held, tuple) else () if held is None else (held,)
    literal = tree.value
    if literal is None:
        return bool(values)
    if isinstance(literal, tuple):
        assert tree.operator == "IN"
        return any(says("=", value, one) for value in values for one in literal)
    if tree.operator == "!=":
        return bool(values) and not any(says("=", value, literal) for value in values)
    if tree.operator == "CONTAINS":
        kind = "=" if isinstance(held, tuple) else ":"
        return any(says(kind, value, literal) for value in values)
    return any(says(tree.operator, value, literal) for value in values)


def says(symbol: str, value: Scalar, literal: Scalar | None) -> bool:
    if isinstance(value, str) and isinstance(literal, str) and symbol == ":":
        return literal.casefold() in value.casefold()
    if isinstance(value, date):
        literal = read_date(literal) if isinstance(literal, str) else None
        if literal is None:
            return False
        if isinstance(literal, datetime) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        if not isinstance(literal, datetime) and isinstance(value, datetime):
            value = value.date()
    elif type(value) is not type(literal):
        return False
    by_symbol = {"=": "eq", ":": "eq", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
    return bool(getattr(operator, by_symbol[symbol])(value, literal))


ZERO_AND_FALSE = And(tuple(Comparison(Field("x", metadata=True), ":", one) for one in (0.0, False)))
"""Equal literals to Python, and others to a filter."""


@example([], ZERO_AND_FALSE)
@settings(deadline=None, max_examples=300)
@given(st.lists(st.dictionaries(st.sampled_from(["x", "y"]), VALUES), max_size=8), trees(COMPARISONS, most=5))
def test_a_filter_passes_the_rows_that_a_naive_evaluation_passes(
    rows: list[dict[str, Value]], tree: Filter
) -> None:
    rows = [ALL_KINDS, *rows]

    assert passing(memory_of(rows), tree) == [number for number, row in enumerate(rows) if naive(tree, row)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.none() | VALUES), max_size=60))
def test_a_column_of_lists_holds_what_a_dict_holds(writes: list[tuple[int, Value | None]]) -> None:
    column, model = Column(), {}
    for position, value in writes:
        written(column, position, value)
        model[position] = None if value == () else value

    held = [value for value in model.values() if value is not None]
    singles = {(type(one), one) for value in held for one in scalars(value)}
    assert column.count == len(held)
    assert column.present(6).tolist() == [model.get(position) is not None for position in range(6)]
    assert {kind for kind, count in column.kinds.items() if count} == {kind for kind, _ in singles}
    for kind, one in singles:
        expected = [
            value is not None and any(type(v) is kind and v == one for v in scalars(value))
            for value in map(model.get, range(6))
        ]
        assert column.equal(one, 6).tolist() == expected
        assert column.any_of([one], 6).tolist() == expected


def test_a_filter_sees_lists_and_dates_that_were_written_while_it_was_scanned() -> None:
    memory = memory_of([{"tags": ("alpha", "beta"), "day": date(2024, 1, 1)}])
    tree = parse("tags : mm AND day > 2024-02-01")
    scans = memory.scan(tree, waiting)

    put(memory, 2, "i0", {"tags": ("alpha",), "day": date(2024, 1, 1)})
    put(memory, 3, "i1", {"tags": ("alpha", "gamma"), "day": date(2024, 3, 1)})

    found = np.flatnonzero(memory.allowed(tree, scans, waiting)).tolist()
    assert [memory.order_key(position)[0] for position in found] == ["i1"]


def test_a_filter_over_many_different_lists_takes_about_as_long_for_each_of_them() -> None:
    drawn = random.Random(0)

    def took(count: int) -> float:
        column = Column()
        for position in range(count):
            written(column, position, tuple(f"t{drawn.randrange(5000)}" for _ in range(5)))
        began = time.perf_counter()
        for _ in range(5):
            assert column.equal("t7", count).any()
        return time.perf_counter() - began

    few = min(took(4000) for _ in range(3))
    many = min(took(32_000) for _ in range(3))
    assert many < 40 * few  # eight times the lists; a quadratic look-up would take 64 times as long


def test_lists_take_memory_by_what_there_is() -> None:
    column = Column()
    for turn in range(50):
        for position in range(100):
            written(column, position, tuple(f"{turn} {position} {part}" for part in range(3)))

    assert column.codes < 100 * 4 * 3
    assert len(column._lists._members) < 100 * 3 * 5
