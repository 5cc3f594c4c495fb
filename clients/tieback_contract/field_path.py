"""Where in a request something is: a path that whoever calls extends, and that is written out at the edge.

``at("items", 3)["contents"][0]`` is written ``items[3].contents[0]``; the key of a map is in
quotes, as in ``item.metadata["year"]``. google.rpc.BadRequest carries a path in this form, and `parse` reads
it back, for errors that come from another server.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NamedTuple

_STEP = re.compile(
    r'(?P<name>\.?[a-zA-Z_]\w*)|\[(?P<index>\d+)\]|\[(?P<key>"(?:[^"\\]|\\.)*")\]', re.ASCII | re.DOTALL
)


class Key(NamedTuple):
    """The step to the value of a map's key."""

    name: str


Step = str | int | Key
"""To a field by its name, to an element of a list by its place, to the value of a map's key."""


@dataclass(frozen=True, slots=True)
class FieldPath:
    """The steps from a message to a part of it; none for the message itself."""

    steps: tuple[Step, ...] = ()

    def __getitem__(self, step: str | int) -> FieldPath:
        """The field of this name, or the element at this place. What cannot name a field is a key."""
        return FieldPath((*self.steps, _step(step)))

    def key(self, name: str) -> FieldPath:
        """The value of a map's key."""
        return FieldPath((*self.steps, Key(name)))

    def under(self, prefix: FieldPath) -> FieldPath:
        """The same place seen from outside: of a caller that handed on what is at `prefix` of its request."""
        return FieldPath(prefix.steps + self.steps)

    def below(self, prefix: FieldPath) -> FieldPath | None:
        """The same place seen from `prefix`, the opposite of `under`; None where it is elsewhere."""
        size = len(prefix.steps)
        return FieldPath(self.steps[size:]) if self.steps[:size] == prefix.steps else None

    def moved(self, old: FieldPath, new: FieldPath) -> FieldPath:
        """The same place, for whoever calls `new` what is `old` here; unchanged where it is elsewhere."""
        below = self.below(old)
        return self if below is None else below.under(new)

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __str__(self) -> str:
        return "".join(_written(step) for step in self.steps).removeprefix(".")

    def beginning(self, most: int) -> FieldPath:
        """The path, or, where it takes more than so many bytes, as much of it as does not."""
        for count in range(len(self.steps), 0, -1):
            path = FieldPath(self.steps[:count])
            if len(str(path).encode("utf-8", "replace")) <= most:
                return path
        return ROOT

    @classmethod
    def parse(cls, text: str) -> FieldPath:
        """The path that is written so. ValueError where none is."""
        steps: list[Step] = []
        place = 0
        while place < len(text):
            found = _STEP.match(text, place)
            if found is None or (found["name"] or "").startswith(".") != bool(steps and found["name"]):
                raise ValueError(f"{text!r} is no path of a field")
            if found["name"]:
                steps.append(found["name"].removeprefix("."))
            elif found["index"]:
                steps.append(int(found["index"]))
            else:
                steps.append(Key(json.loads(found["key"], strict=False)))
            place = found.end()
        return cls(tuple(steps))


ROOT = FieldPath()


def at(*steps: str | int) -> FieldPath:
    """The path that takes these steps: ``at("items", 3, "contents")``."""
    return FieldPath(tuple(map(_step, steps)))


def _step(step: str | int) -> Step:
    return Key(step) if isinstance(step, str) and not (step.isascii() and step.isidentifier()) else step


def _written(step: Step) -> str:
    if isinstance(step, str):
        return f".{step}"
    return f"[{json.dumps(step.name, ensure_ascii=False) if isinstance(step, Key) else step}]"
