"""What is asked of a head is held against the limits, before anything is encoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tieback_contract.field_path import FieldPath, at
from tieback_contract.vectors import Vector

from tieback.core.errors import InvalidInput, cut
from tieback.core.tenant import NAME
from tieback.core.types.heads import (
    FEWEST_CLASSES,
    FEWEST_EXAMPLES,
    LABEL_BYTES,
    MOST_CLASSES,
    MOST_EXAMPLES,
    Example,
    HeadRequest,
)
from tieback.methods.heads import FIT, heads, keeps_memory


def check_request(asked: HeadRequest, method: str) -> dict[str, int]:
    """The examples of each class, in the order of the names.

    InvalidInput with the field's path, NotFound for the method.
    """
    if not NAME.fullmatch(asked.name):
        raise InvalidInput(
            f"{asked.name[:80]!r} is no name of a head: take 1 to 63 lower-case letters, digits and hyphens, "
            "a letter first",
            field="name",
        )
    heads.form(FIT, method, asked.method.parameters, field="method")
    if asked.memory and not keeps_memory(method):
        having = ", ".join(one for one in heads.names() if keeps_memory(one))
        raise InvalidInput(f"{method} keeps no memory; take another method: {having}", field="memory")
    number = len(asked.examples) + len(asked.memory)
    if number > MOST_EXAMPLES:
        raise InvalidInput(
            f"{number} examples, the memory counted; a head has {MOST_EXAMPLES} at most", field="examples"
        )
    for place, example in enumerate(asked.examples):
        _check_label(example.label, at("examples", place, "label"))
    classes = _classes(asked.examples)
    _check_memory(asked.memory, classes)
    return classes


def space_of(asked: HeadRequest) -> str:
    """The name of the space that is asked for, or that of the first vector; empty for the default one."""
    vectors = (one.content.data for one in (*asked.examples, *asked.memory))
    return asked.space or next((one.space.name for one in vectors if isinstance(one, Vector)), "")


def _classes(examples: Sequence[Example]) -> dict[str, int]:
    counts = Counter(example.label for example in examples)
    if not FEWEST_CLASSES <= len(counts) <= MOST_CLASSES:
        raise InvalidInput(
            f"the examples have {len(counts)} different labels; a head has {FEWEST_CLASSES} to "
            f"{MOST_CLASSES} classes",
            field="examples",
        )
    few = [label for label, count in counts.items() if count < FEWEST_EXAMPLES]
    if few:
        place = next(number for number, one in enumerate(examples) if one.label == few[0])
        raise InvalidInput(
            f"the class {cut(few[0])!r} has {counts[few[0]]} example; each class needs {FEWEST_EXAMPLES}"
            + (f", and {len(few) - 1} others have fewer too" if len(few) > 1 else ""),
            field=at("examples", place, "label"),
        )
    return dict(sorted(counts.items()))


def _check_memory(memory: Sequence[Example], classes: dict[str, int]) -> None:
    for place, example in enumerate(memory):
        if example.label not in classes:
            raise InvalidInput(
                f"no example has the label {cut(example.label)!r}; the memory is of the examples' classes",
                field=at("memory", place, "label"),
            )


def _check_label(label: str, field: FieldPath) -> None:
    if not label.strip():
        raise InvalidInput("an example needs a label: the name of its class", field=field)
    if len(label.encode("utf-8", "replace")) > LABEL_BYTES:
        raise InvalidInput(f"a label has {LABEL_BYTES} bytes at most", field=field)
