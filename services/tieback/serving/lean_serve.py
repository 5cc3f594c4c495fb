"""Ray Serve, imported without pandas. Processes of Ray import this module first (`cluster.py`)."""

from __future__ import annotations

from tieback.core.absent_package import without

with without("pandas"):
    import ray.serve  # noqa: F401 - for whoever imports it later
