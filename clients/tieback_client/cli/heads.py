"""`tieback heads`: fit, list, show and delete heads, and classify by them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text
from tieback_contract.heads import Head

from tieback_client.cli.collections.following import follow, tell_started
from tieback_client.cli.connection import ListByDefault, command, parse_method
from tieback_client.cli.output import NOT_DELETED, Output, minute
from tieback_client.cli.parameters import EXISTING, FILE, option
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line
from tieback_client.errors import TiebackError
from tieback_client.values.content import Content, content_of, modality_of_path
from tieback_client.values.content import Text as TextContent
from tieback_client.values.heads import Predictions

Examples = list[tuple[Content, str]]
"""Contents, each with the name of its class."""


def read_examples(path: Path, option: str) -> Examples:
    """The examples of a folder, whose folders are classes, or of a file with a JSON object on each line.

    A usage error names the line where the object is another; `InvalidArgument` the file that cannot be read.
    """
    found = _of_folder(path) if path.is_dir() else _of_lines(path, option)
    if not found:
        raise click.BadParameter(f"{path} holds no example", param_hint=option)
    return found


def _of_folder(folder: Path) -> Examples:
    return [
        (content_of(path), of_class.name)
        for of_class in sorted(folder.iterdir())
        if of_class.is_dir() and not of_class.name.startswith(".")
        for path in sorted(of_class.iterdir())
        if path.is_file() and not path.name.startswith(".")
    ]


def _of_lines(path: Path, option: str) -> Examples:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path} cannot be read as UTF-8: {error}", param_hint=option) from None
    return [
        _of_line(line, path.parent, f"{path}, line {number}", option)
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]


def _of_line(line: str, folder: Path, place: str, option: str) -> tuple[Content, str]:
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    is_good = isinstance(said, dict) and isinstance(said.get("label"), str)
    match said if is_good else None:
        case {"text": str(text)}:
            return TextContent(text), said["label"]
        case {"file": str(name)}:
            return content_of(folder / name), said["label"]
    raise click.BadParameter(
        f'{place}: it takes a JSON object with "label", and "text" or "file"', param_hint=option
    )


@click.group(cls=ListByDefault)
def heads() -> None:
    """Fit heads on a few labelled examples, and classify by them.

    A head is a small classifier over the vectors of a space. Without a command, lists them.
    """


@command("list", of=heads)
def list_(client: Client, output: Output) -> None:
    """List the heads, the last version of each."""
    found = client.heads()
    output.listed(
        found,
        ["head", "version", "classes", "examples", "accuracy", "space", "method", "fitted"],
        _row,
        right=(1, 2, 3, 4),
        none="There is no head yet; `tieback heads fit NAME --examples FOLDER` fits one.",
    )
    for one in found:
        if one.stale:
            output.note(f"{one.name}: {one.stale}")


def _row(one: Head) -> list[Any]:
    counts = [one.version, one.class_count, one.example_count, f"{one.accuracy:.3f}"]
    return [one.name, *counts, one.space.name, one.method, minute(one.created)]


@command(
    "fit",
    of=heads,
    epilog="""\b
Examples:
  tieback heads fit pets --space efficientnet-lite0 --examples photos   photos/cat/1.jpg, photos/dog/7.jpg
  tieback heads fit topics --space all-minilm-l6-v2 --examples topics.jsonl
  tieback heads fit topics --examples few.jsonl --method memory --memory many.jsonl

