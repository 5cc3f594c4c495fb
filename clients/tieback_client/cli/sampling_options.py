"""Options of how an answer's tokens are chosen, for commands that have one written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from tieback_contract.generation import SamplingParameters

from tieback_client.cli.connection import parse_method

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--max-tokens", type=click.IntRange(1), metavar="N", help="Generate at most N tokens."),
    click.option(
        "--temperature",
        type=click.FloatRange(0, 2),
        default=0.0,
        metavar="T",
        help="Sampling temperature; 0 is repeatable. [0]",
    ),
    click.option("--top-p", type=click.FloatRange(0, 1), default=0.0, metavar="P", help="Nucleus sampling."),
    click.option("--top-k", type=click.IntRange(0), default=0, metavar="K", help="Sample among K tokens."),
    click.option(
        "--min-p",
        type=click.FloatRange(0, 1),
        default=0.0,
        metavar="P",
        help="Sample among tokens at least P times as probable as the likeliest.",
    ),
    click.option(
        "--repetition-penalty",
        type=click.FloatRange(0, 2),
        default=0.0,
        metavar="X",
        help="Above 1, tokens that are there already become less likely.",
    ),
    click.option("--seed", type=click.IntRange(0), metavar="N", help="Makes sampling repeatable."),
    click.option("--stop", multiple=True, metavar="TEXT", help="End before TEXT; may be repeated."),
    click.option(
        "--json-schema",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write JSON that is valid under the schema in FILE.",
    ),
    click.option("--regex", default="", metavar="REGEX", help="Write text that matches REGEX as a whole."),
    click.option(
        "--strategy", metavar="METHOD", help="The decoding strategy; `tieback methods` lists them. [plain]"
    ),
    click.option(
        "--set",
        "parameters",
        metavar="NAME=VALUE",
        multiple=True,
        help="A parameter of the strategy; may be repeated.",
    ),
    click.option("--twin", is_flag=True, help="Also show what plain decoding writes, without the strategy."),
)


def sampling_options(command: F) -> F:
    """Adds the options; the command hands their values to `sampling_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def sampling_of(
    *,
    max_tokens: int | None,
    strategy: str | None,
    parameters: tuple[str, ...],
    json_schema: Path | None,
    **values: Any,
) -> SamplingParameters:
    """What the options say."""
    return SamplingParameters(
        max_tokens=max_tokens or 0,
        strategy=parse_method(strategy, parameters, "--strategy", "--set"),
        json_schema=None if json_schema is None else json_schema.read_text(encoding="utf-8"),
        **values,
    )
