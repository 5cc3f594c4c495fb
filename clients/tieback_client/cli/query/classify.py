"""`tieback classify`: the labels of texts, or of their parts, by a classifier of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from tieback_client.cli.connection import command
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import FILE, option
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line
from tieback_client.errors import TiebackError
from tieback_client.values.content import content_of


@command(
    epilog="""\b
Examples:
  tieback classify "the parcel never came" --model my-tickets
  tieback classify --file letter.txt --model my-tickets --top 3 --truncate
  tieback classify "the owl flies at night" --second "owls sleep by day" --model my-nli
  tieback classify "Ada Lovelace lived in London" --model my-names

\b
The exit code is 1 where a text fails; the others are classified.
"""
)
def classify(
    client: Client,
    output: Output,
    texts: tuple[str, ...],
    model: str = option("The classifier. [the only one that is served]", "NAME"),
    files: tuple[Path, ...] = option("A text file.", "FILE", flags="--file", type=FILE),
    top: int | None = option("Show the N best labels. [all]", "N", least=1),
    truncate: bool = option("Cut off the end of a text that is longer than the model reads."),
    second: str = option("The second text of pairs, of which each text is the first.", "TEXT"),
    raw_scores: bool = option("Show logits in place of probabilities."),
) -> None:
    """Label texts, or their parts, by your own classifier."""
    if not texts and not files:
        raise click.UsageError("Give what is to be classified: texts or --file.")
    names = [*texts, *map(str, files)]
    contents: list[Any] = [*texts, *(content_of(path) for path in files)]
    found = client.classify(
        [(one, second) for one in contents] if second else contents,
        model=model,
        top=top or 0,
        truncate=truncate,
        raw_scores=raw_scores,
    )
    kind = "spans" if found.problem == "tokens" else "labels"
    if output.json:
        results = [
            {"text": name} | ({"error": one} if isinstance(one, TiebackError) else {kind: getattr(one, kind)})
            for name, one in zip(names, found.outcomes, strict=True)
        ]
        output.document({"model": model, "problem": found.problem, "results": results})
    else:
        rows: list[list[Any]] = []
        for name, one in zip(names, found.outcomes, strict=True):
            if isinstance(one, TiebackError):
                output.note(f"{in_a_line(name)}: {one.message}", style="red")
                continue
            rows += [[name, Text(label.name), f"{label.score:.3f}"] for label in one.labels]
            rows += [[span.text, Text(span.name), f"{span.score:.3f}"] for span in one.spans]
        output.table(["text", "label", "score"], rows, right=(2,))
    if any(isinstance(one, TiebackError) for one in found.outcomes):
        raise click.exceptions.Exit(1)
