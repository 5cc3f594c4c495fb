"""The client of tieback: `Client` for code that blocks, `AsyncClient` for asyncio, with the same methods.

    from tieback_client import Client, Item

    with Client("localhost:50051") as client:
        client.ingest("notes", [Item("tides", "The moon pulls the sea.")]).collect()
        print(client.answer("notes", "What moves the sea?").collect().text)

Errors are those of `tieback_client.errors`; all are `TiebackError`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tieback_client import errors as errors
    from tieback_client.public import *  # noqa: F403 - these and no others
    from tieback_client.public import __version__ as __version__
else:
    # Loaded with the first name that is asked for: gRPC reads its environment when it is imported, and the
    # command line has to set it before.
    def __getattr__(name: str) -> Any:
        if name == "errors":
            return importlib.import_module("tieback_client.errors")
        if name == "__all__":
            return __dir__()
        public = name == "__version__" or name[0].isupper()
        known = vars(importlib.import_module("tieback_client.public")) if public else {}
        if name in known:
            return known[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return [name for name in vars(importlib.import_module("tieback_client.public")) if name[0].isupper()]
