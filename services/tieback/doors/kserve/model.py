"""What every model of the door is: named tensors in, named tensors out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from tieback_contract.reports import Timing

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput
from tieback.doors.kserve.parameters import Parameters
from tieback.doors.kserve.tensors import BYTES, Tensor


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor of a model: `shape` is that of one row, without the batch; -1 where it varies."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class ModelOutcome:
    """What a run made: outputs by name, each with as many rows as were asked, and where the time went."""

    rows: int
    outputs: Mapping[str, Tensor]
    timing: Timing


class KServeModel(Protocol):
    """A model. `parameters` has what requests may ask beside tensors, each with what it does.

    `revision` names its weights; empty where it has none of its own.
    """

    name: str
    revision: str
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    parameters: Mapping[str, str]

    async def run(
        self, inputs: Mapping[str, Tensor], wanted: Sequence[str], asked: Parameters, deadline: Deadline
    ) -> ModelOutcome:
        """The wanted outputs of a batch.

        The first row that is wrong fails the whole batch, since the protocol has no error of one row.
        """
        ...


def column(tensor: Tensor) -> list[bytes]:
    """The values of a BYTES tensor with one value in each row, `[n]` or `[n, 1]`."""
    if tensor.shape[1:] not in ((), (1,)):
        raise InvalidInput("the shape is [n, 1] or [n]: one value in each row", field=tensor.field["shape"])
    return list(tensor.values)


def texts(tensor: Tensor) -> list[str]:
    """The same, decoded from UTF-8."""
    return decoded(column(tensor), tensor)


def decoded(values: Iterable[bytes], tensor: Tensor) -> list[str]:
    """Values of a tensor as text."""
    found = []
    for row, value in enumerate(values):
        try:
            found.append(value.decode())
        except UnicodeDecodeError:
            raise InvalidInput("the text is not valid UTF-8", field=tensor.place(row)) from None
    return found


def padded(rows: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.generic]]], filler: float) -> Tensor:
    """Arrays of different lengths as one, `[n, longest, …]`, FP32 or INT32; what is missing is `filler`."""
    longest = max((len(row) for row in rows), default=0)
    first = rows[0]
    out = np.full((len(rows), longest, *first.shape[1:]), filler, first.dtype)
    for place, row in enumerate(rows):
        out[place, : len(row)] = row
    return Tensor.of("INT32" if out.dtype.kind == "i" else "FP32", out)


def padded_texts(rows: Sequence[Sequence[str]]) -> Tensor:
    """Texts of rows as BYTES `[n, longest]`; what is missing is empty."""
    longest = max((len(row) for row in rows), default=0)
    values = [text.encode() for row in rows for text in (*row, *[""] * (longest - len(row)))]
    return Tensor(BYTES, (len(rows), longest), values)


def numbers(datatype: str, values: Sequence[float]) -> Tensor:
    """One number for each row, `[n, 1]`."""
    kind = np.int32 if datatype == "INT32" else np.float32
    return Tensor.of(datatype, np.array(values, kind).reshape(-1, 1))
