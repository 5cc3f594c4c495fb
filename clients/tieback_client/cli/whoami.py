"""`tieback whoami`: the tenant of the token, its role, its use of the quota."""

from __future__ import annotations

import click
from rich.text import Text

from tieback_client.cli.connection import Command, connected
from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.tenants import Usage


@click.command(cls=Command)
@connected
def whoami(client: Client, output: Output) -> None:
    """Show the token's tenant and role, and its use of the quota."""
    usage = client.usage()
    if output.json:
        output.document(usage)
        return
    role = Text(usage.role.value if usage.role is not None else "unknown", style="cyan")
    if usage.tenant:
        output.show(Text.assemble((usage.tenant, "bold"), "  role ", role))
    else:
        output.show("The server needs no token; everyone has all permissions.")
    output.table(["", "used", "quota"], _rows(usage), right=(1, 2))
    if usage.shared:
        output.table(["shared by others", "role"], [[name, one.value] for name, one in usage.shared.items()])


def _rows(usage: Usage) -> list[list[str]]:
    quota = usage.quota
    return [
        ["collections", f"{usage.collection_count:,}", _limit(quota.collection_count)],
        ["items", f"{usage.item_count:,}", _limit(quota.item_count)],
        ["bytes", f"{usage.byte_count:,}", _limit(quota.byte_count)],
        ["tokens per second and replica", "", _limit(quota.tokens_per_second)],
    ]


def _limit(number: float | None) -> str:
    return "none" if number is None else f"{number:,}"