\b
Of a folder, its folders are the classes, and their files the examples. A line of a file is a JSON object with
"label", and "text" or "file", a path beside that file. Two classes with two examples each are the least. The
examples are encoded, a head is learned from them, and its accuracy is measured by cross-validation. Fitting a
name again makes its next version.
""",
)
def fit(
    client: Client,
    output: Output,
    name: str,
    examples: Path = option("A folder, or a file of JSON lines.", "PATH", type=EXISTING, required=True),
    space: str = option("The space; see `tieback spaces`. [the default one]", "SPACE"),
    method: str | None = option("A method of docs/methods.md#heads. [logistic]", "NAME"),
    parameter: tuple[str, ...] = option("A parameter of the method.", "NAME=VALUE"),
    memory: Path | None = option("What the method memory looks at, as --examples.", "PATH", type=EXISTING),
    detach: bool = option("Start it and return; `tieback operations` follows it."),
) -> None:
    """Fit a head on labelled examples."""
    operation = client.fit_head(
        name,
        read_examples(examples, "--examples"),
        space=space,
        method=parse_method(method, parameter, "--method", "--parameter"),
        memory=() if memory is None else read_examples(memory, "--memory"),
    )
    if detach:
        tell_started(output, operation)
        return
    follow(output, operation)
    output.described(result := operation.result(), facts_of(result))


@command("show", of=heads)
def show(
    client: Client,
    output: Output,
    name: str,
    version: int | None = option("The version. [the last one]", "N", least=1),
) -> None:
    """Show a head with its classes."""
    output.described(found := client.head(name, version=version or 0), facts_of(found))


@command(
    "predict",
    of=heads,
    epilog="""\b
Examples:
  tieback heads predict topics "the moon pulls the sea"
  tieback heads predict pets --file a.jpg --file b.jpg --top 3
""",
)
def predict(
    client: Client,
    output: Output,
    name: str,
    texts: tuple[str, ...],
    files: tuple[Path, ...] = option("A photo, sound or text file.", "FILE", flags="--file", type=FILE),
    top: int = option("Show the N likeliest classes. [1]", "N", least=1, default=1),
    version: int | None = option("The version. [the last one]", "N", least=1),
) -> None:
    """Classify texts or files."""
    if not texts and not files:
        raise click.UsageError("Give what is to be classified: texts or --file.")
    for one in texts:
        # os.path takes a text of any length and content.
        if modality_of_path(Path(one)) is not None and os.path.isfile(one):  # noqa: PTH113
            output.note(f"{in_a_line(one)} is classified as text; to classify the file, use --file")
    names = [*texts, *map(str, files)]
    found = client.predict(
        name, [*texts, *(content_of(path) for path in files)], top=top, version=version or 0
    )
    if output.json:
        output.document(_record(name, names, found))
    else:
        _tell(output, names, found)
    if any(isinstance(one, TiebackError) for one in found.outcomes):
        raise click.exceptions.Exit(1)


@command("delete", of=heads)
def delete(
    client: Client,
    output: Output,
    name: str,
    yes: bool = option("Do not ask for confirmation."),
) -> None:
    """Delete a head with all its versions."""
    found = client.head(name)
    output.agree(yes, f"Delete {name} with its {len(found.versions)} versions?", NOT_DELETED)
    client.delete_head(name)
    output.told({"deleted": name, "versions": found.versions}, f"deleted {name}")


def facts_of(head: Head) -> dict[str, str]:
    """What a head is and what it is worth, in words."""
    parameters = ", ".join(f"{key}={value}" for key, value in head.parameters.items())
    facts = {
        "head": f"{head.name}, version {head.version}",
        "space": str(head.space),
        "method": f"{head.method} ({parameters})",
        "accuracy": f"{head.accuracy:.3f}, by cross-validation of {head.example_count} examples",
        "classes": ", ".join(f"{label} ({count})" for label, count in head.classes.items()),
        "memory": f"{head.memory_count} vectors" if head.memory_count else "",
        "fitted": minute(head.created),
        "artifact": head.artifact,
        "versions": ", ".join(map(str, head.versions)),
        "stale": head.stale,
    }
    return {key: value for key, value in facts.items() if value}


def _tell(output: Output, names: Sequence[str], found: Predictions) -> None:
    rows: list[list[Any]] = []
    for name, one in zip(names, found.outcomes, strict=True):
        if isinstance(one, TiebackError):
            output.note(f"{in_a_line(name)}: {one.message}", style="red")
            continue
        rows += [[name, Text(label.name), f"{label.probability:.3f}"] for label in one.labels]
    output.table(["content", "class", "probability"], rows, right=(2,))


def _record(head: str, names: Sequence[str], found: Predictions) -> dict[str, Any]:
    results = [
        {"content": name, "error": one}
        if isinstance(one, TiebackError)
        else {"content": name, "labels": one.labels, "memory_share": one.memory_share}
        for name, one in zip(names, found.outcomes, strict=True)
    ]
    return {"head": head, "version": found.version, "results": results, "timing": found.timing}
