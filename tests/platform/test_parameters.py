"""A function takes at most eight parameters, unless they are the options of a user."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import tieback
import tieback_client
import tieback_contract

MOST = 8
OPTIONS = ("tieback/methods", "tieback/recipes/trained", "tieback_client/procedures")
"""Folders of functions whose keywords are options: methods, recipes, and the procedures of the SDK."""
COMMANDS = ("tieback/serving/commands", "tieback_client/cli")
"""Folders of commands: click gives their options to functions that it decorates."""


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Each function with its path, but for those whose parameters are options."""
    for package in (tieback, tieback_client, tieback_contract):
        folder = Path(package.__path__[0])
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(folder.parent).as_posix()
            if name.startswith(OPTIONS) or "_pb2" in path.name:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    is_command = node.decorator_list and name.startswith(COMMANDS)
                    yield from () if is_command else [(f"{name}: {node.name}", node)]


def count(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The parameters of a function, without the object or class that it is of."""
    named = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len(named) - (named[:1] in (["self"], ["cls"]))


def test_no_function_takes_more_parameters_than_eight() -> None:
    assert {name: count(node) for name, node in functions() if count(node) > MOST} == {}
