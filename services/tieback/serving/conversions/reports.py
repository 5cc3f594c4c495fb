"""Timings, costs and methods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2

from tieback.core.errors import InvalidInput
from tieback.core.field_path import ROOT, FieldPath
from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.report import Cost, Dropped, DroppedSection, Stage, Timing
from tieback.serving.conversions.frames import each, filled
from tieback.v1 import report_pb2

MICROSECONDS = 1_000_000


def microseconds(seconds: float) -> int:
    """Whole microseconds, never negative."""
    return max(0, round(seconds * MICROSECONDS))


def read_timing(message: report_pb2.Timing) -> Timing:
    """Where the time went."""
    return Timing(
        queue=message.queue_us / MICROSECONDS,
        prepare=message.prepare_us / MICROSECONDS,
        compute=message.compute_us / MICROSECONDS,
        total=message.total_us / MICROSECONDS,
        stages=[_read_stage(stage) for stage in message.stages],
    )


def _read_stage(message: report_pb2.Stage) -> Stage:
    return Stage(
        message.name,
        message.begin_us / MICROSECONDS,
        message.duration_us / MICROSECONDS,
        message.within,
        message.queue_us / MICROSECONDS,
        message.compute_us / MICROSECONDS,
        message.candidates_in,
        message.candidates_out,
        [
            Dropped(
                one.reason,
                one.count,
                [DroppedSection(left.item_id, left.section_id, left.score) for left in one.best],
            )
            for one in message.dropped
        ],
        message.structure,
    )


def fill_timing(message: report_pb2.Timing, timing: Timing) -> None:
    """Writes where the time went into an empty message."""
    message.queue_us = microseconds(timing.queue)
    message.prepare_us = microseconds(timing.prepare)
    message.compute_us = microseconds(timing.compute)
    message.total_us = microseconds(timing.total)
    for stage in timing.stages:
        written = message.stages.add(
            name=stage.name,
            begin_us=microseconds(stage.begin),
            duration_us=microseconds(stage.duration),
            within=stage.within,
            queue_us=microseconds(stage.queue),
            compute_us=microseconds(stage.compute),
            candidates_in=stage.candidates_in,
            candidates_out=stage.candidates_out,
            structure=stage.structure,
        )
        for one in stage.dropped:
            dropped = written.dropped.add(reason=one.reason, count=one.count)
            for left in one.best:
                dropped.best.add(item_id=left.item_id, section_id=left.section_id, score=left.score)


write_timing = filled(report_pb2.Timing, fill_timing)


def read_cost(message: report_pb2.Cost) -> Cost:
    """What a call cost."""
    return Cost(
        message.batch_size,
        message.tokens,
        message.padding_tokens,
        message.cached_items,
        message.shared_items,
    )


def fill_cost(message: report_pb2.Cost, cost: Cost) -> None:
    """Writes what a call cost into an empty message."""
    message.batch_size = cost.batch_size
    message.tokens = cost.tokens
    message.padding_tokens = cost.padding_tokens
    message.cached_items = cost.cached_items
    message.shared_items = cost.shared_items


write_cost = filled(report_pb2.Cost, fill_cost)


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


def finite(number: float, field: FieldPath) -> float:
    """A number that is one."""
    if not math.isfinite(number):
        raise InvalidInput(f"{number} is no finite number", field=field, reason="NOT_FINITE")
    return number


def write_method(method: MethodChoice) -> report_pb2.Method:
    """The message of a method."""
    message = report_pb2.Method(name=method.name)
    message.parameters.update(dict(method.parameters))
    return message


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
