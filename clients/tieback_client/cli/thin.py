"""`tieback collections show NAME --thin`: the files of which next to nothing was read."""

from __future__ import annotations

from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.documents import KEPT_WORDS
from tieback_client.errors import InvalidArgument
from tieback_client.files.document import LEAST_KEPT


def show_thin(client: Client, output: Output, name: str) -> None:
    """Lists them by their paths, each with the share of its words that was read, the least first."""
    try:
        found = list(client.items(name, filter=f"{KEPT_WORDS} < {LEAST_KEPT}", sections=False))
    except InvalidArgument:  # no item has the field
        found = []
    shares = {str(one.metadata.get("path", one.id)): float(str(one.metadata[KEPT_WORDS])) for one in found}
    rows = sorted(shares.items(), key=lambda one: (one[1], one[0]))
    if output.json:
        output.document([{"path": path, KEPT_WORDS: share} for path, share in rows])
    elif rows:
        output.table(["file", "words read"], [[path, f"{share:.1%}"] for path, share in rows], right=(1,))
    else:
        output.note("of every file whose words were counted, a fifth or more was read")
