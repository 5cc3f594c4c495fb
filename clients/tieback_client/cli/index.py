"""`tieback index`: folders of files into a collection; what is unchanged is skipped."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from tieback_client.cli.connection import Command, collection_option, connected, parse_weights
from tieback_client.cli.index_run import Run
from tieback_client.cli.output import Output
from tieback_client.cli.pruning import Gone, gone_of
from tieback_client.cli.roots import Root, scopes_of
from tieback_client.cli.unread import leave_out, space_of, summary
from tieback_client.cli.walking import Found, Walk
from tieback_client.client import Client
from tieback_client.documents import INDEXED_FROM, Collection, Item, Source
from tieback_client.errors import InvalidArgument, NotFound

PAGE = 1000
DELETED_AT_ONCE = 500
LINKS_TOLD = 5


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  tieback index ~/library
  tieback index docs notes.md --collection handbook --exclude '*.draft.md' --exclude 'old/*'
  tieback index photos --collection album --routing uniform
  tieback index checkout/docs --source handbook --prune --dry-run

\b
Texts (.txt .md .rst) are split at headings and paragraphs into sections that can be cited; facts between two
lines of --- at their head (title: …, year: …) can be filtered by. Photos (.jpg .png
.webp .bmp .gif), sounds (.wav .flac .ogg) and, where the server binds them, point clouds (.ply .npy .xyz) are
one section each. Run it again after a change, or after it was interrupted: files that are indexed and
unchanged are skipped.

\b
The collection records each folder as a source, and ids are SOURCE/PATH: library/notes/tides.md. The source
has the folder's name, or with its parent's before it where another folder of that name is there already. A
file by itself belongs to its folder. `tieback collections show NAME` lists the sources.
""",
)
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, readable=False, path_type=Path)
)
@collection_option
@click.option(
    "--source",
    metavar="NAME",
    help="The folder's name in ids: to choose it, or for a folder that is at another place than before.",
)
@click.option(
    "--exclude", multiple=True, metavar="PATTERN", help="Leave out matching paths; may be repeated."
)
@click.option("--follow-links", is_flag=True, help="Follow links that lead out of the folder.")
@click.option(
    "--batch", type=click.IntRange(1, 1024), default=16, metavar="N", help="Files written at once. [16]"
)
@click.option("--force", is_flag=True, help="Index unchanged files again, too.")
@click.option(
    "--prune", is_flag=True, help="Remove items that were indexed from these folders and whose file is gone."
)
@click.option("--yes", is_flag=True, help="Prune without asking, even most of a folder.")
@click.option("--dry-run", is_flag=True, help="Say what would be written and removed, and do nothing.")
@click.option(
    "--space",
    default="",
    metavar="NAME",
    help="The space of a new collection: the joint one, or one model's. [joint, else the only one]",
)
@click.option(
    "--routing", metavar="METHOD", help="How queries of the collection are weighted, e.g. uniform; set once."
)
@click.option(
    "--weights", metavar="SPACE=W,…", help="Weights of the spaces for queries of the collection; set once."
)
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
    force: bool,
    prune: bool,
    yes: bool,
    dry_run: bool,
    space: str,
    routing: str | None,
    weights: str | None,
) -> None:
    """Put files, or all files of folders, into a collection."""
    begin = time.monotonic()
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
    there = _indexed(client, collection, roots) if known is not None else {}
    gone = [gone_of(scope, there, found) for scope in scopes]
    run = Run(scopes, found, there, gone, prunes=prune, is_dry=dry_run, unread=sorted(unread))
    if not dry_run:
        if prune and not yes:
            _confirm(output, gone)
        if found.files and into is not None and (known is None or usual is not None):
            # Where the collection is there with another routing, the server says so.
            client.create_collection(collection, into, weights=usual)
        if found.files or known is not None:
            for root in roots.values():
                client.record_source(
                    collection, root.name, host=host, location=str(root.folder), moved=source is not None
                )
    _write(client, output, collection, run, batch=batch, force=force)
    if not dry_run:
        for first in range(0, len(run.removed), DELETED_AT_ONCE):
            client.delete(collection, run.removed[first : first + DELETED_AT_ONCE])
    run.seconds = time.monotonic() - begin
    if output.json:
        output.document(run.record(collection))
    else:
        _report(output, collection, run)
        if unread and into is not None:
            output.note(summary(unread, into))
        lost = [one for one in sources if one.host == host and not Path(one.location).is_dir()]
        _tell_of_sources(output, roots.values(), lost, None if dry_run else collection)
    if found.failures:
        raise click.exceptions.Exit(1)


def _collection(client: Client, name: str) -> Collection | None:
    try:
        return client.get_collection(name)
    except NotFound:
        return None


def _has_items_of(client: Client, collection: str, name: str) -> bool:
    """Whether ids begin with the name and "/", whatever wrote them; "0" is what follows "/"."""
    below = f"item_id >= {_quoted(f'{name}/')} AND item_id < {_quoted(f'{name}0')}"
    return any(True for _ in client.items(collection, filter=below, sections=False, page_size=1))


