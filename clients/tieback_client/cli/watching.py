"""`tieback index --watch`: looks at the folders again and again, and indexes what changed.

It compares times and sizes of files, which works on every file system, also on those of the network and of
containers, whose changes a kernel does not report.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from tieback_client.cli.found import FoundItems, Stamp
from tieback_client.cli.indexing import Indexing
from tieback_client.cli.output import Failure, Output
from tieback_client.client import Client
from tieback_client.errors import TiebackError

SECONDS = 2.0
"""Between two looks."""
SHARE = 0.05
"""Of the time, that looking may take; in very large folders there is more time between two looks."""


def keep_indexed(
    client: Client, output: Output, wanted: Indexing, pause: Callable[[float], None] = time.sleep
) -> None:
    """Indexes now, and again whenever files were written, renamed or removed, until it is interrupted.

    An error of the first run ends it. A later one is told, and it tries again: a server may restart.
    """
    run = wanted.run(client, output)
    known, scopes, walk = _indexed(run.found), run.scopes, run.walk
    seen: Mapping[str, Stamp] = run.found.stamps
    output.note("watching for changes; Ctrl-C ends it")
    seconds, trouble = SECONDS, ""
    try:
        while True:
            pause(seconds)
            begin = time.monotonic()
            look = FoundItems()
            for scope in scopes:
                walk.over(scope, look)
            seconds = max(SECONDS, (time.monotonic() - begin) / SHARE)
            if look.stamps == seen and not trouble:
                continue
            try:
                run = wanted.run(client, output, known)
            except TiebackError as error:
                if str(error) != trouble:
                    Failure(error, json=output.json).show()
                    output.note("it is tried again")
                trouble = str(error)
                continue
            known, seen, trouble = _indexed(run.found), run.found.stamps, ""
    except KeyboardInterrupt:
        return


def _indexed(found: FoundItems) -> dict[str, Stamp]:
    """The files that need not be read again while they are as they were."""
    return {name: stamp for name, stamp in found.stamps.items() if name not in found.failures}
