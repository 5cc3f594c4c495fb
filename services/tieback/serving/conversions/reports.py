"""Timings, costs and methods."""

from __future__ import annotations

from tieback_contract.method_choice import MethodChoice
from tieback_contract.reports import Timing

from tieback.serving.conversions.codec import reading, writing
from tieback.v1 import report_pb2

MICROSECONDS = 1_000_000

read_timing, write_timing = reading(Timing, report_pb2.Timing), writing(Timing, report_pb2.Timing)
read_method, write_method = reading(MethodChoice, report_pb2.Method), writing(MethodChoice, report_pb2.Method)


def microseconds(seconds: float) -> int:
    """Whole microseconds, never negative."""
    return max(0, round(seconds * MICROSECONDS))
