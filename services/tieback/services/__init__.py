"""Services of extensions: a file here is a service beside one of the platform's.

The platform's own are in `tieback.serving.processes.services`, and none is here. The service of an extension
has a proto of its own, and runs in the process of the service that it extends. Its file has a `SERVICE`, and
imports neither gRPC nor stubs, which are named.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from tieback.core.extensions import further_entries
from tieback.models.learned import Learned


@dataclass(frozen=True, slots=True)
class FurtherService:
    """A service of an extension.

    `contract` is its full name in the proto, such as "tieback.lab.v1.DemonstrationService", and `messages`
    the module with the stubs of its messages; that of gRPC is beside it. `port` has a method for each RPC.
    It runs `within` a service of the platform, named as its deployment is, and is built of what that built
    and of the learned artifacts of the server.
    """

    contract: str
    messages: str
    port: type
    within: str
    build: Callable[[Any, Learned], Any]


def further_services() -> list[FurtherService]:
    """Those of the extensions in use."""
    return [
        cast("FurtherService", importlib.import_module(module).SERVICE)
        for module in further_entries(__name__).values()
    ]
