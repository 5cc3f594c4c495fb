#!/usr/bin/env python3
"""Compares the ids of the tests of two collections that differ in all that an id must not depend on.

The second collection has another clock, hash seed, working copy, number of processors, terminal and order of
folders. Test processes that run together compare their ids, and run nothing where one differs.
An argument names another tree than this one.
"""

from __future__ import annotations

import difflib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# A plugin of pytest, loaded before any test is imported.
ELSEWHERE = """
import os, time

class Reversed:
    def __init__(self, *arguments):
        with scanned(*arguments) as entries:
            self.entries = iter(list(entries)[::-1])
    def __enter__(self): return self
    def __exit__(self, *_): self.close()
    def __iter__(self): return self
    def __next__(self): return next(self.entries)
    def close(self): pass

scanned, os.scandir = os.scandir, Reversed
clock, listed, nanoseconds = time.time, os.listdir, time.time_ns
time.time = lambda: clock() + 12_345_678.9
time.time_ns = lambda: nanoseconds() + 12_345_678_900_000_000
os.listdir = lambda *arguments: listed(*arguments)[::-1]
os.cpu_count = lambda: 37
"""


def copied(tree: Path, to: Path) -> None:
    """Copy files that git knows, or would take."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=tree, capture_output=True, check=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (tree / name).is_file():  # and not deleted since
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree / name, to / name)


def collecting(tree: Path, *options: str, **differing: str) -> subprocess.Popen[str]:
    sources = os.pathsep.join(str(tree / name) for name in ("services", "clients"))
    searched = os.pathsep.join(filter(None, (differing.pop("plugins", ""), sources)))
    command = [sys.executable, "-m", "pytest", "-n", "0", "--collect-only", "-q", "-p", "no:cacheprovider"]
    return subprocess.Popen(
        [*command, *options],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": searched, **differing},
        stdout=subprocess.PIPE,
        text=True,
    )


def ids(process: subprocess.Popen[str]) -> list[str]:
    said = process.communicate()[0].splitlines()
    if process.returncode:
        sys.exit("\n".join([*said[-20:], "check_test_ids: the tests could not be collected"]))
    return [line for line in said if "::" in line]


def main() -> int:
    tree = Path(sys.argv[1]) if sys.argv[1:] else ROOT
    with tempfile.TemporaryDirectory() as folder:
        plugins, other = Path(folder, "plugins"), Path(folder, "a working copy")
        plugins.mkdir()
        (plugins / "elsewhere.py").write_text(ELSEWHERE)
        copied(tree, other)
        here = collecting(tree, PYTHONHASHSEED="1")
        options = {"plugins": str(plugins), "PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "COLUMNS": "60"}
        there = collecting(other, "-p", "elsewhere", **options)
        first, second = ids(here), ids(there)
    for line in difflib.unified_diff(first, second, "here", "elsewhere", lineterm="", n=0):
        print(line, file=sys.stderr)
    print(f"{len(first)} ids of tests")
    return 0 if first and first == second else 1


if __name__ == "__main__":
    sys.exit(main())
