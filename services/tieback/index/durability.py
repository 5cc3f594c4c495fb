"""What Lance wrote is forced to the disk before it is acknowledged, or removed again.

Lance publishes a version by renaming files into place and never calls fsync (0.40 with object_store 0.14: no
fsync or fdatasync in a trace of its writes). A killed process loses nothing by that, a power cut may. So each
commit here ends with `DiskLedger.sync`: the new files are found by comparing the folder with what was there
before, and they and their folders are synced, the manifest last.

Power loss: an acknowledged commit has been through fsync, so it is as safe as the drive's own cache flush. A
commit that was under way is dropped at the next start, by the acknowledged version (`table.py`).

What was learned of the vectors (`learned_state.py`) is in the folder too, and is durable by itself.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tieback.core.durable_files import sync_path
from tieback.index.learned_state import FOLDERS

_VERSIONS = "_versions"


class DiskLedger:
    """The files of one Lance table that are known to be durable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._durable = self._files()

    def sync(self) -> None:
        """Forces every new file to the disk. OSError where the disk refuses."""
        files = self._files()
        fresh = [path for path, identity in files.items() if self._durable.get(path) != identity]
        for path in sorted(fresh, key=lambda path: _VERSIONS in path):
            sync_path(path)
        folders = {str(Path(path).parent) for path in fresh}
        folders |= {str(Path(folder).parent) for folder in folders}  # a folder may itself be new
        for folder in sorted(folders, key=len, reverse=True):
            sync_path(folder)
        self._durable = files

    def remove_new(self) -> None:
        """Removes files that appeared since the last `sync`; only right where no version uses them."""
        for path, identity in self._files().items():
            if self._durable.get(path) != identity and path not in self._durable:
                with suppress(OSError):
                    Path(path).unlink()
        self._durable = self._files()

    def _files(self) -> dict[str, int]:
        """Each file under Lance's folders with its inode, which a rewritten file changes."""
        found: dict[str, int] = {}
        waiting = [str(self._folder)]
        while waiting:
            with suppress(FileNotFoundError), os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.name in FOLDERS:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        found[entry.path] = entry.inode()
        return found
