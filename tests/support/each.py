"""Tries many values within one test, where a test of its own for each would cost more than what it tries."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import pytest
from _pytest.mark import ParameterSet

Test = TypeVar("Test", bound=Callable[..., Any])


def each(names: str, values: Iterable[Any]) -> Callable[[Test], Test]:
    """Give one test each of the values in turn, as `pytest.mark.parametrize` gives one to each of many tests.

    `names` are the parameters, with commas between them. A failure says which values it was. Fixtures
    are shared.
    """
    parameters = [one.strip() for one in names.split(",")]
    sets = [ParameterSet.extract_from(one, force_tuple=len(parameters) == 1).values for one in values]
    every = [dict(zip(parameters, one, strict=True)) for one in sets]
    assert every

    def looped(test: Test) -> Test:
        @functools.wraps(test)
        def once(**fixtures: Any) -> None:
            for given in every:
                try:
                    test(**fixtures, **given)
                except (Exception, pytest.fail.Exception) as failure:
                    failure.add_note(f"with {given}")
                    raise

        @functools.wraps(test)
        async def once_awaited(**fixtures: Any) -> None:
            for given in every:
                try:
                    await test(**fixtures, **given)
                except (Exception, pytest.fail.Exception) as failure:
                    failure.add_note(f"with {given}")
                    raise

        made: Any = once_awaited if asyncio.iscoroutinefunction(test) else once
        signature = inspect.signature(test)
        fixtures = [one for name, one in signature.parameters.items() if name not in parameters]
        made.__signature__ = signature.replace(parameters=fixtures)
        return cast(Test, made)

    return looped
