"""Dresses a function that turns a procedure's call into a client's method as that procedure."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def dressed(method: F, procedure: Callable[..., Any], returns: str) -> F:
    """The method with the procedure's name, docstring and signature, for `help()` and editors.

    `returns` is a template for the annotation: its ``{}`` is what is in the procedure's brackets.
    """
    functools.update_wrapper(method, procedure)
    del method.__wrapped__  # type: ignore[attr-defined]  # else inspect would look through to the procedure
    signature = inspect.signature(procedure)
    inside = str(signature.return_annotation).partition("[")[2].rpartition("]")[0]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = signature.replace(  # type: ignore[attr-defined]  # how inspect is told
        parameters=[own, *signature.parameters.values()], return_annotation=returns.format(inside)
    )
    return method
