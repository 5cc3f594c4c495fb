"""Timings, costs and methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2
from tieback_contract.field_path import ROOT, FieldPath
from tieback_contract.method_choice import MethodChoice
from tieback_contract.reports import Cost, Timing

from tieback.serving.conversions.codec import CODEC, reading, writing
from tieback.serving.conversions.frames import each, finite
from tieback.v1 import report_pb2

MICROSECONDS = 1_000_000

read_timing, write_timing = reading(Timing, report_pb2.Timing), writing(Timing, report_pb2.Timing)
read_cost, write_cost = reading(Cost, report_pb2.Cost), writing(Cost, report_pb2.Cost)
fill_timing = CODEC.filler(Timing, report_pb2.Timing.DESCRIPTOR)
fill_cost = CODEC.filler(Cost, report_pb2.Cost.DESCRIPTOR)


def microseconds(seconds: float) -> int:
    """Whole microseconds, never negative."""
    return max(0, round(seconds * MICROSECONDS))


def read_method(message: report_pb2.Method, field: FieldPath = ROOT) -> MethodChoice:
    """A method by name with its parameters; whole numbers become int, which a Struct does not have."""
    parameters = parameters_of(message.parameters, field["parameters"])
    return MethodChoice(message.name, {name: _whole(value) for name, value in parameters.items()})


def parameters_of(message: struct_pb2.Struct, field: FieldPath) -> dict[str, Any]:
    """Parameters by name, nested as they are. InvalidInput where a number is not finite."""
    return {name: _read_value(value, field[name]) for name, value in message.fields.items()}


def struct_of(parameters: Mapping[str, Any]) -> struct_pb2.Struct:
    """The message of a method's parameters."""
    struct = struct_pb2.Struct()
    struct.update(dict(parameters))
    return struct


def _read_value(message: struct_pb2.Value, field: FieldPath) -> Any:
    match message.WhichOneof("kind"):
        case "number_value":
            return finite(message.number_value, field)
        case "string_value":
            return message.string_value
        case "bool_value":
            return message.bool_value
        case "struct_value":
            values = message.struct_value.fields
            return {name: _read_value(value, field.key(name)) for name, value in values.items()}
        case "list_value":
            return each(message.list_value.values, _read_value, field)
        case _:
            return None


def write_method(method: MethodChoice) -> report_pb2.Method:
    """The message of a method."""
    message = report_pb2.Method(name=method.name)
    message.parameters.update(dict(method.parameters))
    return message


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
