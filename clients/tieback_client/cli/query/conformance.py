"""`tieback conformance`: tries a server, or another program, by cases of texts to check."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import click
from rich.text import Text

from tieback_client.checked_text.conformance import Case, cases
from tieback_client.cli.connection import command, connection
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import argument
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line
from tieback_client.errors import FailedPrecondition
from tieback_client.installing import how_to_install

SHOWN = 10
"""Differences of a case that are shown."""


@command(
    context_settings={"ignore_unknown_options": True},
    epilog="""\b
Examples:
  tieback conformance                      the server
  tieback conformance -- ./my-checker      a program of yours

\b
A program is started once for each case. It reads the case's input as JSON from its standard input, in the
form of POST /v1/check, and writes the checked text as JSON to its standard output. docs/grounding.md has
the form.

The exit code is 1 where a case fails.
""",
)
def conformance(
    client: Client,
    output: Output,
    program: tuple[str, ...] = argument(type=click.UNPROCESSED),
) -> None:
    """Try a checker of claims by cases of checked texts."""
    if find_spec("jsonschema") is None:
        raise FailedPrecondition(f"the package jsonschema is missing: {how_to_install('conformance')}")
    check = _by_program(program) if program else _by_server(client)
    failed = 0
    for case in cases():
        faults = _faults(case, check)
        failed += bool(faults)
        _told(output, case, faults)
    if not output.json:
        output.show(Text(f"\n{len(cases()) - failed} of {len(cases())} cases pass"))
    if failed:
        raise click.exceptions.Exit(1)


def _by_server(client: Client) -> Callable[[Case], Any]:
    def check(case: Case) -> Any:
        asked = case.check
        return client.check(asked.text, asked.evidence, claims=asked.claims, question=asked.question).document

    return check


def _by_program(program: Sequence[str]) -> Callable[[Case], Any]:
    seconds = connection().timeout

    def check(case: Case) -> Any:
        # What the caller names is what is run, and nothing reads a shell's words.
        ran = subprocess.run(  # noqa: S603
            program,
            input=json.dumps(case.input, ensure_ascii=False).encode(),
            stdout=subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
        if ran.returncode:
            raise ValueError(f"the program ended with the code {ran.returncode}")
        return json.loads(ran.stdout)

    return check


def _faults(case: Case, check: Callable[[Case], Any]) -> list[str]:
    try:
        return case.faults(check(case))
    except ValueError as error:
        return [f"no document: {error}"]
    except subprocess.TimeoutExpired as error:
        return [f"no document: the program took more than {error.timeout:g} s"]


def _told(output: Output, case: Case, faults: Sequence[str]) -> None:
    if output.json:
        output.document({"case": case.name, "says": case.says, "passes": not faults, "faults": faults})
        return
    sign, style = ("✗", "red") if faults else ("✓", "green")
    output.show(Text.assemble((sign, style), f" {case.name}  {case.says}"))
    for one in faults[:SHOWN]:
        output.show(Text(f"    {in_a_line(one)}", style="dim"))
    if len(faults) > SHOWN:
        output.show(Text(f"    and {len(faults) - SHOWN} more", style="dim"))
