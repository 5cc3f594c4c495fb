"""The command `tieback`."""

from __future__ import annotations

import os
import sys

from tieback_client.installing import how_to_install


def main() -> None:
    """Runs the command line, or names the packages to install if they are missing."""
    # gRPC reports every connection that ends on standard error; a person with an answer needs none of it. It
    # reads this when it is imported, which is later (see the package's `__getattr__`).
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from tieback_client.cli.app import tieback
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("click", "rich"):
            raise
        sys.exit(f"The command line needs the package {missing}: {how_to_install('cli')}")
    tieback(prog_name="tieback")
