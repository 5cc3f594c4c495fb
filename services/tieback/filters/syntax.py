"""Parses a filter into a small tree; printing the tree gives a filter that parses to the same tree."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from tieback_contract.modality import Modality

from tieback.core.errors import InvalidInput

LONGEST = 4096  # characters
DEEPEST = 32  # parentheses and negations within each other
MOST_COMPARISONS = 100  # each is a pass over all rows
_EXAMPLE = 'modality = "image" AND year >= 1990 AND NOT draft'
BUILT_IN = ("item_id", "section_id", "section_title", "modality", "title")
_FIELDS = f"{', '.join(BUILT_IN)} or a metadata key"
_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", ":", "IN", "CONTAINS")
_KEYWORDS = ("AND", "OR", "NOT", "IN", "CONTAINS")
_NUMBER = re.compile(r"-?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_NAME = re.compile(r"[^\W\d][\w.-]*")
_TOKEN = re.compile(
    r"""\s*(?: (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
             | (?P<mark>[(),]|!=|<=|>=|[=<>:])
             | (?P<word>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?(?![^\s(),])
                      | [^\s()"'=<>:!,]+) )""",
    re.VERBOSE | re.DOTALL,
)


Literal = str | float | bool


@dataclass(frozen=True, slots=True)
class Field:
    """What is compared: a built-in field, or a key of the metadata."""

    name: str
    metadata: bool = False

    def __str__(self) -> str:
        if not self.metadata:
            return self.name
        plain = _NAME.fullmatch(self.name) and self.name not in (*BUILT_IN, *_KEYWORDS, "metadata")
        if plain and not self.name.startswith("metadata."):
            return self.name
        return f"metadata.{_quote(self.name)}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field, an operator and a literal; the literal None stands for ``*``, "has any value".

    The literal of IN is a tuple. Dates are strings: which of the two is meant, the field's values say.
    """

    field: Field
    operator: str
    value: Literal | tuple[Literal, ...] | None

    def __str__(self) -> str:
        return f"{self.field} {self.operator} {_literal(self.value)}"


@dataclass(frozen=True, slots=True)
class Not:
    """True where its operand is false."""

    operand: Filter

    def __str__(self) -> str:
        return f"NOT {_grouped(self.operand)}"


@dataclass(frozen=True, slots=True)
class And:
    """True where all of its two or more operands are."""

    operands: tuple[Filter, ...]

    def __str__(self) -> str:
        return " AND ".join(map(_grouped, self.operands))


@dataclass(frozen=True, slots=True)
class Or:
    """True where one of its two or more operands is."""

    operands: tuple[Filter, ...]

    def __str__(self) -> str:
        return " OR ".join(map(_grouped, self.operands))


Filter = Comparison | Not | And | Or


def parse(text: str, *, fields: str = _FIELDS, example: str = _EXAMPLE) -> Filter | None:
    """The filter's tree, or None for a blank filter, which everything passes.

    InvalidInput with field "filter" says at which character what was expected, and tells of the `fields` and
    of an `example`.
    """
    if len(text) > LONGEST:
        raise InvalidInput(
            f"the filter has {len(text)} characters; at most {LONGEST} are taken", field="filter"
        )
    if not text.strip():
        return None
    parser = _Parser(text, fields, example)
    tree = parser.expression(0)
    if parser.kind:
        raise parser.wrong("AND, OR or the end")
    return tree


class _Parser:
    """Recursive descent with one token of look-ahead: `kind`, `text`, and `start`, its place."""

    def __init__(self, source: str, fields: str, example: str) -> None:
        self._source, self._fields, self._example = source, fields, example
        self._next = self._comparisons = 0
        self.advance()

    def advance(self) -> None:
        match = _TOKEN.match(self._source, self._next)
        if match:
            self.kind = str(match.lastgroup)
            self.text = match[self.kind]
            self.start, self._next = match.start(self.kind), match.end()
            return
        rest = self._source[self._next :]
        self.start = self._next + len(rest) - len(rest.lstrip())
        self.kind, self.text = "", self._source[self.start : self.start + 1]
        if self.text:
            expected = "a closing quote" if self.text in "\"'" else "a field, a value or an operator"
            raise self.wrong(expected)

    def wrong(self, expected: str) -> InvalidInput:
        found = repr(self.text[:40]) if self.text else "the end"
        if self.text not in _KEYWORDS and self.text.upper() in _KEYWORDS:
            found += " (keywords are in capitals)"
        return InvalidInput(
            f"filter, character {self.start + 1}: expected {expected}, found {found}; "
            f"for example: {self._example}",
            field="filter",
        )

    def expression(self, depth: int) -> Filter:
        operands = [self.term(depth)]
        joint = self.text if self.kind == "word" and self.text in ("AND", "OR") else ""
        while self.kind == "word" and self.text in ("AND", "OR"):
            if self.text != joint:
                raise self.wrong(f"{joint} again, or parentheses to say which of AND and OR comes first")
            self.advance()
            operands.append(self.term(depth))
        if not joint:
            return operands[0]
        return And(tuple(operands)) if joint == "AND" else Or(tuple(operands))

    def term(self, depth: int) -> Filter:
        if depth >= DEEPEST:
            raise self.wrong(f"at most {DEEPEST} levels of parentheses and NOT")
        if self.kind == "word" and self.text == "NOT":
            self.advance()
            return Not(self.term(depth + 1))
        if self.kind == "word" and self.text.startswith("-"):
            self._next = self.start + 1  # what follows the sign is read again
            self.advance()
            return Not(self.term(depth + 1))
        if self.kind == "mark" and self.text == "(":
            self.advance()
            inside = self.expression(depth + 1)
            if self.text != ")" or self.kind != "mark":
                raise self.wrong("AND, OR or )")
            self.advance()
            return inside
        return self.comparison()

    def comparison(self) -> Comparison:
        self._comparisons += 1
        if self._comparisons > MOST_COMPARISONS:
            raise self.wrong(f"at most {MOST_COMPARISONS} comparisons")
        field, place = self.field(), self.start
        if self.kind == "quoted" or self.text not in _OPERATORS:
            alone = not self.kind or (self.kind != "quoted" and self.text in ("AND", "OR", ")"))
            if alone and field.metadata:
                return Comparison(field, "=", True)
            raise self.wrong(f"one of {' '.join(_OPERATORS)} after {field}")
        operator = self.text
        self.advance()
        value_at = self.start
        value = self.values() if operator == "IN" else self.value(operator)
        self._check(Comparison(field, operator, value), place, value_at)
        return Comparison(field, operator, value)

    def field(self) -> Field:
        if self.kind == "quoted":
            name = _unquote(self.text)
            self.advance()
            return Field(name, metadata=True)
        if self.kind != "word" or self.text in _KEYWORDS or not _NAME.fullmatch(self.text):
            raise self.wrong(f"a field ({self._fields}), NOT or (")
        name, end = self.text, self._next
        self.advance()
        if name == "metadata." and self.kind == "quoted" and self.start == end:
            name = _unquote(self.text)
            self.advance()
            return Field(name, metadata=True)
        if name.startswith("metadata.") and len(name) > len("metadata."):
            return Field(name.removeprefix("metadata."), metadata=True)
        return Field(name, metadata=name not in BUILT_IN)

    def values(self) -> tuple[Literal, ...]:
        mark = "("
        values: list[Literal] = []
        while not values or mark == ",":
            if self.kind != "mark" or self.text != mark:
                raise self.wrong("( and values with commas between them")
            self.advance()
            value = self.value("IN")
            values += [] if value is None else [value]
            mark = self.text if self.kind == "mark" else ""
        if mark != ")":
            raise self.wrong("a comma or )")
        self.advance()
        return tuple(values)

    def value(self, operator: str) -> Literal | None:
        kind, text = self.kind, self.text
        if kind == "quoted":
            self.advance()
            return _unquote(text)
        if kind != "word" or text in _KEYWORDS:
            raise self.wrong("a value: a number, a date, true, false, or text in quotes")
        if text == "*" and operator == ":":
            self.advance()
            return None
        if _NUMBER.fullmatch(text):
            number = float(text)
            if not math.isfinite(number):
                raise self.wrong("a number within the range of a double")
            self.advance()
            return number
        self.advance()
        return {"true": True, "false": False}.get(text, text)

    def _check(self, comparison: Comparison, operator_at: int, value_at: int) -> None:
        ordered = comparison.operator in ("<", "<=", ">", ">=")
        if ordered and (isinstance(comparison.value, bool) or comparison.field == Field("modality")):
            self.start, self.text = operator_at, comparison.operator
            raise self.wrong("= or !=, for this has no order,")
        if comparison.field == Field("modality") and comparison.operator in ("=", "!=", "IN"):
            names = [modality.value for modality in Modality]
            wanted = comparison.value if isinstance(comparison.value, tuple) else (comparison.value,)
            for unknown in (one for one in wanted if one not in names):
                self.start, self.text = value_at, str(unknown)
                raise self.wrong("one of " + ", ".join(names))


def _grouped(part: Filter) -> str:
    return str(part) if isinstance(part, Comparison) else f"({part})"


def _literal(value: Literal | tuple[Literal, ...] | None) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))})"
    if value is None:
        return "*"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quote(value) if isinstance(value, str) else repr(value)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquote(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)
