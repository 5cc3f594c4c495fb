"""LanceDB, and PyArrow with it, loaded without pandas."""

from __future__ import annotations

from tieback.core.absent_package import without

with without("pandas"):
    import lancedb

__all__ = ["lancedb"]
