#!/usr/bin/env python3
"""Whether a text could keep one of the product's regular expressions busy for minutes.

Every pattern that a module holds is analysed as it was compiled, so also those that are put together. What
may take the third power of a text's length, or more, is named with a text that does it. Patterns that
functions make for themselves are not seen.
"""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

warnings.filterwarnings("ignore", category=DeprecationWarning)  # how regexploit imports Python's parser

from regexploit.ast.sre import SreOpParser  # noqa: E402
from regexploit.redos import find  # noqa: E402

PACKAGES = ("tieback", "tieback_client", "tieback_contract")
DEEPEST = 2


def modules() -> Iterator[str]:
    """Those that compile a pattern."""
    for package in PACKAGES:
        root = Path(importlib.import_module(package).__path__[0])
        for path in sorted(root.rglob("*.py")):
            if "re.compile(" in path.read_text():
                parts = path.relative_to(root.parent).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def patterns(value: object, depth: int = 0) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif depth < DEEPEST and isinstance(value, dict):
        for one in value.values():
            yield from patterns(one, depth + 1)
    elif depth < DEEPEST and isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from patterns(one, depth + 1)


def main() -> int:
    found: dict[re.Pattern[str], str] = {}
    for name in modules():
        module = importlib.import_module(name)
        for variable, value in list(vars(module).items()):
            for pattern in patterns(value):
                found.setdefault(pattern, f"{name}.{variable}")
    slow = 0
    for pattern, place in found.items():
        for one in find(SreOpParser().parse_sre(pattern.pattern, pattern.flags & ~re.UNICODE))[:1]:
            slow += 1
            print(f"{place}: {one.example()} takes the power {one.starriness} of its length", file=sys.stderr)
    print(f"{len(found)} regular expressions, {slow} slow")
    return 1 if slow or not found else 0


if __name__ == "__main__":
    sys.exit(main())
