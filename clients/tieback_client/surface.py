"""Dresses a function that turns a procedure's call into a client's method as that procedure."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from tieback_contract.query import OPTIONS, QueryKeywords

F = TypeVar("F", bound=Callable[..., Any])

_WIDTH = 110


def dressed(method: F, procedure: Callable[..., Any], returns: str) -> F:
    """The method with the procedure's name, docstring and signature, for `help()` and editors.

    `returns` is a template for the annotation: its ``{}`` is what is in the procedure's brackets. Options of
    a query are parameters by name, and described in the docstring.
    """
    functools.update_wrapper(method, procedure)
    del method.__wrapped__  # type: ignore[attr-defined]  # else inspect would look through to the procedure
    signature = inspect.signature(procedure)
    inside = str(signature.return_annotation).partition("[")[2].rpartition("]")[0]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(signature.parameters.values())
    if parameters and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD:
        parameters[-1:] = _keywords()
        method.__doc__ = f"{inspect.cleandoc(procedure.__doc__ or '')}\n\n{_descriptions()}\n"
    method.__signature__ = signature.replace(  # type: ignore[attr-defined]  # how inspect is told
        parameters=[own, *parameters], return_annotation=returns.format(inside)
    )
    return method


def _keywords() -> Iterator[inspect.Parameter]:
    for name, annotation in QueryKeywords.__annotations__.items():
        kind = getattr(annotation, "__forward_arg__", annotation)
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


@functools.cache
def _descriptions() -> str:
    return "\n".join(
        textwrap.fill(f"`{one.name}`: {one.description}", _WIDTH, subsequent_indent="    ") for one in OPTIONS
    )
