"""One run of `tieback index`: looks at the folders and at the collection, and writes what differs."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from tieback_contract.catalog import Space

from tieback_client.cli.collections.removal import AT_ONCE
from tieback_client.cli.connection import connection
from tieback_client.cli.index import distributed as ray_workers
from tieback_client.cli.index.file_items import leave_out, reads_scans, space_of, summary
from tieback_client.cli.index.indexed import IndexedItems, quoted
from tieback_client.cli.index.report import IndexProgress, counted, ended_early, report, report_sources
from tieback_client.cli.index.roots import FoundItems, Root, Stamp, scopes_of
from tieback_client.cli.index.run import Gone, Run, gone_of, removed_if_empty
from tieback_client.cli.index.walking import Walk
from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.errors import InvalidArgument, NotFound, TiebackError
from tieback_client.values.documents import Collection, Item, TokenVectorsLike


@dataclass(frozen=True, slots=True)
class Indexing:
    """What a user asks of `tieback index`."""

    paths: Sequence[Path]
    collection: str
    source: str | None
    walk: Walk
    batch: int
    """Files written at once."""
    workers: int | None
    """Of Ray Data; 0 for as many as there are processors, None to write from this process."""
    forces: bool
    prunes: bool
    asks: bool
    """Whether to ask before most of a folder is pruned."""
    is_dry: bool
    space: str
    usual: dict[str, float] | str | None
    """How queries of a new collection are weighted."""
    codec: str | None
    tokens: TokenVectorsLike

    def run(self, client: Client, output: Output, indexed: Mapping[str, Stamp] = MappingProxyType({})) -> Run:
        """Writes what differs, and reports it.

        `indexed` are the files that an earlier run indexed: one that is still the same is not read again.
        """
        begin = time.monotonic()
        host = socket.gethostname().partition(".")[0].lower()
        known = _collection(client, self.collection)
        sources = known.sources if known is not None else ()
        scopes = scopes_of(
            self.paths,
            sources,
            host,
            named=self.source,
            is_taken=lambda name: known is not None and _has_items_of(client, self.collection, name),
        )
        elsewhere = frozenset(os.path.realpath(one.location) for one in sources if one.host == host)
        walk = replace(self.walk, elsewhere=elsewhere)
        found = FoundItems()
        for scope in scopes:
            walk.over(scope, found)
        into = space_of(client, known, self.space)
        unread = leave_out(found, into) if into is not None else {}
        roots = {scope.root.name: scope.root for scope in scopes}
        there = IndexedItems.read(client, self.collection, roots if known is not None else ())
        gone = [gone_of(scope, there.paths, found) for scope in scopes]
        same = {name for name, stamp in found.stamps.items() if indexed.get(name) == stamp}
        run = Run(
            scopes,
            found,
            there,
            gone,
            prunes=self.prunes,
            is_dry=self.is_dry,
            unread=sorted(unread),
            same=same,
            walk=walk,
            pictures=reads_scans(client, into),
        )
        if self.prunes and self.asks and not self.is_dry:
            _confirm(output, gone)
        is_new = known is None and bool(found.files) and not self.is_dry
        with removed_if_empty(client, output, self.collection, run, is_new=is_new):
            if not self.is_dry:
                self._make(client, known, into, run, roots.values(), host)
            self._fill(client, output, run)
        run.seconds = time.monotonic() - begin
        if output.json:
            output.document(run.record(self.collection))
        else:
            report(output, self.collection, run)
            if unread and into is not None:
                output.note(summary(unread, into))
            lost = [one for one in sources if one.host == host and not Path(one.location).is_dir()]
            report_sources(output, roots.values(), lost, None if self.is_dry else self.collection)
        return run

    def _make(
        self,
        client: Client,
        known: Collection | None,
        into: Space | None,
        run: Run,
        roots: Iterable[Root],
        host: str,
    ) -> None:
        """Makes the collection where it is not there, and records the folders as its sources."""
        chosen = self.usual is not None or self.codec is not None or self.tokens is not False
        if run.found.files and into is not None and (known is None or chosen):
            # Where the collection is there with another routing or codec, the server says so.
            client.create_collection(
                self.collection, into, weights=self.usual, codec=self.codec, token_vectors=self.tokens
            )
        if run.found.files or known is not None:
            for root in roots:
                client.record_source(
                    self.collection,
                    root.name,
                    host=host,
                    location=str(root.folder),
                    moved=self.source is not None,
                )

    def _fill(self, client: Client, output: Output, run: Run) -> None:
        """Writes what differs, and removes what is gone."""
        try:
            limit = client.server_info().limits.message_bytes
            if self.workers is not None and not self.is_dry and run.found.files:
                writing = ray_workers.WritingRun(
                    connection(), self.collection, limit, self.batch, self.forces, run.pictures
                )
                _write_by_workers(output, run, writing, self.workers)
            else:
                _write(client, output, self.collection, run, limit, batch=self.batch, force=self.forces)
        except (KeyboardInterrupt, TiebackError):
            if not self.is_dry:
                output.note(ended_early(run))
            raise
        if not self.is_dry:
            removed = run.removed_items
            for first in range(0, len(removed), AT_ONCE):
                client.delete(self.collection, removed[first : first + AT_ONCE])


def _collection(client: Client, name: str) -> Collection | None:
    try:
        return client.get_collection(name)
    except NotFound:
        return None


def _has_items_of(client: Client, collection: str, name: str) -> bool:
    """Whether ids begin with the name and "/", whatever wrote them; "0" is what follows "/"."""
    below = f"item_id >= {quoted(f'{name}/')} AND item_id < {quoted(f'{name}0')}"
    return any(True for _ in client.items(collection, filter=below, sections=False, page_size=1))


def _confirm(output: Output, gone: Sequence[Gone]) -> None:
    """Asks if so many files are gone that it may be an accident; refuses if nobody can be asked."""
    doubtful = [one for one in gone if one.is_doubtful]
    if not doubtful:
        return
    reasons = "; ".join(one.reason for one in doubtful)
    count = counted(sum(len(one.paths) for one in doubtful), "file")
    if output.asks and output.confirm(f"{reasons}.\nRemove what was indexed from {count}?"):
        return
    raise InvalidArgument(
        f"{reasons}. Nothing was written or removed. Check that all folders are mounted. --dry-run lists "
        "the files, --yes removes their items"
    )


def _write_by_workers(output: Output, run: Run, writing: ray_workers.WritingRun, workers: int) -> None:
    """Writes new and changed files by workers. Their error, where one ended early."""
    left = dict.fromkeys(run.found.files)
    with IndexProgress(output, run) as progress:
        for block in ray_workers.written(run.found.files, writing, workers):
            run.add(block.run)
            if block.error is not None:
                raise block.error
            for name in block.names:
                del left[name]
                progress.show(name, 1)
    died = "the worker that had it ended, and so did those after it; run it again, or without --distributed"
    run.found.failures.update(dict.fromkeys(left, died))


def _write(
    client: Client, output: Output, collection: str, run: Run, limit: int, *, batch: int, force: bool
) -> None:
    """Writes new and changed files; a dry run only finds them."""
    with IndexProgress(output, run) as progress:

        def items() -> Iterator[Item]:
            for name, path in run.found.files.items():
                progress.show(name)
                made = run.items(name, path, limit, force=force)
                if not made or run.is_dry:
                    progress.show(name, 1)
                else:
                    yield from made

        if run.is_dry:
            list(items())
            return
        for acknowledgement in client.ingest(collection, items(), batch=batch):
            for one in acknowledgement.results:
                share, name, far = run.note(one)
                progress.show(name, share, far)
