"""`tieback index`: folders of files into a collection; what is unchanged is skipped."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tieback_client.cli import front_matter, sections
from tieback_client.cli.connection import Command, collection_option, connected, parse_weights
from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.clouds import cloud_of
from tieback_client.content import Audio, Image, Modality, Points, modality_of_path
from tieback_client.documents import Item, Section
from tieback_client.errors import InvalidArgument, NotFound, TiebackError

# Changes when a file would be split differently, so that it is indexed again.
FORMAT = "1"
ROOM = 64 * 1024  # what a message needs beside the file
JOINT_SPACE = "joint"


@dataclass(slots=True)
class _Run:
    """What one run found and did."""

    written: int = 0
    sections: int = 0
    truncated: int = 0
    unchanged: int = 0
    ignored: int = 0
    failures: dict[str, str] = field(default_factory=dict)


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  tieback index ~/library
  tieback index docs notes.md --collection handbook --exclude '*.draft.md' --exclude 'old/*'
  tieback index photos --collection album --routing uniform

\b
Texts (.txt .md .rst) are split at headings and paragraphs into sections that can be cited; facts between two
lines of --- at their head (title: …, year: …) can be filtered by. Photos (.jpg .png
.webp .bmp .gif), sounds (.wav .flac .ogg) and, where the server binds them, point clouds (.ply .npy .xyz) are
one section each. Run it again after a change, or after it was interrupted: files that are indexed and
unchanged are skipped.
""",
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@collection_option
@click.option(
    "--exclude", multiple=True, metavar="PATTERN", help="Leave out matching paths; may be repeated."
)
@click.option(
    "--batch", type=click.IntRange(1, 1024), default=16, metavar="N", help="Files written at once. [16]"
)
@click.option("--force", is_flag=True, help="Index unchanged files again, too.")
@click.option("--prune", is_flag=True, help="Remove items of these folders whose file is gone.")
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
    exclude: tuple[str, ...],
    batch: int,
    force: bool,
    prune: bool,
    routing: str | None,
    weights: str | None,
) -> None:
    """Put files, or all files of folders, into a collection."""
    begin = time.monotonic()
    usual = parse_weights(weights, routing, "--routing")
    if usual is not None:  # where the collection is there with another routing, the server says so
        client.create_collection(collection, JOINT_SPACE, weights=usual)
    limit = client.server_info().limits.message_bytes
    run = _Run()
    files = dict(_files(paths, exclude, run))
    if any(modality_of_path(path) is Modality.POINTS for path in files.values()):
        _leave_out_clouds(client, files, run)
    there = _indexed(client, collection)
    with _progress(output) as progress:
        task = progress.add_task("", total=len(files), name="")

        def items() -> Iterator[Item]:
            for name, path in files.items():
                progress.update(task, name=name)
                item = _item(name, path, limit, {} if force else there, run)
                if item is None:
                    progress.advance(task)
                else:
                    yield item

        for acknowledgement in client.ingest(collection, items(), batch=batch, truncate=True):
            for one in acknowledgement.results:
                progress.advance(task)
                if one.error is None:
                    run.written += 1
                    run.truncated += one.truncated_sections
                else:
                    run.failures[one.id] = one.error.message
    gone = sorted(_gone(there, files, paths)) if prune else []
    if gone:
        client.delete(collection, gone)
    _report(output, collection, run, gone, time.monotonic() - begin)
    if run.failures:
        raise click.exceptions.Exit(1)


def _files(paths: tuple[Path, ...], exclude: tuple[str, ...], run: _Run) -> Iterator[tuple[str, Path]]:
    """The files to index by the name of their item: the folder's name and the path in it."""
    for given in paths:
        root = given.resolve()
        found = sorted(root.rglob("*")) if root.is_dir() else [root]
        for path in found:
            name = path.relative_to(root.parent).as_posix()
            inside = path.relative_to(root).as_posix() if root.is_dir() else path.name
            hidden = any(part.startswith(".") for part in Path(inside).parts)
            left_out = any(fnmatch(inside, one) or fnmatch(path.name, one) for one in exclude)
            if not path.is_file() or hidden or left_out:
                continue
            if modality_of_path(path) is None:
                run.ignored += 1
            else:
                yield name, path


