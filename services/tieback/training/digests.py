"""Hashes over what goes into a step: values and arrays."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

LENGTH = 20  # hexadecimal digits


def digest(*parts: Any) -> str:
    """A hash of values that JSON knows, arrays, and mappings and sequences of these.

    TypeError for anything else: its text may be the same for two that differ.
    """
    whole = hashlib.sha256()
    for part in parts:
        _add(whole, part)
    return whole.hexdigest()[:LENGTH]


def _add(whole: Any, part: Any) -> None:
    if isinstance(part, np.ndarray):
        whole.update(f"array {part.dtype} {part.shape} ".encode())
        whole.update(np.ascontiguousarray(part).tobytes())
    elif isinstance(part, Mapping):
        whole.update(f"mapping {len(part)} ".encode())
        for name in sorted(part):
            _add(whole, name)
            _add(whole, part[name])
    elif isinstance(part, Sequence) and not isinstance(part, str | bytes):
        whole.update(f"sequence {len(part)} ".encode())
        for one in part:
            _add(whole, one)
    elif part is None or isinstance(part, str | int | float):
        whole.update(f"{json.dumps(part)}\n".encode())
    elif isinstance(part, np.generic):
        _add(whole, part.item())
    else:
        raise TypeError(f"no digest is made of {type(part).__name__}")


# A hash over the code that makes something, so that a changed line makes it anew.
#
# It covers the modules of the functions named and those of the same project that they import, and what
# these import in turn. Modules are compared as syntax trees: comments, docstrings and form do not count.
# What a module imports by a name that is computed (a method of a family, a runtime) cannot be seen here, so
# a caller names the function that was chosen. Files are read when the digest is asked for.
def source_digest(*functions: Callable[..., Any]) -> str:
    """Of the functions' modules, and of all that they import within their project."""
    waiting = [function.__module__ for function in functions]
    projects = {name.partition(".")[0] for name in waiting}
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        path = None if name in found else _path(name)
        if path is None:
            continue
        found[name], imported = _read(path.read_text(encoding="utf-8"), name, path.name == "__init__.py")
        waiting += [_module_of(*one) for one in imported if one[0].partition(".")[0] in projects]
    listed = "\n".join(f"{name} {found[name]}" for name in sorted(found))
    return hashlib.sha256(listed.encode()).hexdigest()[:LENGTH]


@functools.cache
def _read(text: str, name: str, is_package: bool) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The hash of a module's tree, and what it imports: module and name, which is empty for a module."""
    tree = _Bare().visit(ast.parse(text))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(_imports(tree, name, is_package))


class _Bare(ast.NodeTransformer):
    """Leaves out what changes nothing: docstrings, and strings that stand as comments."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)


def _imports(tree: ast.AST, name: str, is_package: bool) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            outer = name.split(".") if is_package else name.split(".")[:-1]
            above = outer[: len(outer) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((module, alias.name) for alias in node.names)


def _module_of(module: str, name: str) -> str:
    """The module that an import loads: of ``from a import b`` that is ``a.b``, where there is one."""
    inner = f"{module}.{name}"
    return inner if name and _path(inner) is not None else module


def _path(name: str) -> Path | None:
    """The module's file. Nothing is imported for it but the project itself."""
    loaded = sys.modules.get(name)
    if loaded is not None and (file := getattr(loaded, "__file__", None)):
        return Path(file) if file.endswith(".py") else None
    project, _, rest = name.partition(".")
    if not rest:
        return None
    try:
        roots = importlib.import_module(project).__path__
    except (ImportError, AttributeError):
        return None
    for root in roots:
        base = Path(root, *rest.split("."))
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None


PACKAGES = ("tieback", "torch", "onnx", "onnxruntime", "numpy", "tokenizers")


def made_by(*functions: Callable[..., Any], seconds: float) -> dict[str, Any]:
    """A hash over the source of what made it, the versions of packages, and how long it took."""
    return {"code": source_digest(*functions), "versions": _versions(), "seconds": round(seconds, 1)}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