def _indexed(client: Client, collection: str, roots: Iterable[str]) -> dict[str, str]:
    """The hashes of the items that were indexed from these sources, by id."""
    return {
        one.id: str(one.metadata.get("content_hash", ""))
        for name in roots
        for one in client.items(
            collection, filter=f"{INDEXED_FROM} = {_quoted(name)}", sections=False, page_size=PAGE
        )
    }


def _quoted(value: str) -> str:
    """A string as filters write it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _confirm(output: Output, gone: Sequence[Gone]) -> None:
    """Asks where so much is gone that it may be an accident; refuses where nobody can be asked."""
    doubtful = [one for one in gone if one.is_doubtful]
    if not doubtful:
        return
    reasons = "; ".join(one.reason for one in doubtful)
    count = sum(len(one.ids) for one in doubtful)
    if output.asks and output.confirm(f"{reasons}.\nRemove {_count(count, 'item')}?"):
        return
    raise InvalidArgument(
        f"{reasons}. Nothing was written or removed. Is everything mounted? --yes removes them all the same, "
        "--dry-run says which"
    )


def _write(client: Client, output: Output, collection: str, run: Run, *, batch: int, force: bool) -> None:
    """Writes what is new or changed; on a dry run only finds out what that is."""
    limit = client.server_info().limits.message_bytes
    with _progress(output) as progress:
        task = progress.add_task("", total=len(run.found.files), name="")

        def items() -> Iterator[Item]:
            for name, path in run.found.files.items():
                progress.update(task, name=name)
                item = run.item(name, path, limit, force=force)
                if item is None or run.is_dry:
                    progress.advance(task)
                else:
                    yield item

        if run.is_dry:
            list(items())
            return
        for acknowledgement in client.ingest(collection, items(), batch=batch):
            for one in acknowledgement.results:
                progress.advance(task)
                run.note(one)


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


def _report(output: Output, collection: str, run: Run) -> None:
    found = run.found
    for name, message in found.failures.items():
        output.notes.print(Text.assemble(("failed", "red"), "  ", (name, "bold"), "  ", message))
    if run.is_dry:
        output.table(
            ["", "item"],
            [
                *(["new", name] for name in run.new),
                *(["changed", name] for name in run.changed),
                *(["gone", name] for name in run.removed),
            ],
        )
    would = "would be " if run.is_dry else ""
    written = len(run.new) + len(run.changed) if run.is_dry else run.written
    counts = [f"{_count(written, 'file')} {would}indexed ({_count(run.sections + run.added, 'section')})"]
    counts += [f"{run.unchanged} unchanged"] if run.unchanged else []
    counts += [f"{len(run.removed)} {would}removed"] if run.removed else []
    counts += [f"{len(found.ignored)} of other kinds"] if found.ignored else []
    counts += [f"{len(found.failures)} failed"] if found.failures else []
    summary = f"{', '.join(counts)} in {run.seconds:.1f} s"
    # Beside the list of a dry run, which a pipe may take, the summary is a remark.
    if run.is_dry:
        output.note(f"{collection}  {summary}")
    else:
        output.show(Text.assemble((collection, "bold"), f"  {summary}"))
    for one in run.gone:
        if run.is_dry and run.prunes and one.is_doubtful:
            output.note(f"{one.reason}: to remove them needs --yes")
        elif one.ids and not run.prunes:
            lost = _count(len(one.ids), "file")
            output.note(f"{lost} of {one.scope.path} gone, their items kept; --prune removes them")
    if found.links:
        more = f" and {len(found.links) - LINKS_TOLD} more" if len(found.links) > LINKS_TOLD else ""
        output.note(
            "not followed, since it leads out of the folder (--follow-links): "
            f"{', '.join(found.links[:LINKS_TOLD])}{more}"
        )
    if run.split:
        output.note(
            f"{_count(run.split, 'section')} longer than a space reads {'was' if run.split == 1 else 'were'} "
            f"stored as {run.split + run.added}, so that all of the text is read"
        )
    for space, unread in run.cut_off.items():
        output.note(
            f"{space} reads {unread.window} tokens of a section, and did not read the ends of "
            f"{_count(unread.sections, 'section')} ({unread.tokens} tokens): make their files shorter, or "
            "leave the space out with TIEBACK_SPACES"
        )


def _tell_of_sources(
    output: Output, roots: Iterable[Root], lost: Sequence[Source], collection: str | None
) -> None:
    """Says what new sources are called, where that is not plain, and which have moved or may have.

    `collection` is where the new ones are recorded now, if they are.
    """
    new = [root for root in roots if root.known is None]
    for root in roots:
        if root.known is None and root.name != root.folder.name:
            output.note(f"{root.folder} is the source {root.name}: its items are {root.name}/…")
        elif root.known is not None and root.moved:
            output.note(
                f"the source {root.name} is {root.folder} now; before it was {root.known.location} "
                f"on {root.known.host}"
            )
    for source in lost if new else ():
        undo = f"`tieback collections forget {collection} {new[0].name}`, then " if collection else ""
        output.note(
            f"the source {source.name} is not at {source.location} any more; if it is {new[0].folder} now: "
            f"{undo}index that with --source {source.name}"
        )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
