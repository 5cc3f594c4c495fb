"""Tensors of the protocol: read from typed values or raw bytes, within bounds, and written raw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import ROOT, FieldPath, at

from tieback.core.errors import InvalidInput
from tieback.dialects import kserve_pb2

BYTES = "BYTES"
_PREFIX = 4
"""Bytes of the length before each value of a raw BYTES tensor."""


class _Form(NamedTuple):
    elements: np.dtype[Any] | None
    """Little-endian on the wire whatever the machine; None for BYTES."""
    contents: str
    """The field of the typed values; empty where there is none."""
    number: kserve_pb2.DataType


_FORMS = {
    "BOOL": _Form(np.dtype("?"), "bool_contents", kserve_pb2.TYPE_BOOL),
    "UINT8": _Form(np.dtype("u1"), "uint_contents", kserve_pb2.TYPE_UINT8),
    "UINT16": _Form(np.dtype("<u2"), "uint_contents", kserve_pb2.TYPE_UINT16),
    "UINT32": _Form(np.dtype("<u4"), "uint_contents", kserve_pb2.TYPE_UINT32),
    "UINT64": _Form(np.dtype("<u8"), "uint64_contents", kserve_pb2.TYPE_UINT64),
    "INT8": _Form(np.dtype("i1"), "int_contents", kserve_pb2.TYPE_INT8),
    "INT16": _Form(np.dtype("<i2"), "int_contents", kserve_pb2.TYPE_INT16),
    "INT32": _Form(np.dtype("<i4"), "int_contents", kserve_pb2.TYPE_INT32),
    "INT64": _Form(np.dtype("<i8"), "int64_contents", kserve_pb2.TYPE_INT64),
    "FP16": _Form(np.dtype("<f2"), "", kserve_pb2.TYPE_FP16),
    "FP32": _Form(np.dtype("<f4"), "fp32_contents", kserve_pb2.TYPE_FP32),
    "FP64": _Form(np.dtype("<f8"), "fp64_contents", kserve_pb2.TYPE_FP64),
    BYTES: _Form(None, "bytes_contents", kserve_pb2.TYPE_STRING),
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor: `values` is an array of its shape, or for BYTES the values one after the other.

    `field` is where a request has it.
    """

    datatype: str
    shape: tuple[int, ...]
    values: Array | Sequence[bytes]
    field: FieldPath = ROOT

    @classmethod
    def of(cls, datatype: str, values: Array) -> Tensor:
        """An array as a tensor of a datatype."""
        return cls(datatype, values.shape, values)

    @property
    def rows(self) -> int:
        """The size of the batch."""
        return self.shape[0]

    @property
    def array(self) -> Array:
        """The values of a tensor that is not BYTES."""
        return np.asarray(self.values)

    def place(self, row: int) -> FieldPath:
        """Where a request has a row of this tensor."""
        return self.field["contents"][_FORMS[self.datatype].contents or "fp32_contents"][row]


def config_type(datatype: str) -> kserve_pb2.DataType:
    """The number of a datatype in a model's configuration."""
    return _FORMS[datatype].number


def read_inputs(request: kserve_pb2.ModelInferRequest, most: int) -> dict[str, Tensor]:
    """The inputs of a request by name.

    InvalidInput, by the field, where data and shape differ, where an input is there twice, or a BYTES tensor
    has more than `most` values.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise InvalidInput(
            f"{len(raw)} raw contents for {len(request.inputs)} inputs; send one for each, or none",
            field="raw_input_contents",
        )
    found: dict[str, Tensor] = {}
    for place, message in enumerate(request.inputs):
        field = at("inputs", place)
        if message.name in found:
            raise InvalidInput(f"the input {message.name!r} is given twice", field=field["name"])
        if raw and message.HasField("contents"):
            raise InvalidInput("an input has contents or raw contents, not both", field=field["contents"])
        found[message.name] = _read(message, raw[place] if raw else None, field, most, place)
    return found


def _read(
    message: kserve_pb2.ModelInferRequest.InferInputTensor,
    raw: bytes | None,
    field: FieldPath,
    most: int,
    place: int,
) -> Tensor:
    form = _FORMS.get(message.datatype)
    if form is None:
        raise InvalidInput(
            f"{message.datatype!r} is no datatype that is read here; they are: {', '.join(_FORMS)}",
            field=field["datatype"],
        )
    shape = tuple(message.shape)
    if not shape or min(shape) < 0:
        raise InvalidInput("the shape has one axis at least, and none is below 0", field=field["shape"])
    count = math.prod(shape)
    if form.elements is None:
        if count > most:
            raise InvalidInput(
                f"{count} values; at most {most} are taken", field=field["shape"], reason="TOO_MANY"
            )
        values: Array | list[bytes]
        if raw is None:
            values = list(message.contents.bytes_contents)
        else:
            values = _apart(raw, count, at("raw_input_contents", place))
        return Tensor(message.datatype, shape, _counted(values, count, field), field)
    if raw is not None:
        wanted = count * form.elements.itemsize
        if len(raw) != wanted:
            raise InvalidInput(
                f"{len(raw)} bytes; the shape and the datatype need {wanted}",
                field=at("raw_input_contents", place),
            )
        return Tensor(message.datatype, shape, np.frombuffer(raw, form.elements).reshape(shape), field)
    if not form.contents:
        raise InvalidInput(
            f"{message.datatype} has no typed contents: send it raw, in raw_input_contents", field=field
        )
    numbers = getattr(message.contents, form.contents)
    try:
        array = np.array(_counted(numbers, count, field), form.elements)
    except OverflowError:
        raise InvalidInput(f"a value is none of {message.datatype}", field=field["contents"]) from None
    return Tensor(message.datatype, shape, array.reshape(shape), field)


def _counted(values: Any, count: int, field: FieldPath) -> Any:
    if len(values) != count:
        raise InvalidInput(
            f"{len(values)} values; the shape needs {count}, in the contents of the datatype",
            field=field["contents"],
        )
    return values


def _apart(raw: bytes, count: int, field: FieldPath) -> list[bytes]:
    """The values of a raw BYTES tensor: each has its length in four bytes before it."""
    values: list[bytes] = []
    place = 0
    while place < len(raw) and len(values) < count:
        begin = place + _PREFIX
        place = begin + int.from_bytes(raw[place:begin], "little")
        values.append(raw[begin:place])
    if place != len(raw) or len(values) != count:
        raise InvalidInput(
            f"the raw contents are not {count} values, each with its length in {_PREFIX} bytes before it",
            field=field,
        )
    return values


def write_outputs(response: kserve_pb2.ModelInferResponse, outputs: Sequence[tuple[str, Tensor]]) -> None:
    """Writes tensors into a response, raw."""
    for name, tensor in outputs:
        response.outputs.add(name=name, datatype=tensor.datatype, shape=tensor.shape)
        elements = _FORMS[tensor.datatype].elements
        if elements is None:
            raw = b"".join(len(one).to_bytes(_PREFIX, "little") + one for one in tensor.values)
        else:
            raw = np.ascontiguousarray(tensor.array, elements).tobytes()
        response.raw_output_contents.append(raw)
