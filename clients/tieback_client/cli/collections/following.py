"""Follows an operation in a terminal. Ctrl-C ends the following, not the operation."""

from __future__ import annotations

from typing import Any

import click
from rich.progress import TextColumn
from rich.text import Text

from tieback_client.cli.output import Output
from tieback_client.control_characters import in_a_line
from tieback_client.shown.durations import duration
from tieback_client.transport.operation import Operation
from tieback_client.values.operations import OperationStatus, R

_SECONDS = 0.5


def follow(output: Output, operation: Operation[R]) -> OperationStatus[R]:
    """Shows the progress of an operation until it has ended, and returns its end.

    If interrupted, prints how to continue, and exits with 130.
    """
    troubles: set[str] = set()
    try:
        with output.progress(TextColumn("{task.fields[left]}")) as bar:
            task = bar.add_task("", total=None, left="")
            for status in operation.follow(_SECONDS):
                if status.trouble and status.trouble not in troubles:
                    troubles.add(status.trouble)
                    output.note(f"waiting: {status.trouble}")
                left = "" if status.remaining is None else f"about {duration(status.remaining)} left"
                bar.update(task, total=status.total or None, completed=status.done, left=left)
    except KeyboardInterrupt:
        name = in_a_line(operation.id)
        output.note(
            f"{name} goes on. To follow it: tieback operations wait {name}; to cancel it: tieback operations "
            f"cancel {name}"
        )
        raise click.exceptions.Exit(130) from None
    return operation.status


def tell_started(output: Output, operation: Operation[Any]) -> None:
    """Prints the id of an operation that nobody waits for, and how to follow it."""
    if output.json:
        output.document(operation.status)
        return
    output.show(Text(operation.id, style="bold"))
    output.note(
        f"to follow it: tieback operations wait {operation.id}; to cancel it: tieback operations cancel "
        f"{operation.id}"
    )
