"""`tieback encode`: vectors in a terminal, in a pipe, or in a NumPy file."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import Progress, TimeRemainingColumn
from tieback_contract.encodings import Encoding, EncodingSource
from tieback_contract.vectors import DType, VectorKind

from tieback_client.cli.connection import command
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import FILE, TARGET, option
from tieback_client.cli.query import lines
from tieback_client.cli.query.lines import SOURCES, TerminalWriter, short
from tieback_client.cli.query.options import FEATURES, features_of
from tieback_client.client import Client
from tieback_client.values.content import Features, modality_of_path
from tieback_client.values.encodings import Encodings

LISTED = 20  # failures of a file that are told one by one


class Kinds(click.ParamType[tuple[str, ...]]):
    """Names of kinds, with commas between them."""

    name = "kinds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names, each once. Usage error, with the choices, for one that there is not."""
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",")))
        for name in names:
            if name not in list(VectorKind):
                self.fail(f"{name!r} is not a kind; the kinds are {', '.join(VectorKind)}", param, ctx)
        return names


class _SpaceName(click.types.StringParamType):
    """The name of a space. Without one, the error names where to find it."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's signature
        """What follows "Missing option '--space'."."""
        return "`tieback spaces` lists them."


@command(
    epilog="""\b
Examples:
  tieback encode "a cat" "a dog" --space all-minilm-l6-v2
  tieback encode --file photo.jpg --space efficientnet-lite0 --labels
  tieback encode "a cat on a sofa" --space splade-tiny --kinds sparse
  tieback encode --lines corpus.txt --space wordllama-256 -o corpus.npy
  tieback encode --feature genre=jazz --feature genre=blues --feature decade=1960s --space records
  generate | tieback encode --lines - --space wordllama-256 --json | gzip > vectors.jsonl.gz

