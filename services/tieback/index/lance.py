"""LanceDB, and PyArrow with it, loaded without pandas and without a client of REST namespaces."""

from __future__ import annotations

from tieback.core.absent_package import without
from tieback.core.deferred_package import defer

defer("lance_namespace_urllib3_client")
with without("pandas"):
    import lancedb

__all__ = ["lancedb"]
