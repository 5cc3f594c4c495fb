"""tieback: many embedding spaces, one index, every answer tied back to its sources."""

import os
from importlib.metadata import PackageNotFoundError, version

# ONNX Runtime reports its use to its maker from the moment it is imported, unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    __version__ = version("tieback")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