\b
A file of --lines has one text per line, or one JSON value per line: a string, or an object with "text" or
"features" and optionally "id". It may have any length: it is read, encoded and written piece by piece, in
one call. Row N of the array is line N. A blank or refused line becomes a row of NaN (0 in whole numbers), is
reported on standard error, and makes the exit code 1.
"""
)
def encode(
    client: Client,
    output: Output,
    texts: tuple[str, ...],
    space: str = option("The space; `tieback spaces` lists them.", "NAME", type=_SpaceName(), required=True),
    files: tuple[Path, ...] = option("A photo, sound or text file.", "FILE", flags="--file", type=FILE),
    features: tuple[str, ...] = FEATURES,
    source: Path | None = option(
        'A file of many texts, one a line; "-" for standard input.',
        "FILE",
        flags="--lines",
        type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    ),
    width: int | None = option("Keep the first N dimensions, if the space offers it.", "N", least=1),
    layer: int | None = option("Use the states of layer N, if the space offers it.", "N", least=1),
    earliest_layer: int | None = option(
        "Allow to end at layer N or later where --timeout is near, if the space was trained for it.",
        "N",
        least=1,
    ),
    reduction: str | None = option("Merge tokens inside the model, if the space offers it.", "METHOD"),
    ratio: float | None = option("The share of tokens that a --reduction keeps.", "R", least=0, most=1),
    dtype: DType = option("The element type. [float32]", default=DType.FLOAT32),
    kinds: tuple[str, ...] | None = option(
        "What to compute, if the space offers it: dense, multi_vector, labels, sparse. [dense]",
        "KIND,KIND",
        type=Kinds(),
    ),
    labels: bool = option(
        "Show the classes that the model recognises, with their probabilities, and no vectors; for both, "
        "--kinds dense,labels."
    ),
    truncate: bool = option("Truncate long inputs instead of failing."),
    no_cache: bool = option("Neither read nor write the encoding cache."),
    condition: str = option(
        "Give the vector under a learned condition of the server's, such as colour. [none]", "NAME"
    ),
    adapter: str = option(
        "Use an expert of a merged model; auto has its router choose one, mixed mixes all by its weights. "
        "[the merged weights]",
        "NAME",
    ),
    batch_invariant: bool = option("Give the same bits, independent of other requests; slower."),
    target: Path | None = option(
        "Write the vectors to a NumPy file; with --lines, .jsonl is possible too.",
        "FILE",
        flags="-o --output",
        type=TARGET,
    ),
) -> None:
    """Turn texts or files into vectors.

    "-" reads a text from each line of standard input; for very many, use --lines.
    """
    as_array = target is not None and (source is None or target.suffix != ".jsonl")
    kinds = kinds or (("labels",) if labels and not as_array else ("dense",))
    if as_array and "dense" not in kinds:
        raise click.UsageError("A NumPy file holds dense vectors: add dense to --kinds, or use --json.")
    if ratio is not None and reduction is None:
        raise click.UsageError("--ratio needs --reduction with a method.")
    options: dict[str, Any] = {
        "space": space,
        "width": width,
        "dtype": dtype,
        "truncate": truncate,
        "batch_invariant": batch_invariant,
        "layer": layer,
        "earliest_layer": earliest_layer,
        "condition": condition,
        "adapter": adapter,
        "reduction": reduction if ratio is None else (reduction, {"ratio": ratio}),
        "kinds": [*kinds, "labels"] if labels and "labels" not in kinds else list(kinds),
        "cache": "bypass" if no_cache else "use",
        "terms": "sparse" in kinds,
    }
    if source is not None:
        if texts or files or features:
            raise click.UsageError("--lines cannot be combined with texts, --file or --feature.")
        _encode_lines(client, output, source, target, options)
        return
    inputs: list[Any] = []
    for one in texts:
        if one == "-":
            inputs += [line if line.strip() else "" for line in sys.stdin.read().splitlines()]
        else:
            inputs.append(one)
            # os.path takes a text of any length and content.
            if modality_of_path(Path(one)) is not None and os.path.isfile(one):  # noqa: PTH113
                output.note(f"{one} is encoded as text; to encode the file, use --file {one}")
    inputs += files
    inputs += features_of(features)
    if not inputs:
        raise click.UsageError(
            'Give the inputs: texts, --file, --feature, --lines, or "-" for the lines of standard input.'
        )
    result = client.encode(inputs, **options)
    if target is not None:
        with target.open("wb") as file:
            np.save(file, result.vectors if result.codes.dtype.kind == "f" else result.codes)
    if output.json:
        output.document(_record(result))
    elif target is not None:
        output.note(
            f"wrote {result.codes.shape[0]} × {result.codes.shape[1]} {result.codes.dtype} to {target}"
        )
    else:
        writer = TerminalWriter(output) if output.terminal else lines.TableWriter()
        for given, outcome in zip(inputs, result.outcomes, strict=True):
            writer.write(lines.Line("", _shown(given)), outcome)
    for place, error in result.errors.items():
        output.note(f"{short(_shown(inputs[place])) or f'input {place + 1}'}: {error.message}", style="red")
    if result.errors:
        raise click.exceptions.Exit(1)


def _encode_lines(
    client: Client, output: Output, source: Path, target: Path | None, options: dict[str, Any]
) -> None:
    """Encodes a file while it is read. A line that fails is reported with its number; the others go on."""
    begin = time.monotonic()
    sources: Counter[EncodingSource] = Counter()
    drawn: deque[lines.Line] = deque()
    failed = 0
    with (
        click.open_file(str(source), encoding="utf-8-sig") as file,
        _writer(output, target) as writer,
        _progress(output, target) as progress,
    ):
        task = progress.add_task("", total=None if str(source) == "-" else lines.count(source))

        def contents() -> Iterator[str | Features]:
            for line in lines.read(file):
                drawn.append(line)
                yield line.content

        for outcome in client.encode_stream(contents(), **options):
            line = drawn.popleft()
            writer.write(line, outcome)
            progress.advance(task)
            if isinstance(outcome, Encoding):
                sources[outcome.source] += 1
            else:
                failed += 1
                if failed <= LISTED:
                    output.note(f"{line.name}: {outcome.message}", style="red")
    seconds = time.monotonic() - begin
    done = sources.total()
    if target is not None and output.json:
        output.document(
            {
                "written": str(target),
                "encoded": done,
                "failed": failed,
                "sources": {name.value: number for name, number in sources.items()},
                "seconds": round(seconds, 3),
            }
        )
    else:
        what = f"{writer.shape} to {target}" if isinstance(writer, lines.ArrayWriter) else f"{done:,} vectors"
        parts = [f"{what} in {seconds:.1f} s"]
        parts += [f"{done / seconds:,.0f} a second"] if seconds > 1 else []
        parts += [f"{number:,} {SOURCES[name]}" for name, number in sources.items() if name in SOURCES]
        parts += [f"{failed:,} failed"] if failed else []
        output.note("; ".join(parts))
    if failed:
        raise click.exceptions.Exit(1)


@contextlib.contextmanager
def _writer(output: Output, target: Path | None) -> Iterator[lines.LineWriter]:
    """Where the results are written. A file gets its name when it is complete."""
    if target is None:
        terminal = TerminalWriter(output) if output.terminal else lines.TableWriter()
        yield lines.JsonWriter(sys.stdout) if output.json else terminal
        return
    partial = target.with_name(f"{target.name}.partial")
    try:
        if target.suffix == ".jsonl":
            with partial.open("w", encoding="utf-8") as texts:
                yield lines.JsonWriter(texts)
        else:
            with partial.open("wb") as binary:
                array = lines.ArrayWriter(binary)
                yield array
                array.close()
    except BaseException:
        partial.unlink()
        raise
    partial.replace(target)


def _progress(output: Output, target: Path | None) -> Progress:
    # Where the vectors scroll by on the same terminal, they are the progress.
    shown = not (output.terminal and target is None)
    return output.progress(TimeRemainingColumn(compact=True), is_shown=shown)


def _shown(given: Any) -> str:
    """An input as people gave it."""
    return json.dumps(given.values, ensure_ascii=False) if isinstance(given, Features) else str(given)


# Of each encoding, by what they are called in the record of all.
_RECORDED = {
    **{"sparse": "sparse", "multi_vectors": "multi_vector", "labels": "labels", "tokens": "token_count"},
    **{"sources": "source", "adapters": "adapter", "layers": "layer", "reductions": "reduction"},
    "truncated": "truncated_tokens",
}


def _record(result: Encodings) -> dict[str, Any]:
    return {
        "space": result.space,
        "vectors": [
            one.vector.decoded() if isinstance(one, Encoding) and one.vector is not None else None
            for one in result.outcomes
        ],
        **{
            name: [getattr(one, field) if isinstance(one, Encoding) else None for one in result.outcomes]
            for name, field in _RECORDED.items()
        },
        "errors": result.errors,
        "timing": result.timing,
        "cost": result.cost,
        "call": result.call,
    }
