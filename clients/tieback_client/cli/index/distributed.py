"""`tieback index --distributed`: workers of a Ray cluster read, cut and send the files, by Ray Data.

Each block of files is a run of its own, which first asks the collection what it has of them. So a block that
is worked on again, since its worker or its machine died, writes what is missing, and nothing twice.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback_client.cli.connection import CliConnection
from tieback_client.cli.index.indexed import IndexedItems
from tieback_client.cli.index.roots import FoundItems
from tieback_client.cli.index.run import Run
from tieback_client.client import Client
from tieback_client.errors import FailedPrecondition, TiebackError, Unavailable
from tieback_client.files.packed.packing import Opened
from tieback_client.installing import how_to_install
from tieback_client.values.documents import Item

FILES = 32
"""Files of a block."""
TRIES_AGAIN = 2
"""How often a block is worked on again after its worker died."""
WORKER_CPUS = 0.25
"""Of each worker: it reads and waits, and the server's replicas may need the others."""
STARTS = 2
"""Times that Ray is started here: it gives up after 30 s, which a busy machine can take once."""
OBJECT_STORE_BYTES = 128 << 20


@dataclass(frozen=True, slots=True)
class WritingRun:
    """How files are written."""

    connection: CliConnection
    collection: str
    limit: int
    """The server's limit for a message, in bytes."""
    batch: int
    force: bool
    pictures: bool = False
    """True if scanned pages are sent as pictures."""


@dataclass(frozen=True, slots=True)
class RowBlock:
    """What became of a block of files."""

    names: tuple[str, ...]
    run: Run
    error: TiebackError | None
    """Why the run ended early."""


def written(files: Mapping[str, Path], writing: WritingRun, workers: int) -> Iterator[RowBlock]:
    """The blocks of the files, each when its files are written; in any order.

    `workers` is how many work at once at most; 0: as many as the cluster has processors. A block whose
    workers died, again and again, is left out. `FailedPrecondition` where Ray Data is not installed.
    """
    with _ray(workers) as data, warnings.catch_warnings():
        # Ray 2.64 renames how to limit the tries, which are without end otherwise: a file that ends each
        # process that reads it would be tried for ever.
        warnings.simplefilter("ignore", DeprecationWarning)
        rows = [{"name": name, "path": str(path)} for name, path in files.items()]
        blocks = data.from_items(rows, override_num_blocks=-(-len(rows) // FILES)).map_batches(
            _write_rows,
            fn_args=(writing,),
            batch_size=FILES,
            concurrency=workers or _processors(),
            num_cpus=WORKER_CPUS,
            max_retries=TRIES_AGAIN,
        )
        for row in blocks.iter_rows():
            yield row["block"]


def write_block(client: Client, files: Mapping[str, Path], writing: WritingRun) -> RowBlock:
    """Writes the files that are new or changed."""
    found = FoundItems(dict(files))
    run = Run([], found, IndexedItems({}), [], prunes=False, is_dry=False, pictures=writing.pictures)
    error = None

    def items() -> Iterator[Item]:
        for name, path in files.items():
            yield from run.items(name, path, writing.limit, force=writing.force)

    try:
        run.there = IndexedItems.of_files(client, writing.collection, files)
        for acknowledgement in client.ingest(writing.collection, items(), batch=writing.batch):
            for one in acknowledgement.results:
                run.note(one)
    except TiebackError as ended:
        error = ended
    # The process that asked has these.
    run.there = IndexedItems({})
    run.opened = Opened()
    found.files = {}
    return RowBlock(tuple(files), run, error)


def _write_rows(rows: dict[str, Any], writing: WritingRun) -> dict[str, list[RowBlock]]:
    """A block as Ray Data has it."""
    files = {str(name): Path(path) for name, path in zip(rows["name"], rows["path"], strict=True)}
    with writing.connection.open(Client) as client:
        return {"block": [write_block(client, files, writing)]}


@contextmanager
def _ray(workers: int) -> Iterator[Any]:
    """Ray Data, on the cluster of RAY_ADDRESS, else on one of this machine that ends with the run."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError:
        raise FailedPrecondition(f"--distributed takes Ray Data: {how_to_install('bulk')}") from None
    address = os.environ.get("RAY_ADDRESS")
    own: dict[str, Any] = {
        "num_cpus": workers or None,
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
    }
    for left in range(STARTS - 1, -1, -1):
        try:
            ray.init(
                address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                **({} if address else own),
            )
            break
        except Exception as error:  # noqa: BLE001 - Ray raises this class where a process does not start
            if not left or address:
                where = f"at {address} is not reached" if address else "does not start on this machine"
                raise Unavailable(f"Ray {where}: {error}") from None
            ray.shutdown()
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Such blocks are told by their files, which are in none that came back.
    context.max_errored_blocks = -1
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    # Ray prints each death of a worker to standard output, where JSON may be wanted.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        try:
            yield ray.data
        finally:
            ray.shutdown()


def _processors() -> int:
    import ray

    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray has no type
    return max(int(resources.get("CPU", 1)), 1)
