#!/usr/bin/env python3
"""Hold the size of each part of the tree to its ceiling, and print what a change adds or removes.

Counted are lines of code that people wrote in Python: no comments, docstrings, blank lines or generated
files. Also counted are docstrings that begin with What, Which, Whether, Where or How, which say less than a
verb. Files of a pattern and lines of a page have ceilings as well. All stand in scripts/budget.toml; whoever
raises one says why in the changelog. A change is what differs from the last commit, or what the last commit
itself did where nothing differs. Run it in the root of the tree.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

BUDGET = Path("scripts", "budget.toml")
GENERATED = re.compile(r"_pb2(?:_grpc)?\.py$")
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
    tokenize.ENDMARKER,
}  # fmt: skip
QUESTION = re.compile(r"(?:What|Which|Whether|Where|How)\b")
DOCSTRINGS = "docstrings that begin as questions"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def counted(source: str) -> tuple[int, int]:
    """Lines of code of a module, and its docstrings that begin as questions."""
    tree = ast.parse(source)
    told = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    for one in told:
        lines -= set(range(one.lineno, (one.end_lineno or one.lineno) + 1))
    asking = (ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, DOCUMENTED))
    return len(lines), sum(bool(QUESTION.match(one)) for one in asking)


def totals(files: Mapping[str, str], parts: Mapping[str, list[str]]) -> dict[str, int]:
    """Lines of code by part, and the docstrings of all of them."""
    found = dict.fromkeys([*parts, DOCSTRINGS], 0)
    for path, source in files.items():
        name = next((name for name, folders in parts.items() if path.startswith(tuple(folders))), None)
        if name is not None:
            lines, asking = counted(source)
            found[name] += lines
            found[DOCSTRINGS] += asking
    return found


def in_tree() -> dict[str, str]:
    """The sources that git knows, or would take, as they are on disk."""
    names = _git("ls-files", "--cached", "--others", "--exclude-standard", "*.py").splitlines()
    paths = {name: Path(name) for name in names if not GENERATED.search(name)}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.is_file()}


def changed() -> tuple[str, list[str]] | None:
    """The last commit, or the one before it where nothing differs from the last one, and the sources that
    differ; None of a clone without history.
    """
    commit = "HEAD" if _git("status", "--porcelain") else "HEAD^"
    if not _git("rev-parse", "-q", "--verify", commit, check=False):
        return None
    names = _git("diff", "--name-only", "--no-renames", commit, "--", "*.py").splitlines()
    names += _git("ls-files", "--others", "--exclude-standard", "*.py").splitlines()
    return commit, [name for name in names if not GENERATED.search(name)]


def before(commit: str, names: Iterable[str]) -> dict[str, str]:
    """Those of the sources that a commit has."""
    found = {name: _git("show", f"{commit}:{name}", check=False) for name in names}
    return {name: source for name, source in found.items() if source}


def documents(budget: Mapping[str, Mapping[str, int]]) -> Iterator[tuple[str, int, int]]:
    """Numbers of files by pattern, and of lines by page, each with its ceiling."""
    for pattern, most in budget.get("files", {}).items():
        yield f"files {pattern}", len(list(Path().glob(pattern))), most
    for name, most in budget.get("lines", {}).items():
        yield f"lines of {name}", len(Path(name).read_text(encoding="utf-8").splitlines()), most


def _git(*arguments: str, check: bool = True) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, check=check, text=True).stdout.rstrip(
        "\n"
    )


def main() -> int:
    budget = tomllib.loads(BUDGET.read_text(encoding="utf-8"))
    parts, ceilings = budget["parts"], budget["ceilings"]
    files = in_tree()
    now, history = totals(files, parts), changed()
    if history is not None:
        commit, names = history
        new = totals({name: files[name] for name in names if name in files}, parts)
        old = totals(before(commit, names), parts)
    above = False
    for name, count in now.items():
        change = "no history" if history is None else f"{new[name] - old[name]:+,}"
        over = count > ceilings[name]
        above |= over
        print(f"{name}: {count:,} of {ceilings[name]:,} ({change}){', too many' if over else ''}")
    for name, count, most in documents(budget):
        above |= count > most
        print(f"{name}: {count:,} of {most:,}{', too many' if count > most else ''}")
    if above:
        print("Remove something, or raise the ceiling in scripts/budget.toml and say why.", file=sys.stderr)
    return int(above)


if __name__ == "__main__":
    sys.exit(main())
