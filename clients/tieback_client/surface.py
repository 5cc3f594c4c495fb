"""Dresses a function that turns an operation's call into a client's method as that operation."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def dressed(method: F, operation: Callable[..., Any], returns: str) -> F:
    """The method with the operation's name, docstring and signature, for `help()` and editors.

    `returns` is a template for the annotation: its ``{}`` is what is in the operation's brackets.
    """
    functools.update_wrapper(method, operation)
    del method.__wrapped__  # type: ignore[attr-defined]  # else inspect would look through to the operation
    signature = inspect.signature(operation)
    inside = str(signature.return_annotation).partition("[")[2].rpartition("]")[0]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = signature.replace(  # type: ignore[attr-defined]  # how inspect is told
        parameters=[own, *signature.parameters.values()], return_annotation=returns.format(inside)
    )
    return method
