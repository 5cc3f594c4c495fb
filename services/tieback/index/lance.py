"""LanceDB, and PyArrow with it, loaded without pandas and without a client of REST namespaces."""

from __future__ import annotations

from tieback.core.imports import defer, without

defer("lance_namespace_urllib3_client")
with without("pandas"):
    import lancedb

__all__ = ["lancedb"]
