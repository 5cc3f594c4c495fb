"""Options that stand before the command they belong to: ``tieback --server ADDRESS collections list``."""

from __future__ import annotations

from collections.abc import Sequence

import click

# As `connection` declares them, which is loaded with the command and not before.
WITH_VALUE = frozenset({"--server", "--token", "--ca", "--certificate", "--key", "--timeout"})
FLAGS = frozenset({"--tls", "--json"})


def behind_the_command(group: click.Group, ctx: click.Context, args: Sequence[str]) -> list[str]:
    """The arguments, with such options behind the names of the command and of its own command, if it has one.

    They stand before the command's own options, which therefore count where both are given.
    """
    count = _leading(args)
    leading, rest = list(args[:count]), list(args[count:])
    if not leading:
        return rest
    names = 0
    inner: click.Command | None = group
    while isinstance(inner, click.Group) and names < len(rest) and not rest[names].startswith("-"):
        inner = inner.get_command(ctx, rest[names])
        names += 1
    # Without a command they have no meaning, and --help or the list of commands is shown.
    return [*rest[:names], *leading, *rest[names:]] if names else rest


def _leading(args: Sequence[str]) -> int:
    """How many arguments such options are at the head."""
    count = 0
    while count < len(args):
        name, equals, _ = args[count].partition("=")
        if name in WITH_VALUE:
            count += 1 if equals else 2
        elif args[count] in FLAGS:
            count += 1
        else:
            break
    return min(count, len(args))
