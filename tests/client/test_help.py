"""The help of every command reads as it was meant."""

from __future__ import annotations

from collections.abc import Iterator

import click
from click.testing import CliRunner
from tieback_client.cli import app

REMAINS = ("\\b", "\b", "\\n", "``", "[as served]", "None]")


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of all commands and groups, down to the last one."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        yield (*words, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*words, name))


def test_no_help_has_remains_of_its_markup() -> None:
    found = [(), *commands(app.tieback)]
    assert ("serve",) in found
    assert len(found) > 60

    for words in found:
        told = CliRunner().invoke(app.tieback, [*words, "--help"])

        assert told.exit_code == 0, words
        assert [one for one in REMAINS if one in told.output] == [], words
        assert "Usage:" in told.output
