"""Ray Serve, imported without pandas. Processes of Ray import this module first
(`serving/processes/cluster.py`).
"""

from __future__ import annotations

from tieback.core.imports import without

with without("pandas"):
    import ray.serve  # noqa: F401 - for whoever imports it later
