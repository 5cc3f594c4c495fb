"""A command's parameters are declared once, by its function."""

from __future__ import annotations

import enum
from typing import Any

import click
from click.testing import CliRunner
from tieback_client.cli.parameters import declared, group, option


class Colour(enum.Enum):
    RED = "red"


def _place(
    row: int = option("", default=1, least=1), column: int | None = option("")
) -> tuple[int, int | None]:
    return row, column


PLACE: Any = group(_place)
SAID: list[object] = []


@click.command()
@declared
def paint(
    names: tuple[str, ...],
    colour: Colour = option("", default=Colour.RED),
    place: Any = PLACE,
    wet: bool = option(""),
) -> None:
    SAID[:] = [names, colour, place, wet]


def test_a_command_gets_members_of_enums_and_the_values_that_groups_make() -> None:
    result = CliRunner().invoke(paint, ["a", "b", "--colour", "red", "--row", "3", "--wet"])

    assert result.exit_code == 0, result.output
    assert SAID == [("a", "b"), Colour.RED, (3, None), True]


def test_a_value_that_no_member_has_is_refused_with_the_choices() -> None:
    result = CliRunner().invoke(paint, ["--colour", "blue"])

    assert result.exit_code == 2
    assert "'blue' is not 'red'" in result.output
