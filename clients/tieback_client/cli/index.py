"""`tieback index`: puts folders of files into a collection; unchanged files are skipped."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tieback_client.cli import distributed as ray_workers
from tieback_client.cli.connection import (
    Command,
    collection_option,
    connected,
    connection,
    parse_weights,
)
from tieback_client.cli.index_report import counted, ended_early, report, report_sources
from tieback_client.cli.index_run import Run
from tieback_client.cli.indexed import IndexedItems, quoted
from tieback_client.cli.output import Output
from tieback_client.cli.pruning import Gone, gone_of
from tieback_client.cli.roots import scopes_of
from tieback_client.cli.unread import leave_out, space_of, summary
from tieback_client.cli.walking import Found, Walk
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line
from tieback_client.documents import Collection, Item
from tieback_client.errors import InvalidArgument, NotFound, TiebackError
from tieback_client.token_vectors import TokenVectors, TokenVectorsLike

DELETED_AT_ONCE = 500


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  tieback index ~/library
  tieback index docs notes.md --collection handbook --exclude '*.draft.md' --exclude 'old/*'
  tieback index photos --collection album --routing uniform
  tieback index checkout/docs --source handbook --prune --dry-run

\b
Markdown, reStructuredText, HTML, Word (.docx) and notebooks (.ipynb) become a section for each heading, PDF
one for each page, PowerPoint (.pptx) one for each slide; mails (.eml) and tables (.csv) are read as such; any
other file that is text, such as code, is read as it is. Front matter, between two lines of --- at
the head of a text (title: …, tags: […], date: …), becomes metadata for filters. Photos (.jpg .png .webp
.bmp .gif), sounds (.wav .flac .ogg) and, if the server binds them, point clouds (.ply .npy .xyz) are one
section each. A photo is found by what is written in it, and a sound by what is said, where the server
reads that: TIEBACK_RECOGNISERS=pp-ocr-v6-small,whisper-tiny-en-recogniser. Other files are only counted,
and so are scripts that were built for browsers, unless they are named. Run it again after a change, or
after an interruption: files that are indexed and unchanged are skipped.

\b
The collection records each folder as a source, and ids are SOURCE/PATH: library/notes/tides.md. The source
has the folder's name, with its parent's name before it if another source has that name already. A
single file belongs to its folder. `tieback collections show NAME` lists the sources.
""",
)
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, readable=False, path_type=Path)
)
@collection_option
@click.option(
    "--source",
    metavar="NAME",
    help="The name of the folder in ids; needed for a folder that has moved.",
)
@click.option(
    "--exclude", multiple=True, metavar="PATTERN", help="Leave out matching paths; may be repeated."
)
@click.option("--follow-links", is_flag=True, help="Follow links that lead out of the folder.")
@click.option(
    "--batch", type=click.IntRange(1, 1024), default=16, metavar="N", help="Files written at once. [16]"
)
@click.option(
    "--distributed",
    is_flag=True,
    help="Workers of a Ray cluster (RAY_ADDRESS, else one of this machine) read and send the files, which "
    "each of its machines must find under the same paths.",
)
@click.option(
    "--workers", type=click.IntRange(1, 1024), metavar="N", help="How many. [as many as it has processors]"
)
@click.option("--force", is_flag=True, help="Index unchanged files again, too.")
@click.option(
    "--prune", is_flag=True, help="Remove items that were indexed from these folders and whose file is gone."
)
@click.option("--yes", is_flag=True, help="Prune without asking, even if most of a folder is gone.")
@click.option("--dry-run", is_flag=True, help="Say what would be written and removed, and change nothing.")
@click.option(
    "--space",
    default="",
    metavar="NAME",
    help="The space of a new collection. [the joint space, else the only one]",
)
@click.option(
    "--routing", metavar="METHOD", help="How queries of the collection are weighted, e.g. uniform; set once."
)
@click.option(
    "--weights", metavar="SPACE=W,…", help="Weights of the spaces for queries of the collection; set once."
)
@click.option(
    "--codec",
    metavar="METHOD",
    help="How a new collection keeps its vectors in memory, e.g. binary; set once. [float32]",
)
@click.option(
    "--token-vectors",
    is_flag=True,
    help="A new collection keeps vectors of the tokens of texts: reranking then encodes no texts; set once.",
)
@click.option("--token-space", metavar="NAME", help="The text space of these. [the one that reranks]")
@click.option(
    "--token-pooling",
    type=click.IntRange(1, 16),
    metavar="N",
    help="How many of these become one, on average. [3]",
)
@click.option("--token-codec", metavar="METHOD", help="The codec of these on the disk, e.g. binary. [int8]")
@connected
def index(
    client: Client,
    output: Output,
    paths: tuple[Path, ...],
    collection: str,
    source: str | None,
    exclude: tuple[str, ...],
    follow_links: bool,
    batch: int,
    distributed: bool,
    workers: int | None,
    force: bool,
    prune: bool,
    yes: bool,
    dry_run: bool,
    space: str,
    routing: str | None,
    weights: str | None,
    codec: str | None,
    token_vectors: bool,
    token_space: str | None,
    token_pooling: int | None,
    token_codec: str | None,
) -> None:
    """Put files, or all files of folders, into a collection."""
    begin = time.monotonic()
    if workers and not distributed:
        raise click.UsageError("--workers counts those of --distributed; give both, or neither.")
    usual = parse_weights(weights, routing, "--routing")
    host = socket.gethostname().partition(".")[0].lower()
    known = _collection(client, collection)
    sources = known.sources if known is not None else ()
    scopes = scopes_of(
        paths,
        sources,
        host,
        named=source,
        is_taken=lambda name: known is not None and _has_items_of(client, collection, name),
    )
    elsewhere = frozenset(os.path.realpath(one.location) for one in sources if one.host == host)
    found = Found()
    for scope in scopes:
        Walk(exclude, follow_links, elsewhere).over(scope, found)
    into = space_of(client, known, space)
    unread = leave_out(found, into) if into is not None else {}
    roots = {scope.root.name: scope.root for scope in scopes}
    there = IndexedItems.read(client, collection, roots if known is not None else ())
    gone = [gone_of(scope, there.paths, found) for scope in scopes]
    run = Run(scopes, found, there, gone, prunes=prune, is_dry=dry_run, unread=sorted(unread))
    if not dry_run:
        if prune and not yes:
            _confirm(output, gone)
        tokens = _token_vectors(token_vectors, token_space, token_pooling, token_codec)
        chosen = usual is not None or codec is not None or tokens is not False
        if found.files and into is not None and (known is None or chosen):
            # Where the collection is there with another routing or codec, the server says so.
            client.create_collection(collection, into, weights=usual, codec=codec, token_vectors=tokens)
        if found.files or known is not None:
            for root in roots.values():
                client.record_source(
                    collection, root.name, host=host, location=str(root.folder), moved=source is not None
                )
    try:
        limit = client.server_info().limits.message_bytes
        if distributed and not dry_run and found.files:
            writing = ray_workers.Writing(connection(), collection, limit, batch, force)
            _write_by_workers(output, run, writing, workers or 0)
        else:
            _write(client, output, collection, run, limit, batch=batch, force=force)
    except (KeyboardInterrupt, TiebackError):
        if not dry_run:
            output.note(ended_early(run))
        raise
    if not dry_run:
        removed = run.removed_items
        for first in range(0, len(removed), DELETED_AT_ONCE):
            client.delete(collection, removed[first : first + DELETED_AT_ONCE])
    run.seconds = time.monotonic() - begin
    if output.json:
        output.document(run.record(collection))
    else:
        report(output, collection, run)
        if unread and into is not None:
            output.note(summary(unread, into))
        lost = [one for one in sources if one.host == host and not Path(one.location).is_dir()]
        report_sources(output, roots.values(), lost, None if dry_run else collection)
    if found.failures:
        raise click.exceptions.Exit(1)