def _leave_out_clouds(client: Client, files: dict[str, Path], run: _Run) -> None:
    """A .npy may hold anything: where no space takes clouds, it is a file of another kind."""
    if any(Modality.POINTS in space.modalities for space in client.spaces() if space.binding == "joint"):
        return
    for name in [name for name, path in files.items() if modality_of_path(path) is Modality.POINTS]:
        del files[name]
        run.ignored += 1


def _indexed(client: Client, collection: str) -> dict[str, str]:
    """The hash of what is there, by item; nothing where there is no such collection yet."""
    try:
        return {one.id: str(one.metadata.get("content_hash", "")) for one in client.items(collection)}
    except NotFound:
        return {}


def _item(name: str, path: Path, limit: int, there: dict[str, str], run: _Run) -> Item | None:
    """The item of a file; None where it is there already or cannot be read, which the run notes."""
    try:
        data = path.read_bytes()
        digest = f"{hashlib.sha256(data).hexdigest()[:32]}-{FORMAT}"
        if there.get(name) == digest:
            run.unchanged += 1
            return None
        if limit and len(data) > limit - ROOM:
            raise InvalidArgument(f"it has {len(data):,} bytes, and the server takes {limit:,} in a message")
        item = _of_file(name, path, data, digest)
    except OSError as error:
        run.failures[name] = f"cannot read it: {error.strerror or error}"
        return None
    except TiebackError as error:
        run.failures[name] = error.message
        return None
    run.sections += len(item.sections) if isinstance(item.sections, list) else 1
    return item


def _of_file(name: str, path: Path, data: bytes, digest: str) -> Item:
    modality = modality_of_path(path)
    title = path.stem.replace("_", " ").replace("-", " ")
    parts: list[Section]
    facts: dict[str, str | float | bool] = {}
    if modality is Modality.IMAGE:
        parts = [Section(Image(data), title=title, uri=name)]
    elif modality is Modality.AUDIO:
        parts = [Section(Audio(data), title=title, uri=name)]
    elif modality is Modality.POINTS:
        parts = [Section(_cloud(data, path), title=title, uri=name)]
    else:
        facts, text = front_matter.read(_decoded(data).replace("\0", ""))
        title, parts = sections.split(path, text, uri=name)
        title = str(facts.pop("title", title))
        if not parts:
            raise InvalidArgument("it holds no text")
    facts |= {"content_hash": digest, "path": name, "bytes": len(data), "kind": str(modality)}
    return Item(name, parts, title, facts)


def _cloud(data: bytes, path: Path) -> Points:
    try:
        return Points(cloud_of(data, path.suffix.lower()))
    except ValueError as error:
        raise InvalidArgument(f"it is no point cloud: {error}") from None


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidArgument("it is not UTF-8 text") from None


def _gone(there: dict[str, str], files: dict[str, Path], paths: tuple[Path, ...]) -> Iterator[str]:
    roots = tuple(f"{path.resolve().name}/" for path in paths if path.is_dir())
    return (name for name in there if name.startswith(roots) and name not in files)


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


def _report(output: Output, collection: str, run: _Run, gone: list[str], seconds: float) -> None:
    if output.json:
        output.document(
            {
                "collection": collection,
                "written": run.written,
                "sections": run.sections,
                "unchanged": run.unchanged,
                "ignored": run.ignored,
                "removed": gone,
                "truncated_sections": run.truncated,
                "failures": run.failures,
                "seconds": round(seconds, 3),
            }
        )
        return
    for name, message in run.failures.items():
        output.notes.print(f"[red]failed[/red]  [bold]{_safe(name)}[/bold]  {_safe(message)}")
    counts = [f"{run.written} files indexed ({run.sections} sections)"]
    counts += [f"{run.unchanged} unchanged"] if run.unchanged else []
    counts += [f"{len(gone)} removed"] if gone else []
    counts += [f"{run.ignored} of other kinds"] if run.ignored else []
    counts += [f"{len(run.failures)} failed"] if run.failures else []
    output.show(f"[bold]{_safe(collection)}[/bold]  {', '.join(counts)} in {seconds:.1f} s")
    if run.truncated:
        output.note(f"{run.truncated} sections are longer than a space reads; their ends were left out of it")


def _safe(text: str) -> str:
    from rich.markup import escape

    return escape(text)
