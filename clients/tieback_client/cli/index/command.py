"""`tieback index`: puts folders of files into a collection; unchanged files are skipped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import click
from tieback_contract.token_vectors import TokenVectors

from tieback_client.cli.connection import COLLECTION, command, parse_weights
from tieback_client.cli.index.indexing import Indexing
from tieback_client.cli.index.roots import FoundItems, Stamp
from tieback_client.cli.index.walking import Walk
from tieback_client.cli.output import Failure, Output
from tieback_client.cli.parameters import argument, option
from tieback_client.client import Client
from tieback_client.errors import TiebackError
from tieback_client.values.documents import TokenVectorsLike

# `tieback index --watch`: looks at the folders again and again, and indexes what changed.
#
# It compares times and sizes of files, which works on every file system, also on those of the network and
# of containers, whose changes a kernel does not report.
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


@command(
    epilog="""\b
Examples:
  tieback index ~/library
  tieback index docs notes.md --collection handbook --exclude '*.draft.md' --exclude 'old/*'
  tieback index photos --collection album --routing uniform
  tieback index checkout/docs --source handbook --prune --dry-run
  tieback index ~/notes --watch --prune
  tieback index checkout --gitignore

\b
Markdown, reStructuredText, HTML, Word (.docx), OpenDocument (.odt), books (.epub) and notebooks (.ipynb)
become a section for each heading, PDF one for each page, PowerPoint (.pptx) one for each slide, Excel (.xlsx)
one for each sheet; mails (.eml) and tables (.csv) are read as such; any other file that is text, such as
code, is read as it is, and all of these also where gzip compressed them (.md.gz). Front matter, between two
lines of --- at the head of a text (title: …, tags: […], date: …), becomes metadata for filters. Photos
(.jpg .png .webp .bmp .gif), sounds (.wav .flac .ogg) and, if the server binds them, point clouds (.ply .npy
.xyz) are one section each. A photo is found by what is written in it, and a sound by what is said, where
the server reads that: TIEBACK_RECOGNISERS=pp-ocr-v6-small,whisper-tiny-en-recogniser. Other files are only
counted, and so are scripts that were built for browsers, unless they are named. Run it again after a change,
or after an interruption: files that are indexed and unchanged are skipped.

\b
The collection records each folder as a source, and ids are SOURCE/PATH: library/notes/tides.md. The source
has the folder's name, with its parent's name before it if another source has that name already. A
single file belongs to its folder. `tieback collections show NAME` lists the sources.
"""
)
def index(
    client: Client,
    output: Output,
    paths: tuple[Path, ...] = argument(
        type=click.Path(exists=True, readable=False, path_type=Path), required=True
    ),
    collection: str = COLLECTION,
    source: str | None = option("The name of the folder in ids; needed for a folder that has moved.", "NAME"),
    exclude: tuple[str, ...] = option("Leave out matching paths; may be repeated.", "PATTERN"),
    gitignore: bool = option("Leave out what the .gitignore files name."),
    follow_links: bool = option("Follow links that lead out of the folder."),
    batch: int = option("Files written at once. [16]", "N", least=1, most=1024, default=16),
    watch: bool = option("Go on, and index what changes, until Ctrl-C."),
    distributed: bool = option(
        "Workers of a Ray cluster (RAY_ADDRESS, else one of this machine) read and send the files, which "
        "each of its machines must find under the same paths."
    ),
    workers: int | None = option("How many. [as many as it has processors]", "N", least=1, most=1024),
    forces: bool = option("Index unchanged files again, too.", flags="--force"),
    prunes: bool = option(
        "Remove items that were indexed from these folders and whose file is gone.", flags="--prune"
    ),
    yes: bool = option("Prune without asking, even if most of a folder is gone."),
    is_dry: bool = option("Say what would be written and removed, and change nothing.", flags="--dry-run"),
    space: str = option("The space of a new collection. [the joint space, else the only one]", "NAME"),
    routing: str | None = option(
        "How queries of the collection are weighted, e.g. uniform; set once.", "METHOD"
    ),
    weights: str | None = option(
        "Weights of the spaces for queries of the collection; set once.", "SPACE=W,…"
    ),
    codec: str | None = option(
        "How a new collection keeps its vectors in memory, e.g. binary; set once. [float32]", "METHOD"
    ),
    token_vectors: bool = option(
        "A new collection keeps vectors of the tokens of texts: reranking then encodes no texts; set once."
    ),
    token_space: str | None = option("The text space of these. [the one that reranks]", "NAME"),
    token_pooling: int | None = option(
        "How many of these become one, on average. [3]", "N", least=1, most=16
    ),
    token_codec: str | None = option("The codec of these on the disk, e.g. binary. [int8]", "METHOD"),
) -> None:
    """Put files, or all files of folders, into a collection."""
    if workers and not distributed:
        raise click.UsageError("--workers counts those of --distributed; give both, or neither.")
    if watch and (distributed or is_dry or forces):
        raise click.UsageError("--watch goes with none of --distributed, --dry-run and --force.")
    wanted = Indexing(
        paths,
        collection,
        source,
        walk=Walk(exclude, follow_links, gitignore=gitignore),
        batch=batch,
        workers=(workers or 0) if distributed else None,
        forces=forces,
        prunes=prunes,
        asks=not yes,
        is_dry=is_dry,
        space=space,
        usual=parse_weights(weights, routing, "--routing"),
        codec=codec,
        tokens=_token_vectors(token_vectors, token_space, token_pooling, token_codec),
    )
    if watch:
        keep_indexed(client, output, wanted)
    elif wanted.run(client, output).found.failures:
        raise click.exceptions.Exit(1)


def _token_vectors(
    wanted: bool, space: str | None, pooling: int | None, codec: str | None
) -> TokenVectorsLike:
    """Which token vectors a new collection keeps; naming how they are kept asks for them."""
    if not wanted and space is None and pooling is None and codec is None:
        return False
    # The method of pooling is the server's default one.
    return TokenVectors(space or "", 0, None if pooling is None else ("", {"factor": pooling}), codec)
