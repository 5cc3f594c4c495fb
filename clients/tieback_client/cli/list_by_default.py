"""A group of commands that lists where none is named."""

from __future__ import annotations

import click


class ListByDefault(click.Group):
    """Takes the options of its command "list", and what else stands there, where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts "list" where a command is missing; shows the help of the group where that is asked for."""
        if not args or args[0].startswith("-"):
            asked = [one for one in args if one in ctx.help_option_names]
            args = asked[:1] or ["list", *args]
        return super().parse_args(ctx, args)
