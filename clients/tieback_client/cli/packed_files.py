"""Files that are packed in the archives and mails that a walk finds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tieback_client.cli.found import FoundItems, Stamp
from tieback_client.errors import InvalidArgument
from tieback_client.files import SAMPLE, is_known, is_made_for_browsers, kind_left_out
from tieback_client.files.packing import unpacked
from tieback_client.files.reading import MOST_BYTES

KEPT = 4096
"""Archives and mails whose contents are remembered while they are unchanged, by a run that watches them."""


@dataclass(frozen=True, slots=True)
class _Inside:
    """A file that is packed in another."""

    name: str
    fault: str
    kind: str
    """Its kind, for people, where it is not read."""


def add_packed(
    name: str, path: Path, stamp: Stamp, found: FoundItems, is_excluded: Callable[[str], bool]
) -> None:
    """Adds what is packed in a file as files below it; `is_excluded` is asked by the name inside."""
    try:
        inside = _inside(path, stamp)
    except InvalidArgument as error:
        found.failures[name] = error.message
        return
    except OSError as error:
        found.failures[name] = f"cannot read it: {error.strerror or error}"
        return
    found.packed[name] = frozenset(one.name for one in inside)
    for one in inside:
        whole = f"{name}/{one.name}"
        if is_excluded(one.name):
            continue
        if one.fault:
            found.failures[whole] = one.fault
        elif one.kind:
            found.ignored[whole] = one.kind
        else:
            found.files[whole] = path / one.name
            found.stamps[whole] = stamp


@functools.lru_cache(KEPT)
def _inside(path: Path, stamp: Stamp) -> tuple[_Inside, ...]:
    if stamp[1] > MOST_BYTES:
        raise InvalidArgument(f"it has {stamp[1]:,} bytes, and archives of up to {MOST_BYTES:,} are read")
    return tuple(
        _Inside(one.name, one.fault, "" if one.fault else _kind(one.name, one.data[:SAMPLE]))
        for one in unpacked(path.name, path.read_bytes())
    )


def _kind(name: str, head: bytes) -> str:
    if is_known(name):
        return ""
    suffix = PurePosixPath(name).suffix.lower()
    if kind := kind_left_out(name, head):
        return suffix or kind
    return f"built {suffix}" if is_made_for_browsers(name, head) else ""
