"""`tieback recognise`: what is written or seen in photos, said or heard in sounds, with boxes and times."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text
from tieback_contract.recognition import RecognisedText, SegmentKind

from tieback_client.cli.connection import command, parse_method, set_of
from tieback_client.cli.index.file_items import given_files, is_media
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import FILE, argument, option
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line
from tieback_client.errors import TiebackError, Unimplemented
from tieback_client.jsonable import jsonable
from tieback_client.shown.places import place_shown

HOW_TO_SERVE = (
    "A server reads photos and sounds where its settings name recognisers: "
    "TIEBACK_RECOGNISERS=pp-ocr-v6-small,efficientnet-lite0-labels,whisper-tiny-en-recogniser tieback serve"
)


@command(
    epilog="""\b
Examples:
  tieback recognise receipt.jpg
  tieback recognise scans/*.png contract.pdf --json
  tieback recognise holiday.jpg --model efficientnet-lite0-labels
  tieback recognise interview.wav --fusion gfd --set weight=0.1

\b
Each line has what is written or said, and its place: x, y, width and height in percent of the photo, or
begin and end in seconds of the sound. A line with a likelihood is a label: the name of something that is
seen or heard there.
The exit code is 1 where a file fails; the others are recognised.
"""
)
def recognise(
    client: Client,
    output: Output,
    files: tuple[Path, ...] = argument(type=FILE, required=True, metavar="FILE..."),
    model: str = option("The recogniser. [all that are served]", "NAME"),
    fusion: str | None = option(
        "How the served language model takes part, for instance gfd. [not at all]", "METHOD"
    ),
    parameters: tuple[str, ...] = set_of("method"),
) -> None:
    """Read photos, sounds and scanned pages: writing and speech.

    What is in photos and sounds is named too. Archives and mails are read by the files in them.
    """
    method = parse_method(fusion, parameters, "--fusion", "--set")
    failed = False
    several = len(files) > 1
    for given in given_files(files, pictures=True):
        if given.content is None:
            failed = True
            output.note(f"{in_a_line(given.name)}: {given.fault}")
            continue
        media = [one for one in given.content.sections if is_media(one.content)]
        if not media:
            output.note(f"{in_a_line(given.name)}: it holds no photo, sound or scanned page to recognise")
        for section in media:
            place = section.uri.partition("#")[1:]
            name = f"{given.name}{''.join(place)}"
            try:
                (outcome,) = client.recognise(section.content, model=model, fusion=method).outcomes
            except Unimplemented as error:
                raise click.ClickException(f"{error}. {HOW_TO_SERVE}") from error
            if isinstance(outcome, TiebackError):
                failed = True
                output.note(f"{in_a_line(name)}: {outcome}")
            elif output.json:
                output.document({"file": name, **jsonable(outcome)})
            else:
                output.show(_shown(name, outcome, heading=several or name != str(files[0])))
    if failed:
        raise click.exceptions.Exit(1)


def _shown(name: str, recognised: RecognisedText, *, heading: bool) -> Text:
    """The segments, a line each, below the file's name where there are several."""
    lines = [Text(in_a_line(name), "bold")] if heading else []
    for words, segment in recognised.parts:
        likely = f"  {segment.score:.2f}" if segment.kind is SegmentKind.LABEL else ""
        lines.append(Text.assemble(in_a_line(words), "  ", (place_shown(segment.place) + likely, "dim")))
    if not recognised.segments:
        lines.append(Text("nothing was recognised", "dim"))
    return Text("\n").join(lines)
