"""From a draft to a head: the cross-validation, and what is learned of all examples. It blocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.heads import Head
from tieback_contract.vectors import SpaceRef

from tieback.artifacts import Artifact
from tieback.classifier.store import HEAD, Draft
from tieback.methods.heads import FIT, Memory, dealt, fit, heads, predicted_without
from tieback.training.digests import digest
from tieback.training.provenance import made_by


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
