"""`tieback upgrade`: moves a collection to another space."""

from __future__ import annotations

import click

from tieback_client.cli.upgrade_plan import plan


@click.group()
def upgrade() -> None:
    """Prepare to move a collection to another space."""


upgrade.add_command(plan)
