"""What every model of the door is: named tensors in, named tensors out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from tieback_contract.field_path import FieldPath
from tieback_contract.reports import Timing

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, Unsupported
from tieback.doors.kserve.tensors import BYTES, Tensor

T = TypeVar("T", str, int, bool)

_STATELESS = "models keep nothing between requests: send all that belongs together in one"
_IN_MESSAGES = "tensors travel in messages: send the contents"
_REFUSED = {
    "sequence_id": _STATELESS,
    "sequence_start": _STATELESS,
    "sequence_end": _STATELESS,
    "priority": "requests are served in turns between tenants: a token's share decides (TIEBACK_TOKENS)",
    "classification": "ask for the outputs `labels` and `probabilities` of a model that has classes",
    "shared_memory_region": _IN_MESSAGES,
    "shared_memory_byte_size": _IN_MESSAGES,
    "shared_memory_offset": _IN_MESSAGES,
}
"""Parameters of other servers of this protocol, and the way out."""

FINAL_RESPONSE = "triton_enable_empty_final_response"
"""Asks that the last response of a request is marked as such; here that is the only one."""

TIMEOUT = "timeout"
TIMEOUT_SAYS = "an integer: microseconds from now after which the answer is worth nothing"


class Parameters:
    """The parameters of a request, or of one of its tensors, which each reader takes from."""

    def __init__(self, given: Mapping[str, Any], field: FieldPath, known: Mapping[str, str]) -> None:
        """Unsupported for parameters of other servers, InvalidInput for those that are not `known`."""
        self._field = field
        self._values: dict[str, Any] = {}
        for name in sorted(given):
            if name in _REFUSED and name not in known:
                raise Unsupported(f"the parameter {name} is not supported here: {_REFUSED[name]}")
            if name not in known and name != FINAL_RESPONSE:
                names = f"they are: {', '.join(sorted(known))}" if known else "there are none"
                raise InvalidInput(f"no parameter is named {name!r}; {names}", field=field.key(name))
            kind = given[name].WhichOneof("parameter_choice")
            if kind is None:
                raise InvalidInput("the parameter has no value", field=field.key(name))
            self._values[name] = getattr(given[name], kind)

    def take(self, name: str, kind: type[T], default: T) -> T:
        """The value of a parameter, or the default. InvalidInput for one of another type."""
        value = self._values.get(name, default)
        # In Python a truth value is an integer, in the protocol it is none.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            names = {str: "a string", int: "an integer", bool: "a truth value"}
            raise InvalidInput(f"the parameter is {names[kind]}", field=self._field.key(name))
        return value

    def within(self, deadline: Deadline) -> Deadline:
        """The deadline, or the one that `timeout` sets where that is earlier."""
        micros = self.take(TIMEOUT, int, 0)
        if micros < 0:
            raise InvalidInput("a timeout is not below 0", field=self._field.key(TIMEOUT))
        return deadline.within(micros / 1e6) if micros else deadline


def refuse(given: Mapping[str, Any], field: FieldPath) -> None:
    """Refuses the parameters of a tensor: none are known."""
    if given:
        Parameters(given, field, {})


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
