"""What the .gitignore files of a checkout name, by pathspec."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tieback_client.files.packages import load

NAME = ".gitignore"


class Ignored:
    """The rules that hold in a folder: those of its own file, and of the folders around it."""

    def __init__(self, rules: tuple[tuple[str, Any], ...] = ()) -> None:
        self._rules = rules  # the outermost first, each with the path that its patterns are below

    @classmethod
    def around(cls, folder: str) -> Ignored:
        """The rules around a folder, up to the root of its checkout; without those of its own file."""
        parents = list(Path(folder).absolute().parents)
        root = next((at for at, one in enumerate(parents) if (one / ".git").exists()), None)
        if root is None or (Path(folder) / ".git").exists():
            return cls()
        rules = cls()
        for one in reversed(parents[: root + 1]):
            rules = rules.entering(str(one))
        return rules

    def entering(self, folder: str) -> Ignored:
        """The rules in a folder, with those of its own file."""
        rules = Path(folder) / NAME
        try:
            if not rules.is_file():  # a pipe of this name would be waited for
                return self
            written = rules.read_text(errors="replace")
        except OSError:
            return self
        return Ignored((*self._rules, (f"{Path(folder).absolute()}/", _patterns(written))))

    def covers(self, path: str, *, is_dir: bool) -> bool:
        """Whether a file or folder is named; the innermost rule that speaks of it decides."""
        whole = f"{Path(path).absolute()}{'/' if is_dir else ''}"
        for base, patterns in reversed(self._rules):
            said = patterns.check_file(whole.removeprefix(base)).include
            if said is not None:
                return bool(said)
        return False


def _patterns(written: str) -> Any:
    """The patterns of a file; a line that is none names nothing, as for git."""
    made = load("pathspec", ".gitignore files").GitIgnoreSpec
    lines: list[str] = []
    for line in written.splitlines():
        try:
            made.from_lines([line])
        except (ValueError, re.error):  # the second of a set of characters
            continue
        lines.append(line)
    return made.from_lines(lines)
