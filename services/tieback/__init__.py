"""tieback: many embedding spaces, one index, every answer tied back to its sources."""

import os

from tieback_client.installing import known_version

# ONNX Runtime reports its use to its maker from the moment it is imported, unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = known_version()
