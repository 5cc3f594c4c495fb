import contextlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.adversarial import seconds
from tieback.core.errors import InvalidInput
from tieback.index.columns import Column
from tieback.index.filters import BUILT_IN, And, Comparison, Field, Not, Or, evaluate, parse

ROWS = [
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


def passing(text):
    """Indices of the rows that pass."""
    columns = {}
    for position, row in enumerate(ROWS):
        for name, value in row.items():
            field = Field(name, metadata=name not in BUILT_IN)
            columns.setdefault(field, Column()).put(position, value)
    tree = parse(text)
    mask = np.ones(len(ROWS), bool) if tree is None else evaluate(tree, columns, len(ROWS))
    return np.flatnonzero(mask).tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
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
        ("reviewed = 1", []),
        ("nothing = 1", []),
        ("nothing != 1", []),
        ("title > M", [0, 2]),
        ('title = ""', [3]),
        ('"my key" = 1', [2]),
        ('metadata."my key" = 1', [2]),
        ("metadata.year = 1990", [1]),
        ("metadata.title = Sea", []),
        ("modality = image OR modality = audio", [1, 2]),
        ("modality = text AND author : marie AND year > 1900", [0]),
        ("(modality = text OR year = 1990) AND NOT author = marie", [0, 1]),
        ("year>=1903 AND(reviewed=true)", [0]),
        ("year > -5", [0, 1]),
    ],
)
def test_a_filter_passes_the_rows_it_describes(text, rows):
    assert passing(text) == rows


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("year", 5, "one of = != < <= > >= : after year, found the end"),
        ("year >=", 8, "a value"),
        ("year >= )", 9, "a value"),
        ("= 3", 1, "a field"),
        ("year = 3 year = 4", 10, "AND, OR or the end, found 'year'"),
        ("(year = 3", 10, "AND, OR or \\), found the end"),
        ("year = 3)", 9, "AND, OR or the end"),
        ("year = 'x", 8, "a closing quote"),
        ("a = 1 AND b = 2 OR c = 3", 17, "AND again, or parentheses"),
        ("a = 1 AND", 10, "a field"),
        ("AND = 1", 1, "a field"),
        ("a ! b", 3, "a field, a value or an operator"),
        ("a = 1e999", 5, "range of a double"),
        ("modality = picture", 12, "one of text, image, audio, points, found 'picture'"),
        ("modality > text", 10, "no order"),
        ("reviewed < true", 10, "no order"),
        ("5 = 5", 1, "a field"),
        ("-", 2, "a field"),
    ],
)
def test_a_bad_filter_says_where_what_was_expected_and_gives_an_example(text, place, expected):
    with pytest.raises(
        InvalidInput, match=f"character {place}: expected .*{expected}.*for example: "
    ) as caught:
        parse(text)

    assert caught.value.field == "filter"


@pytest.mark.parametrize(
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
def test_a_hostile_filter_is_refused_quickly(text):
    with pytest.raises(InvalidInput):
        parse(text)


@settings(deadline=None)
@given(st.text(max_size=200) | st.text("ab01.-=!<>:()\"' \\ANDORT*", max_size=60))
@example("metadata.")
@example('metadata."')
@example("a : * AND a = *")
def test_any_text_parses_or_is_invalid_input_and_nothing_else(text):
    with contextlib.suppress(InvalidInput):
        parse(text)


fields = st.sampled_from(["item_id", "section_id", "title"]).map(Field) | st.builds(
    Field,
    st.text(max_size=8) | st.sampled_from(["title", "AND", "metadata", "metadata.x", "a.b-c", "true"]),
    st.just(True),
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(max_size=8) | st.sampled_from(['"', "\\", "AND", "true", "1", "*"])
comparisons = (
    st.builds(Comparison, fields, st.sampled_from(["=", "!=", ":", "<", "<=", ">", ">="]), numbers | words)
    | st.builds(Comparison, fields, st.sampled_from(["=", "!="]), st.booleans())
    | st.builds(Comparison, fields, st.just(":"), st.none())
)
trees = st.recursive(
    comparisons,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(trees)
def test_a_printed_filter_parses_to_the_same_filter(tree):
    assert parse(str(tree)) == tree


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.none() | st.booleans() | st.sampled_from([0.0, 1.0, "1", "", "a"])),
        max_size=40,
    )
)
def test_a_column_holds_what_a_dict_holds(writes):
    column, model = Column(), {}
    for position, value in writes:
        column.put(position, value)
        model[position] = value

    held = {(type(value), value) for value in model.values() if value is not None}
    assert {(type(value), value) for value in column.distinct()} == held
    for kind, value in held:
        expected = [type(model.get(p)) is kind and model.get(p) == value for p in range(6)]
        assert column.equal(value, 6).tolist() == expected
    assert column.present(6).tolist() == [model.get(p) is not None for p in range(6)]


def test_a_value_of_many_digits_is_read_at_once() -> None:
    text = f"year = {'1' * 4000}x"

    assert seconds(lambda: parse(text)) < 0.05
