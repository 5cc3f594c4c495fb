"""`tieback check`: the claims of a text that anybody wrote, held against files or a collection."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.text import Text
from tieback_contract.claims import VerdictLabel
from tieback_contract.generation import Evidence
from tieback_contract.modality import Modality
from tieback_contract.recognition import Segment

from tieback_client.cli.connection import command, parse_method, set_of
from tieback_client.cli.index.file_items import given_files, is_media, reads_writing
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import EXISTING, argument, option
from tieback_client.cli.query import showing
from tieback_client.cli.query.search import indented
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line
from tieback_client.errors import InvalidArgument, Unimplemented
from tieback_client.files import read_document
from tieback_client.jsonable import jsonable
from tieback_client.shown import ShownChecked
from tieback_client.shown.marks import legend
from tieback_client.values.content import content_of, modality_of

LEGEND = "\n  ".join(legend())
CHARACTERS = 256 * 1024
"""Of all passages of one check: the server reads no more."""


@command(
    epilog=f"""\b
Examples:
  tieback check answer.txt --against handbook.md --against policies/ --against receipts/
  tieback check answer.txt --collection docs
  echo "Interns are paid for on-call." | tieback check - --collection docs

\b
Marks, with the passage to read below each claim; » and « stand around its nearest sentence:
  {LEGEND}

The exit code is 1 where a claim is contradicted or not supported, and 0 otherwise.
"""
)
def check(
    client: Client,
    output: Output,
    file: Path = argument(type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)),
    against: tuple[Path, ...] = option(
        "A file with what the text has to rest on, or a folder of them; may be repeated.",
        "PATH",
        type=EXISTING,
    ),
    collection: str = option(
        "The collection to find passages in, for each claim.", "NAME", flags="-c --collection"
    ),
    limit: int | None = option(
        "Passages of the collection for each claim. [4]", "N", flags="-n --limit", least=1, most=100
    ),
    filter: str = option("Which may be found; docs/search.md#filters.", "FILTER"),
    question: str = option("The question that the text answers.", "TEXT"),
    checker: str | None = option("How to check; `tieback methods` lists them. [the server's]", "METHOD"),
    parameters: tuple[str, ...] = set_of("checker"),
) -> None:
    """Check the claims of a text against files or a collection.

    The text is a file of any format that is indexed, or "-" for standard input.
    """
    if bool(against) == bool(collection):
        raise click.UsageError("Give what to check by: --against PATH, or --collection NAME.")
    text = sys.stdin.read() if str(file) == "-" else _text_of(client, file)
    checked = client.check(
        text,
        _passages(client, against, output),
        collection=collection,
        limit=limit,
        filter=filter,
        question=question,
        checker=parse_method(checker, parameters, "--checker", "--set"),
    )
    if output.json:
        more = {"timing": checked.timing, "call": checked.call, "shown": checked.shown}
        output.document(checked.document | jsonable(more))
    else:
        _shown(output, checked.shown)
    wrong = {VerdictLabel.CONTRADICTED, VerdictLabel.UNSUPPORTED}
    if any(one.label in wrong for one in checked.verdicts.values()):
        raise click.exceptions.Exit(1)


def _text_of(client: Client, file: Path) -> str:
    """The text of a file and of those packed in it; what is written in a photo or said in a sound."""
    if not file.is_file():  # a pipe
        return read_document(file).text
    texts: list[str] = []
    for given in given_files([file], pictures=reads_writing(client)):
        if given.content is None:
            raise InvalidArgument(f"{given.name}: {given.fault}")
        texts.append(given.content.text)
        texts += [
            client.recognise(one.content)[0].text for one in given.content.sections if is_media(one.content)
        ]
    return "\n\n".join(filter(None, texts))


def _passages(client: Client, paths: tuple[Path, ...], output: Output) -> list[Evidence]:
    """The sections of files. `InvalidArgument` where they are more than one check reads."""
    passages = [one for one in _sections(client, paths, output) if one.text.strip()]
    size = sum(len(one.text) for one in passages)
    if size > CHARACTERS:
        raise InvalidArgument(
            f"the files have {size:,} characters and one check reads {CHARACTERS:,}: index them "
            "(tieback index), and check against the collection (--collection)"
        )
    if paths and not passages:
        raise InvalidArgument("the files hold no text to check by")
    return passages


def _sections(client: Client, paths: tuple[Path, ...], output: Output) -> Iterator[Evidence]:
    """The sections of texts, and what is written in photos and said in sounds."""
    number = 0
    for given in given_files(paths, pictures=bool(paths) and reads_writing(client)):
        if given.content is None:
            output.note(f"{in_a_line(given.id)} is left out: {given.fault}")
            continue
        for note in given.content.notes:
            output.note(f"{in_a_line(given.id)}: {note}")
        for section in given.content.sections:
            modality = modality_of(content_of(section.content)) or Modality.TEXT
            text = str(section.content)
            segments: Sequence[Segment] = ()
            if is_media(section.content):
                try:
                    read = client.recognise(section.content)[0]
                except (Unimplemented, InvalidArgument) as error:
                    output.note(f"{in_a_line(section.uri)} is left out: {error}")
                    continue
                text, segments = read.text, read.segments
            elif modality is not Modality.TEXT:
                continue
            number += 1
            yield Evidence(
                text,
                str(number),
                section.title,
                given.id,
                section.id,
                section.uri,
                modality=modality,
                segments=segments,
            )


def _shown(output: Output, shown: ShownChecked) -> None:
    """Each claim with its mark and the places to read, what disagrees, and what the marks say."""
    width = output.console.width
    for one in shown.claims:
        words = showing.underlined(run._replace(text=in_a_line(run.text)) for run in one.claim.runs)
        output.show(Text.assemble((f"{one.claim.sign} ", showing.TONES[one.claim.tone]), words))
        if one.claim.difference:
            output.show(indented(Text(one.claim.difference, style=showing.DIFFERS), width=width))
        if one.reason:
            output.show(indented(Text(one.reason, style="dim"), width=width))
        for passage in one.passages:
            parts = [indented(showing.marked(passage.runs), width=width)]
            nearest = "nearest: " if one.is_nearest else ""
            place = f"{nearest}{passage.place or passage.title}"
            output.show(*parts, indented(Text(place, style="dim"), width=width))
    output.show(*map(showing.conflict, shown.conflicts))
    counted = "   ".join(f"{sign} {count} {name}" for sign, name, count in shown.summary)
    output.show(Text(f"\n{counted}"), *showing.legend(shown.legend))
