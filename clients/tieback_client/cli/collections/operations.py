"""`tieback operations`: list, show, wait for, cancel and delete operations."""

from __future__ import annotations

from typing import Any

import click
from rich.text import Text
from tieback_contract.heads import Head
from tieback_contract.operations import OperationState

from tieback_client.cli import heads
from tieback_client.cli.collections.following import follow
from tieback_client.cli.collections.upgrade_plan import tell
from tieback_client.cli.connection import ListByDefault, command
from tieback_client.cli.index.indexed import quoted
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import option
from tieback_client.client import Client
from tieback_client.shown.durations import duration
from tieback_client.values.operations import OperationStatus
from tieback_client.values.upgrades import UpgradePlan
from tieback_client.values.writes import ReindexResult

_CANCEL_SECONDS = 10.0
_STYLES = {
    OperationState.RUNNING: "cyan",
    OperationState.SUCCEEDED: "green",
    OperationState.FAILED: "bold red",
    OperationState.CANCELLED: "yellow",
}


@click.group(cls=ListByDefault)
def operations() -> None:
    """List, follow and cancel operations.

    An operation is work of minutes or hours on the server, for instance a reindex or an upgrade. Without a
    command, lists them.
    """


@command("list", of=operations)
def list_(
    client: Client,
    output: Output,
    active: bool = option("Only those that have not ended."),
    kind: str | None = option("Only those of this kind, e.g. reindex.", "KIND"),
    collection: str | None = option("Only those that work on this collection.", "NAME"),
) -> None:
    """List the operations, the newest first."""
    wanted = {"kind": kind, "collection": collection}
    terms = ["NOT done"] if active else []
    terms += [f"{field} = {quoted(value)}" for field, value in wanted.items() if value is not None]
    output.listed(
        list(client.operations(filter=" AND ".join(terms))),
        ["operation", "kind", "of", "started", "done", "state"],
        lambda one: [one.id, one.kind, one.subject, _second(one), _done(one), _state(one)],
        right=(4,),
        none="No operation is one of these."
        if terms
        else "There is no operation; `tieback reindex` and `tieback upgrade plan` start one.",
    )


@command("show", of=operations)
def show(client: Client, output: Output, id: str) -> None:
    """Show the state of an operation."""
    _show(output, client.operation(id).status)


@command("wait", of=operations)
def wait(client: Client, output: Output, id: str) -> None:
    """Follow an operation until it has ended.

    The exit code is 1 if it did not succeed. Ctrl-C leaves it running.
    """
    status = follow(output, client.operation(id))
    _show(output, status)
    if status.state is not OperationState.SUCCEEDED:
        raise click.exceptions.Exit(1)


@command("cancel", of=operations)
def cancel(client: Client, output: Output, id: str) -> None:
    """Cancel an operation.

    A cancelled reindex or upgrade leaves the collection unchanged; what was made so far is removed.
    """
    client.cancel_operation(id)
    _show(output, client.wait_operation(id, seconds=_CANCEL_SECONDS))


@command("delete", of=operations)
def delete(client: Client, output: Output, id: str) -> None:
    """Delete the record of an operation that has ended."""
    client.delete_operation(id)
    output.told({"deleted": id}, f"deleted {id}")


def _show(output: Output, status: OperationStatus[Any]) -> None:
    facts = {
        "operation": status.id,
        "kind": status.kind,
        "of": status.subject,
        "state": _state(status),
        "done": _done(status),
        "left": "" if status.remaining is None else f"about {duration(status.remaining)}",
        "waiting": status.trouble,
        "started": _second(status),
        "ended": f"{status.ended:%Y-%m-%d %H:%M:%S}" if status.ended else "",
        "error": "" if status.error is None else status.error.message,
    }
    if isinstance(status.result, ReindexResult) and not status.result.finished:
        facts["left out"] = f"{status.result.failure_count} items cannot be encoded again; nothing changed"
    if isinstance(status.result, Head):
        facts |= heads.facts_of(status.result)
    output.described(status, facts)
    if isinstance(status.result, UpgradePlan) and not output.json:
        output.show("")
        tell(output, status.subject, status.result)


def _state(status: OperationStatus[Any]) -> Text:
    if status.cancelling:
        return Text("cancelling", style="yellow")
    return Text(status.state.value, style=_STYLES.get(status.state, ""))


def _done(status: OperationStatus[Any]) -> str:
    return f"{status.done}/{status.total}" if status.total else ""


def _second(status: OperationStatus[Any]) -> str:
    return f"{status.created:%Y-%m-%d %H:%M:%S}" if status.created else ""
