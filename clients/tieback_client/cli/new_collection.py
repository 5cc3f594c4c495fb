"""A collection that a run made and wrote nothing into is removed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tieback_client.cli.index_run import Run
from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.errors import TiebackError, Unavailable


@contextmanager
def removed_if_empty(client: Client, output: Output, name: str, run: Run, *, is_new: bool) -> Iterator[None]:
    """Removes the collection in the end, also where the run fails, if it is new and has no items."""
    try:
        yield
    except Unavailable:  # it cannot be asked
        raise
    except BaseException:
        if is_new and not run.written:
            _remove(client, output, name)
        raise
    if is_new and not run.written:
        _remove(client, output, name)


def _remove(client: Client, output: Output, name: str) -> None:
    with suppress(TiebackError):  # what ended the run is told, and not this
        if client.get_collection(name).item_count == 0:
            client.delete_collection(name)
            output.note(f"nothing was written, so the new collection {name} was removed again")
