"""tieback: many embedding spaces, one index, every answer tied back to its sources."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("tieback")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
