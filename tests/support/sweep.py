"""Leaves most values of a sweep to `scripts/test all`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

import pytest
from _pytest.mark import ParameterSet

Value = TypeVar("Value")


def sweep(values: Iterable[Value], *, quick: Collection[Value]) -> list[ParameterSet]:
    """Parameters for `pytest.mark.parametrize`: of these values, every run tries those of `quick`."""
    every = list(values)
    assert all(one in every for one in quick)
    return [
        pytest.param(
            *(one if isinstance(one, tuple) else (one,)), marks=() if one in quick else pytest.mark.all
        )
        for one in every
    ]
