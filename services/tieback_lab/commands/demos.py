"""`tieback demos`: put, list and delete what shows a language model how to answer."""

from __future__ import annotations

from typing import Any

import click
from tieback_client.cli.connection import ListByDefault, command
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import option
from tieback_client.control_characters import in_a_line

from tieback_lab.client import Client
from tieback_lab.contract.demonstrations import Demonstration, StoredDemonstration


@click.group(cls=ListByDefault)
def demos() -> None:
    """Keep answered questions that show the model how to answer.

    `tieback ask --soft-prompt` has the model read them. Without a command, lists them.
    """


@command("list", of=demos, kind=Client)
def list_(client: Client, output: Output) -> None:
    """List the demonstrations."""
    output.listed(
        client.demonstrations(),
        ["id", "tokens", "of its passage", "question", "answer"],
        _row,
        right=(1, 2),
        none="There is no demonstration yet; `tieback demos put ID` keeps one.",
    )


def _row(one: StoredDemonstration) -> list[Any]:
    kept = one.demonstration
    return [kept.id, one.tokens, one.passage_tokens, in_a_line(kept.question), in_a_line(kept.answer)]


@command(
    "put",
    of=demos,
    kind=Client,
    epilog="""\b
Example:
  tieback demos put hours --passage "It opens at 9." --question "When does it open?" --answer "At 9."
  tieback ask "When does it close?" --soft-prompt aim --soft-set 'demonstrations=["hours"]'
""",
)
def put(
    client: Client,
    output: Output,
    id: str,
    passage: str = option("What is answered from.", "TEXT", required=True),
    question: str = option("The question.", "TEXT", required=True),
    answer: str = option("Its answer, as answers are to be.", "TEXT", required=True),
) -> None:
    """Keep a demonstration, in place of one of the same id."""
    stored = client.put_demonstration(Demonstration(id, passage, question, answer))
    output.told(
        stored,
        f"kept {id}: {stored.tokens} virtual tokens; the {stored.passage_tokens} of its passage are not "
        "read again",
    )


@command("delete", of=demos, kind=Client)
def delete(client: Client, output: Output, id: str) -> None:
    """Delete a demonstration."""
    client.delete_demonstration(id)
    output.told({"deleted": id}, f"deleted {id}")
