"""`tieback encode`: vectors to look at, to pipe, or to keep as a NumPy file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.text import Text

from tieback_client.cli.connection import Command, connected
from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.results import Encoding, Encodings
from tieback_client.vectors import DType

SHOWN = 6


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  tieback encode "a cat" "a dog" --space all-minilm-l6-v2
  tieback encode --file photo.jpg --space efficientnet-lite0 --labels
  tieback encode - --space wordllama -o lines.npy < lines.txt
""",
)
@click.argument("texts", nargs=-1)
@click.option("--space", required=True, metavar="NAME", help="The space; `tieback spaces` lists them.")
@click.option(
    "--file",
    "files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="A photo, sound or text file.",
)
@click.option(
    "--width", type=click.IntRange(1), metavar="N", help="Keep so many dimensions, where the space allows."
)
@click.option(
    "--dtype",
    type=click.Choice([one.value for one in DType]),
    default="float32",
    help="The element type. [float32]",
)
@click.option("--labels", is_flag=True, help="Show the classes that the model recognises.")
@click.option("--truncate", is_flag=True, help="Cut what is too long, rather than fail.")
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keep the vectors as a NumPy file.",
)
@connected
def encode(
    client: Client,
    output: Output,
    texts: tuple[str, ...],
    space: str,
    files: tuple[Path, ...],
    width: int | None,
    dtype: str,
    labels: bool,
    truncate: bool,
    target: Path | None,
) -> None:
    """Turn texts or files into vectors.

    "-" reads a text from each line of standard input.
    """
    inputs: list[Any] = []
    for one in texts:
        if one == "-":
            inputs += [line for line in sys.stdin.read().splitlines() if line.strip()]
        else:
            inputs.append(one)
    inputs += files
    if not inputs:
        raise click.UsageError('Say what to encode: texts, --file, or "-" for the lines of standard input.')
    kinds = ["dense", "labels"] if labels else ["dense"]
    result = client.encode(inputs, space=space, width=width, dtype=dtype, kinds=kinds, truncate=truncate)
    if target is not None:
        with target.open("wb") as file:
            np.save(file, result.codes)
    if output.json:
        output.document(_record(result))
    elif target is not None:
        output.note(
            f"wrote {result.codes.shape[0]} × {result.codes.shape[1]} {result.codes.dtype} to {target}"
        )
    else:
        _show(inputs, result, output)
    if result.errors:
        raise click.exceptions.Exit(1)


def _show(inputs: list[Any], result: Encodings, output: Output) -> None:
    for given, outcome in zip(inputs, result.outcomes, strict=True):
        name = str(given) if len(str(given)) <= 60 else str(given)[:59] + "…"
        if not isinstance(outcome, Encoding):
            output.note(f"{name}: {outcome}", style="red")
            continue
        if not output.terminal:
            vector: Any = outcome.vector.decoded() if outcome.vector else []
            click.echo("\t".join([name.replace("\t", " "), *(f"{one:.7g}" for one in vector)]))
            continue
        text = Text(name, style="bold")
        if outcome.vector is not None:
            values = outcome.vector.decoded()
            numbers = "  ".join(f"{one:+.3f}" for one in values[:SHOWN])
            text.append(f"\n  {numbers}{'  …' if len(values) > SHOWN else ''}", style="cyan")
            text.append(f"   {len(values)} × {outcome.vector.dtype}, {outcome.space}", style="dim")
        text.append(f"   {outcome.token_count} tokens", style="dim")
        if outcome.truncated_tokens:
            text.append(f"   {outcome.truncated_tokens} cut off", style="yellow")
        for label in outcome.labels[:5]:
            text.append(f"\n  {label.probability:>4.0%}  {label.name}")
        output.show(text)


def _record(result: Encodings) -> dict[str, Any]:
    return {
        "space": result.space,
        "vectors": [
            one.vector.decoded() if isinstance(one, Encoding) and one.vector is not None else None
            for one in result.outcomes
        ],
        "labels": [one.labels if isinstance(one, Encoding) else None for one in result.outcomes],
        "tokens": [one.token_count if isinstance(one, Encoding) else None for one in result.outcomes],
        "truncated": [one.truncated_tokens if isinstance(one, Encoding) else None for one in result.outcomes],
        "errors": result.errors,
        "timing": result.timing,
        "cost": result.cost,
        "call": result.call,
    }