def _token_vectors(
    wanted: bool, space: str | None, pooling: int | None, codec: str | None
) -> TokenVectorsLike:
    """Which token vectors a new collection keeps; naming how they are kept asks for them."""
    if not wanted and space is None and pooling is None and codec is None:
        return False
    # The method of pooling is the server's default one.
    return TokenVectors(space or "", 0, None if pooling is None else ("", {"factor": pooling}), codec)


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


def _write_by_workers(output: Output, run: Run, writing: ray_workers.Writing, workers: int) -> None:
    """Writes new and changed files by workers. Their error, where one ended early."""
    left = dict.fromkeys(run.found.files)
    with _progress(output) as progress:
        task = progress.add_task("", total=len(left), name="")
        for block in ray_workers.written(run.found.files, writing, workers):
            run.add(block.run)
            if block.error is not None:
                raise block.error
            for name in block.names:
                del left[name]
            progress.update(task, advance=len(block.names), name=in_a_line(block.names[-1]))
    died = "the worker that had it ended, and so did those after it; run it again, or without --distributed"
    run.found.failures.update(dict.fromkeys(left, died))


def _write(
    client: Client, output: Output, collection: str, run: Run, limit: int, *, batch: int, force: bool
) -> None:
    """Writes new and changed files; a dry run only finds them."""
    with _progress(output) as progress:
        task = progress.add_task("", total=len(run.found.files), name="")

        def items() -> Iterator[Item]:
            for name, path in run.found.files.items():
                progress.update(task, name=in_a_line(name))
                made = run.items(name, path, limit, force=force)
                if not made or run.is_dry:
                    progress.advance(task)
                else:
                    yield from made

        if run.is_dry:
            list(items())
            return
        for acknowledgement in client.ingest(collection, items(), batch=batch):
            for one in acknowledgement.results:
                share, name = run.note(one)
                progress.update(task, advance=share, name=in_a_line(name))


def _progress(output: Output) -> Progress:
    return Progress(
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[name]}", style="dim", markup=False),
        console=output.notes,
        transient=True,
        disable=not output.notes.is_terminal or output.json,
    )
