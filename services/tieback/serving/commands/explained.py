"""How a command ends that cannot do what it was asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from tieback.core.errors import TiebackError


@contextmanager
def explained() -> Iterator[None]:
    """Errors of ours end the command with their message and exit code 1, without a traceback."""
    try:
        yield
    except TiebackError as error:
        raise click.ClickException(error.message) from error
