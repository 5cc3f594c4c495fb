"""Calls of a test, by its source: through helpers of its file, fixtures, and tests/support."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]


def called(test: str) -> set[str]:
    """The names of other packages that a test, "tests/…/test_x.py::test_y", uses itself or by what it calls.

    LookupError where there is no such test.
    """
    file, _, name = test.partition("::")
    path = TESTS.parent / file
    if not path.is_file() or not name.startswith("test_") or name not in _Module.of(path).defined:
        raise LookupError(f"there is no test {test}")
    found: set[str] = set()
    seen: set[tuple[Path, str]] = set()
    waiting = [(path, name)]
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        for used in _used(_Module.of(place[0]).defined[place[1]]):
            target = _resolved(place[0], used)
            if isinstance(target, str):
                found.add(target)
            elif target is not None:
                waiting.append(target)
    return found


class _Module:
    """Definitions of a file, and its imports by their names."""

    def __init__(self, path: Path) -> None:
        self.defined: dict[str, ast.AST] = {}
        self.imported: dict[str, tuple[str, str]] = {}
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.defined[node.name] = node
            elif isinstance(node, ast.Assign):
                self.defined |= {one.id: node.value for one in node.targets if isinstance(one, ast.Name)}
            elif isinstance(node, ast.ImportFrom):
                self.imported |= {one.asname or one.name: (node.module or "", one.name) for one in node.names}

    @classmethod
    @functools.cache
    def of(cls, path: Path) -> _Module:
        return cls(path)


def _used(node: ast.AST) -> Iterator[str]:
    """Names, arguments, which may be fixtures, and names of fixtures as strings."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.arg):
            yield one.arg
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value.isidentifier():
            yield one.value


def _resolved(path: Path, name: str) -> tuple[Path, str] | str | None:
    """Place of a name's definition in the tests, or the name in another package."""
    module = _Module.of(path)
    if name in module.defined:
        return path, name
    if name in module.imported:
        package, original = module.imported[name]
        for other in (
            TESTS / f"{package.replace('.', '/')}.py",
            TESTS / package.replace(".", "/") / f"{original}.py",
        ):
            if other.is_file():
                return (other, original) if original in _Module.of(other).defined else None
        return f"{package}.{original}"
    for folder in (path.parent, *path.parent.parents):
        fixtures = folder / "conftest.py"
        if folder.is_relative_to(TESTS) and fixtures.is_file() and name in _Module.of(fixtures).defined:
            return fixtures, name
    return None
