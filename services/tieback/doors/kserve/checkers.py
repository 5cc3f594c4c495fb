"""The checker of claims as a model: texts with their passages in, the verdict of each claim out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tieback_contract.field_path import at
from tieback_contract.generation import Evidence
from tieback_contract.method_choice import MethodChoice

from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.generation import CheckedClaims, CheckGroundingRequest, GroundingCheck
from tieback.doors.kserve.model import (
    TIMEOUT,
    TIMEOUT_SAYS,
    ModelOutcome,
    Parameters,
    TensorSpec,
    decoded,
    numbers,
    padded,
    padded_texts,
    texts,
)
from tieback.doors.kserve.tensors import BYTES, Tensor
from tieback.ports import GroundingPort

CHECKER = "checker"


class CheckModel:
    """Checks texts. Rows have as many passages as the longest one; an empty passage is none."""

    name = CHECKER
    revision = ""
    inputs: Sequence[TensorSpec] = (
        TensorSpec("text", BYTES, (1,)),
        TensorSpec("evidence", BYTES, (-1,)),
        TensorSpec("question", BYTES, (1,), is_optional=True),
    )
    outputs: Sequence[TensorSpec] = (
        TensorSpec("supported_share", "FP32", (1,)),
        TensorSpec("claims", BYTES, (-1,)),
        TensorSpec("verdicts", BYTES, (-1,)),
        TensorSpec("scores", "FP32", (-1,)),
        TensorSpec("citations", "INT32", (-1,)),
    )
    parameters: Mapping[str, str] = {
        "checker": "a string: how claims are checked",
        TIMEOUT: TIMEOUT_SAYS,
    }

    def __init__(self, grounding: GroundingPort) -> None:
        self._grounding = grounding

    async def run(
        self, inputs: Mapping[str, Tensor], wanted: Sequence[str], asked: Parameters, deadline: Deadline
    ) -> ModelOutcome:
        """See `Model.run`."""
        text, evidence = inputs["text"], inputs["evidence"]
        checked = texts(text)
        rows = len(checked)
        questions = texts(inputs["question"]) if "question" in inputs else [""] * rows
        passages = _passages(evidence, rows)
        if len(questions) != rows:
            raise InvalidInput(
                f"{len(questions)} questions for {rows} texts", field=inputs["question"].field["shape"]
            )
        name = asked.take("checker", str, "")
        reply = await self._grounding.check_grounding(
            CheckGroundingRequest(
                [
                    GroundingCheck(one, own, question=question)
                    for one, own, question in zip(checked, passages, questions, strict=True)
                ],
                checker=MethodChoice(name) if name else None,
            ),
            Call(deadline),
        )
        found: list[CheckedClaims] = []
        for row, result in enumerate(reply.results):
            if isinstance(result, TiebackError):
                raise result.moved(at("checks", row), text.place(row))
            found.append(result)
        return ModelOutcome(rows, {one: _WRITTEN[one](found) for one in wanted}, reply.timing)


def _passages(evidence: Tensor, rows: int) -> list[list[Evidence]]:
    """The passages of each row: ids are the places, from 0."""
    if len(evidence.shape) != 2 or evidence.rows != rows:
        raise InvalidInput(
            f"the shape is [{rows}, passages]: a row for each text", field=evidence.field["shape"]
        )
    each = evidence.shape[1]
    values = decoded((value for value in evidence.values), evidence)
    return [
        [Evidence(one, str(place)) for place, one in enumerate(values[row * each : (row + 1) * each]) if one]
        for row in range(rows)
    ]


Rows = Sequence[CheckedClaims]


def _shares(rows: Rows) -> Tensor:
    """NaN where no claim has a verdict."""
    return numbers("FP32", [math.nan if one.supported_share is None else one.supported_share for one in rows])


def _citations(rows: Rows) -> Tensor:
    """The passage that each claim rests on best, by its place; -1 for none."""
    found = []
    for one in rows:
        best: dict[int, int] = {}
        for citation in one.citations:
            best.setdefault(citation.claim_id, int(citation.evidence_id))
        found.append(np.array([best.get(claim.id, -1) for claim in one.claims], np.int32))
    return padded(found, -1)


_WRITTEN: Mapping[str, Callable[[Rows], Tensor]] = {
    "supported_share": _shares,
    "claims": lambda rows: padded_texts([[claim.text for claim in one.claims] for one in rows]),
    "verdicts": lambda rows: padded_texts([[str(own.label) for own in one.verdicts] for one in rows]),
    "scores": lambda rows: padded(
        [np.array([own.score for own in one.verdicts], np.float32) for one in rows], 0
    ),
    "citations": _citations,
}
