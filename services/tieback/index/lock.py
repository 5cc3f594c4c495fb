"""One server per folder: a file lock that the kernel lets go of however the process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tieback.core.errors import StartupError


class StoreLock:
    """Holds `path`, in a folder that is a `what`, locked until `release`.

    StartupError, naming the holder, where another process has it.
    """

    def __init__(self, path: Path, what: str = "index store") -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise StartupError(
                f"the {what} {path.parent} is in use by another server (process {holder}); "
                "stop that server, or give this one another folder with TIEBACK_STORE"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Lets another server in."""
        os.close(self._file)
