"""The facts at the head of a text file, as static site generators write them: YAML between two lines of ---.

    ---
    title: All About Coffee
    year: 1922
    tags: [coffee, history]
    published: 1922-10-01
    ---

Values are those of YAML 1.2: ``no`` and ``12:30`` are words. A mapping becomes keys with a dot, such as
`author.name`.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from tieback_contract.field_path import at

from tieback_client.errors import InvalidArgument
from tieback_client.files.document import Fact, Scalar
from tieback_client.files.packages import load

LONGEST = 1 << 16
"""Characters of front matter. A server takes 64 KiB of metadata."""
DEEPEST = 16
EXACT = 1 << 53
"""Up to here whole numbers keep all digits where they are stored."""
_HEAD = re.compile(r"---[ \t]*\r?\n")
_END = re.compile(r"^(?:---|\.\.\.)[ \t]*\r?$", re.MULTILINE)
_KEY = re.compile(r"^[^\s#\[{][^:\n]*:(?:\s|$)", re.MULTILINE)


class FrontMatter(NamedTuple):
    """What stands at the head of a text."""

    facts: dict[str, Fact]
    begin: int = 0
    """Where the text begins that is read: behind the facts."""
    body: int = 0
    """Where its headings may begin. Behind `begin` where the front matter is no YAML and is read as text."""
    notes: tuple[str, ...] = ()


def read(text: str) -> FrontMatter:
    """The facts of a text. Where there are none, or what stands there is no mapping, all of it is read.

    `InvalidArgument` names the key of a value that cannot be stored.
    """
    head = _HEAD.match(text)
    end = _END.search(text, head.end(), head.end() + LONGEST) if head else None
    if head is None or end is None:
        return FrontMatter({})
    written = text[head.end() : end.start()]
    behind = min(end.end() + 1, len(text))
    if not written.strip():
        return FrontMatter({})
    yaml = load("yaml", "front matter")
    try:
        values = yaml.load(written, Loader=_loader())  # a SafeLoader with fewer types
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError, TypeError) as error:
        if not _KEY.search(written):
            return FrontMatter({})
        reason = getattr(error, "problem", None) or "it is not YAML"
        note = f"its front matter is no YAML, and was read as text: {reason}"
        return FrontMatter({}, body=behind, notes=(note,))
    if not isinstance(values, dict):
        return FrontMatter({})
    facts: dict[str, Fact] = {}
    for key, value in _flat(values, "", 0):
        if key in facts:
            raise _refused(key, "it is there twice")
        facts[key] = value
    return FrontMatter(facts, behind, behind)


def _flat(values: dict[Any, Any], prefix: str, depth: int) -> Iterator[tuple[str, Fact]]:
    for name, value in values.items():
        key = f"{prefix}{name}"
        if value is None:
            continue
        if isinstance(value, dict):
            if depth == DEEPEST:
                raise _refused(key, f"it is nested deeper than {DEEPEST} levels")
            yield from _flat(value, f"{key}.", depth + 1)
        elif isinstance(value, list):
            listed = [_scalar(key, one, place) for place, one in enumerate(value) if one is not None]
            if listed:
                yield key, listed
        else:
            yield key, _scalar(key, value)


def _scalar(key: str, value: Any, *place: int) -> Scalar:
    if isinstance(value, dict | list):
        kind = "a mapping" if isinstance(value, dict) else "a list"
        raise _refused(
            key, f"{kind} in a list cannot be stored; strings, numbers, booleans and dates can", *place
        )
    if not isinstance(value, str | bool | int | float | date):
        raise _refused(
            key, "a value of this type cannot be stored; strings, numbers, booleans and dates can", *place
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise _refused(key, f"{value} cannot be stored: a number is finite", *place)
    if isinstance(value, int) and abs(value) > EXACT:
        raise _refused(
            key, "a number beyond 2^53 loses digits where it is stored: write it in quotes", *place
        )
    return value


def _refused(key: str, why: str, *place: int) -> InvalidArgument:
    """Of the value of a key, or of the element at this place of its list."""
    field = at("metadata").key(key)
    for one in place:
        field = field[one]
    told = "".join((key, *(f"[{one}]" for one in place)))
    return InvalidArgument.at(field, f"{told} of its front matter: {why}")


@functools.cache
def _loader() -> Any:
    """YAML 1.2's scalars, and no aliases: a few lines of them can stand for billions of values."""
    yaml = load("yaml", "front matter")

    class Loader(yaml.SafeLoader):  # type: ignore[misc,name-defined] # loaded when it is needed
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - pyyaml's own way of declaring it

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise yaml.composer.ComposerError(problem="aliases (*name) are not followed")
            return super().compose_node(parent, index)

        def construct_scalar_or_string(self, node: Any) -> Any:
            """A number or date; what only looks like one, such as a 30th of February, is a string."""
            try:
                return yaml.SafeLoader.yaml_constructors[node.tag](self, node)
            except ValueError:
                return node.value

    for tag in ("int", "timestamp"):
        Loader.add_constructor(f"tag:yaml.org,2002:{tag}", Loader.construct_scalar_or_string)

    for tag, pattern, first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("null", r"~|null|Null|NULL|", "~nN\0"),
        ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
        ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
        ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
        ("timestamp", _TIMESTAMP, "0123456789"),
    ):
        Loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{tag}",
            re.compile(rf"^(?:{pattern})$"),
            ["" if one == "\0" else one for one in first],
        )
    return Loader


_TIMESTAMP = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?"
)
