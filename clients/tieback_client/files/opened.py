"""Files by their paths, also those that are packed in others: "handbook.zip/docs/keys.md" below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tieback_client.errors import InvalidArgument
from tieback_client.files.packing import PackedFile, is_packed, unpacked


def packed_in(path: Path) -> Path | None:
    """The file that a path leads into; None where it is a file itself, or leads nowhere."""
    # os.path says of what cannot be looked at that it is no file; Path raises.
    return next((one for one in path.parents if is_packed(one.name) and os.path.isfile(one)), None)  # noqa: PTH113


class Opened:
    """Reads files in turn. What is packed in one file is read in its order, which opens it once."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._rest: Iterator[PackedFile] = iter(())

    def read(self, path: Path) -> bytes:
        """The bytes of a file. `OSError` where it cannot be read, `InvalidArgument` where it is damaged."""
        file = packed_in(path)
        if file is None:
            return path.read_bytes()
        inside = path.relative_to(file).as_posix()
        for again in (False, True):
            if again or file != self._file:
                self._file, self._rest = file, unpacked(file.name, file.read_bytes())
            for one in self._rest:
                if one.name == inside and one.fault:
                    raise InvalidArgument(one.fault)
                if one.name == inside:
                    return one.data
        raise FileNotFoundError(2, "No such file", str(path))
