"""`tieback doctor`: checks the requirements of a server, and a running server; names remedies.

It must also run with a broken installation. So each check imports what it needs itself, and any error that it
raises is its finding.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import click
from rich.text import Text
from tieback_client.cli.output import SafeConsole
from tieback_client.cli.parameters import AS_JSON, FILE, declared, option
from tieback_client.installing import how_to_install

from tieback.serving.commands import checks
from tieback.serving.commands.checks import Finding, State

MARKS = {
    State.GOOD: ("✓", "green"),
    State.WARNING: ("!", "yellow"),
    State.BAD: ("✗", "bold red"),
    State.SKIPPED: ("·", "dim"),
}


@click.command()
@declared
def doctor(
    server: str | None = option("The server to check. [TIEBACK_SERVER]", "ADDRESS", envvar="TIEBACK_SERVER"),
    token: str | None = option("Bearer token. [TIEBACK_TOKEN]", "TOKEN", envvar="TIEBACK_TOKEN"),
    ca: Path | None = option("Trusted certificate authorities, PEM.", type=FILE),
    as_json: bool = AS_JSON,
) -> None:
    """Check the installation, the models, the ports and the server.

    Says what to do for each fault. The exit code is 1 if there is one.
    """
    findings: list[Finding] = []
    console = SafeConsole()
    for finding in _examined(
        checks.python,
        checks.packages,
        checks.settings,
        checks.runtime,
        checks.models,
        checks.endpoint,
        checks.joint_space,
        checks.store,
        checks.machine,
        lambda: checks.server(server, token=token, ca=ca),
    ):
        findings.append(finding)
        if not as_json:
            console.print(_line(finding), soft_wrap=not sys.stdout.isatty())
    faults = [one for one in findings if one.state is State.BAD]
    if as_json:
        click.echo(json.dumps({"ok": not faults, "checks": [asdict(one) for one in findings]}, indent=2))
    else:
        number = f"{len(faults)} fault{'s' * (len(faults) != 1)}" if faults else "no faults"
        console.print(Text(f"\n{number}", style="bold red" if faults else "bold green"))
    if faults:
        raise click.exceptions.Exit(1)


def _examined(*examinations: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    for examine in examinations:
        try:
            for finding in examine():
                yield finding
                if finding.name == checks.SETTINGS:
                    return  # no other check can read them either
        except ImportError as error:
            name = getattr(examine, "__name__", "server").replace("_", " ")
            missing = f"the package {error.name or error} is missing"
            yield Finding(name, State.BAD, missing, how_to_install())


def _line(finding: Finding) -> Text:
    mark, style = MARKS[finding.state]
    text = Text.assemble((mark, style), "  ", (f"{finding.name:<14}", "bold"), finding.found)
    if finding.advice:
        text.append(f"\n   {'':<14}→ {finding.advice}", style="yellow")
    return text
