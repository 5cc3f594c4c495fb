"""`tieback rerank`: orders texts or files by a closer comparison with a query, and shows what matched."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text
from tieback_contract.hits import Reranked
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback_client.cli.connection import command, parse_method, set_of
from tieback_client.cli.index.file_items import given_files
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import FILE, argument, option
from tieback_client.cli.query.lines import short
from tieback_client.cli.query.search import aligned, indented, snippet
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line
from tieback_client.errors import InvalidArgument
from tieback_client.jsonable import jsonable
from tieback_client.shown.places import MODALITIES
from tieback_client.values import content
from tieback_client.values.content import Content, content_of, modality_of, modality_of_path
from tieback_client.values.results import RerankResult

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@command(
    epilog="""\b
Examples:
  tieback rerank "when is the tide highest" "the moon pulls the sea" "a cat on a sofa" --explain
  tieback rerank "rotate keys" --file notes.md --file keys.md -n 1
  grep -h tide *.txt | tieback rerank "what moves the sea" - --method best_pairs
  tieback rerank --query-file cup.jpg --file a.jpg --file b.jpg

\b
Texts are compared token by token, photos region by region, sounds window by window. All are of one modality,
which the space reads: the server's text space, or for photos and sounds the first space that gives vectors of
their parts. What is longer than the space reads is compared up to there. A candidate that cannot be
compared is reported on standard error, and makes the exit code 1.
"""
)
def rerank(
    client: Client,
    output: Output,
    texts: tuple[str, ...] = argument(metavar="[QUERY] [TEXTS]..."),
    query_file: Path | None = option(
        "A file of any format that is indexed, in place of QUERY.", "FILE", type=FILE
    ),
    files: tuple[Path, ...] = option(
        "A file of any format that is indexed, or an archive of some, to order.",
        "FILE",
        flags="--file",
        type=FILE,
    ),
    method: str | None = option("How to compare. [late_interaction]", "METHOD"),
    parameters: tuple[str, ...] = set_of("method"),
    space: str = option("The space whose vectors are compared; see `tieback spaces`.", "NAME"),
    limit: int | None = option("The largest number of results. [all]", "N", flags="-n --limit", least=1),
    explain: bool = option("Show which words, regions or times matched which."),
) -> None:
    """Order texts or files by how well they match a query.

    "-" reads a text from each line of standard input.
    """
    chosen = parse_method(method, parameters, "--method", "--set")
    if query_file is None and not texts:
        raise click.UsageError("Give the query: QUERY or --query-file.")
    query = content_of(texts[0]) if query_file is None else _read([query_file])[0][1]
    names = _lines(texts if query_file is not None else texts[1:], output)
    candidates = [content_of(one) for one in names]
    for name, candidate in _read(files):
        names.append(name)
        candidates.append(candidate)
    if not candidates:
        raise click.UsageError('Give the candidates: texts, --file, or "-" for the lines of standard input.')
    result = client.rerank(
        query,
        candidates,
        method=chosen,
        space=space or _space_for(client, modality_of(query)),
        limit=limit or 0,
        explain=explain,
    )
    if output.json:
        output.document(_record(result, names))
    else:
        asked = _words(query)
        for rank, one in enumerate(result.results, 1):
            place = one.first_rank
            output.show(_shown(rank, one, names[place], candidates[place], asked, width=output.console.width))
    for failed in result.failures:
        place = failed.first_rank
        name = in_a_line(names[place]).strip() or f"candidate {place + 1}"
        if _words(candidates[place]) == names[place]:
            name = short(name)
        output.note(f"{name}: {failed.error.message}", style="red")
    if result.failures:
        raise click.exceptions.Exit(1)


def _read(files: Sequence[Path]) -> list[tuple[str, Content]]:
    """Each file, and each that is packed in one, with its text, or the photo, sound or cloud that it is."""
    read: list[tuple[str, Content]] = []
    for given in given_files(files):
        if given.content is None:
            raise InvalidArgument(f"{given.name}: {given.fault}")
        first = next(
            (one.content for one in given.content.sections if not isinstance(one.content, str)), None
        )
        if first is None and not given.content.text.strip():
            raise InvalidArgument(f"{given.name}: {'; '.join(given.content.notes) or 'it holds no text'}")
        read.append((given.name, content_of(first or given.content.text)))
    if files and not read:
        raise InvalidArgument(f"{files[0]}: it holds no file that is read")
    return read


def _lines(texts: tuple[str, ...], output: Output) -> list[str]:
    """The texts, with the lines of standard input for "-"; a name of a file is noted to be read as words."""
    found: list[str] = []
    for one in texts:
        if one == "-":
            found += [line for line in sys.stdin.read().splitlines() if line.strip()]
            continue
        found.append(one)
        # os.path takes a text of any length and content.
        if modality_of_path(Path(one)) is not None and os.path.isfile(one):  # noqa: PTH113
            output.note(f"{one} is compared as text; to compare the file, use --file {one}")
    return found


def _space_for(client: Client, modality: Modality | None) -> str:
    """The first space that gives vectors of the parts of such contents; empty for texts, as served."""
    if modality is Modality.TEXT:
        return ""
    for one in client.spaces():
        if modality in one.modalities and VectorKind.MULTI_VECTOR in one.kinds:
            return one.name
    raise click.UsageError(
        f"No space of this server gives vectors of the parts of a query of the modality {modality}."
    )


def _shown(rank: int, one: Reranked, name: str, candidate: Content, asked: str, *, width: int) -> Text:
    """One result: the text or the file's name, what matched, its score and its place before."""
    words = _words(candidate)
    is_file = words != name
    lines = []
    if is_file:
        title = Text(in_a_line(name), style="bold")
        title.append(f"  {MODALITIES.get(modality_of(candidate) or '', '')}", style="magenta not bold")
        lines.append(indented(title, width=width))
    if words:
        lines.append(snippet(words, tuple(asked.split()), width=width))
    if one.alignment is not None:
        lines.append(indented(aligned(one.alignment, asked, words), width=width))
    score = f"score {one.rerank_score:.3f}   place {one.first_rank + 1} before"
    lines.append(indented(Text(score, style="dim"), width=width))
    text = Text("\n").join(lines) + Text("\n")
    return Text(f"{rank:>2}  ") + text[4:]


def _words(one: Content) -> str:
    return one.text if isinstance(one, content.Text) else ""


def _record(result: RerankResult, names: list[str]) -> dict[str, Any]:
    return {
        "results": [{"candidate": names[one.first_rank], **jsonable(one)} for one in result.results],
        "failures": [{"candidate": names[one.first_rank], **jsonable(one)} for one in result.failures],
        "timing": result.timing,
        "cost": result.cost,
        "call": result.call,
    }
