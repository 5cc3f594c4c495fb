"""What a benchmark says on stderr while it makes models."""

from __future__ import annotations

import sys

from tieback.catalog.source import Source


class Told:
    """Says what a pull does."""

    def fetching(self, source: Source, there: int, size: int) -> None:
        """Nothing is fetched for a folder."""

    def said(self, name: str, message: str) -> None:
        tell(f"{name}: {message}")


def tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
