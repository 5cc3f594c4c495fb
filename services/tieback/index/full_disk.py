"""What a full disk, a used-up quota and a limit of file sizes have in common: StorageFull."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tieback.core.errors import StorageFull

_NO_SPACE = re.compile(r"No space left|os error (28|122|27)\b|quota exceeded|File too large", re.IGNORECASE)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Whoever met them, they become StorageFull."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        if not _NO_SPACE.search(str(error)):
            raise
        raise StorageFull(
            "the index store's disk is full; nothing of this request was written, and what was acknowledged "
            "before is safe: free space or delete a collection, then send it again"
        ) from error
