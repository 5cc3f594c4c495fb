"""From a draft to a head: the cross-validation, and what is learned of all examples. It blocks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath, at
from tieback_contract.heads import Head
from tieback_contract.reports import Timing
from tieback_contract.vectors import SpaceRef, Vector

from tieback.artifacts import Artifact
from tieback.classifier.store import HEAD, Draft
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import InvalidInput, TiebackError, cut
from tieback.core.tenant import NAME
from tieback.core.types.content import Content
from tieback.core.types.heads import (
    FEWEST_CLASSES,
    FEWEST_EXAMPLES,
    LABEL_BYTES,
    MOST_CLASSES,
    MOST_EXAMPLES,
    Example,
    HeadRequest,
)
from tieback.methods.heads import FIT, Memory, dealt, fit, heads, keeps_memory, predicted_without
from tieback.training.digests import digest, made_by


class EmbeddingPort(Protocol):
    """Makes one vector of each content, in a space that collections can be in."""

    def find(self, space: str) -> SpaceRef:
        """The served space of that name, or the default one without a name.

        NotFound, with the choices, or InvalidInput where it has to be said.
        """
        ...

    async def embed(
        self, space: SpaceRef, contents: Sequence[Content], *, deadline: Deadline = NO_DEADLINE
    ) -> tuple[list[Array | TiebackError], Timing]:
        """One vector `[width]` per content, in order, or what is wrong with it, told of the content.

        Texts that are too long are cut. A vector that was computed before is itself. Raises where the space
        is not served, or is down.
        """
        ...


def right_without(draft: Draft, part: int) -> Array:
    """Whether each example `[of the part]` is classified rightly by a head that was fitted on the others."""
    labels = draft.arrays["labels"]
    held_out = dealt(labels) == part
    if not held_out.any():
        return np.zeros(0, bool)
    method, parameters = draft.facts["method"], draft.facts["parameters"]
    found = predicted_without(method, draft.arrays["vectors"], labels, held_out, _memory(draft), parameters)
    return np.asarray(found.argmax(axis=1) == labels[held_out])


def learned(draft: Draft) -> Artifact:
    """What is learned of all examples."""
    begun = time.monotonic()
    facts, arrays = draft.facts, draft.arrays
    name = facts["method"]
    state = fit(name, arrays["vectors"], arrays["labels"], _memory(draft), facts["parameters"])
    return Artifact(
        HEAD,
        state,
        {"method": name, "parameters": _parameters(draft), "classes": facts["classes"]},
        (SpaceRef(*facts["space"]),),
        provenance={
            "data": digest(dict(arrays)),
            **made_by(heads.get(name), fit, seconds=time.monotonic() - begun),
        },
    )


def described(name: str, draft: Draft, accuracy: float, artifact: Artifact) -> Head:
    """The head that was learned, before it has a number."""
    facts = draft.facts
    return Head(
        name=name,
        version=0,
        created=datetime.now(UTC),
        space=SpaceRef(*facts["space"]),
        method=facts["method"],
        parameters=_parameters(draft),
        classes=facts["classes"],
        class_count=len(facts["classes"]),
        example_count=sum(facts["classes"].values()),
        memory_count=len(draft.arrays.get("memory", ())),
        accuracy=accuracy,
        artifact=artifact.revision,
    )


def _parameters(draft: Draft) -> dict[str, object]:
    """All of them, with the defaults of those that were not given."""
    known = heads.schema(draft.facts["method"], FIT).get("properties", {})
    return {**{name: one.get("default") for name, one in known.items()}, **draft.facts["parameters"]}


def _memory(draft: Draft) -> Memory | None:
    vectors = draft.arrays.get("memory")
    return None if vectors is None else Memory(vectors, draft.arrays["memory_labels"])


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
