"""Which items have no file any more, and when so many are gone that it may be an accident."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tieback_client.cli.found import FoundItems
from tieback_client.cli.roots import Scope
from tieback_client.files.opened import packed_in


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


def gone_of(scope: Scope, recorded: Iterable[str], found: FoundItems) -> Gone:
    """The files of a scope that are gone; of a folder that cannot be listed, none.

    `recorded` are the files that the source has items of. A file that is there is never gone, whatever hides
    it: a pattern, a link that is not followed, or a folder that cannot be read.
    """
    below = f"{scope.id}/"
    mine = [one for one in recorded if one.startswith(below)]
    is_open = scope.path.is_dir() or scope.id in found.packed
    listed = is_open and below not in found.failures and scope.id not in found.failures
    paths = [one for one in mine if listed and one not in found.files and _is_lost(scope, one, found)]
    is_empty = not any(one.startswith(below) for one in found.files)
    return Gone(scope, sorted(paths), len(mine), is_empty)


def _is_lost(scope: Scope, name: str, found: FoundItems) -> bool:
    """Tell whether a file is not there, nor packed in one that is: that was opened, and does not hold it."""
    path = scope.path / name[len(scope.id) + 1 :]
    file = packed_in(path)
    if file is None:
        return _is_gone(path)
    inside = path.relative_to(file).as_posix()
    packed = name[: -len(inside) - 1]
    above = [f"{packed}/{one}" for one in PurePosixPath(inside).parents]
    return (
        packed in found.packed
        and inside not in found.packed[packed]
        and not any(one in found.failures for one in above)
    )


def _is_gone(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it is not known, so it is not gone
        return False
