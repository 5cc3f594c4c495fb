"""Which items have no file any more, and when so many are gone that it may be an accident."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tieback_client.cli.roots import Scope
from tieback_client.cli.walking import Found


@dataclass(frozen=True, slots=True)
class Gone:
    """The files of a scope that are gone."""

    scope: Scope
    paths: list[str]
    """Files that the collection has items of and that are not there any more."""
    recorded: int
    """Files of the scope that the collection has items of."""
    is_empty: bool
    """Whether no file is there at all."""

    @property
    def is_doubtful(self) -> bool:
        """Whether the folder looks as if it were not mounted, or another one."""
        return bool(self.paths) and (self.is_empty or 2 * len(self.paths) > self.recorded)

    @property
    def reason(self) -> str:
        """What is doubtful, in words."""
        if self.is_empty:
            return f"{self.scope.path} holds no file, and {self.recorded} files were indexed from it"
        gone = len(self.paths)
        return f"{gone} of the {self.recorded} files that were indexed from {self.scope.path} are gone"


def gone_of(scope: Scope, recorded: Iterable[str], found: Found) -> Gone:
    """The files of a scope that are gone; of a folder that cannot be listed, none.

    `recorded` are the files that the source has items of. A file that is there is never gone, whatever hides
    it: a pattern, a link that is not followed, or a folder that cannot be read.
    """
    below = f"{scope.id}/"
    mine = [one for one in recorded if one.startswith(below)]
    listed = scope.path.is_dir() and below not in found.failures and scope.id not in found.failures
    paths = [
        one for one in mine if listed and one not in found.files and _is_gone(scope.path / one[len(below) :])
    ]
    is_empty = not any(one.startswith(below) for one in found.files)
    return Gone(scope, sorted(paths), len(mine), is_empty)


def _is_gone(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it is not known, so it is not gone
        return False
