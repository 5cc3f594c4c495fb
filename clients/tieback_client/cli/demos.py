"""`tieback demos`: put, list and delete what shows a language model how to answer."""

from __future__ import annotations

import click
from tieback_contract.generation import Demonstration

from tieback_client.cli.connection import Command, ListByDefault, connected
from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line


@click.group(cls=ListByDefault)
def demos() -> None:
    """Keep answered questions that show the model how to answer.

    `tieback ask --demo ID` has the model read them. Without a command, lists them.
    """


@demos.command("list", cls=Command)
@connected
def list_(client: Client, output: Output) -> None:
    """List the demonstrations."""
    found = client.demonstrations()
    if output.json:
        output.document(found)
        return
    if not found and output.terminal:
        output.show("There is no demonstration yet; `tieback demos put ID` keeps one.")
        return
    output.table(
        ["id", "tokens", "of its passage", "question", "answer"],
        [
            [
                one.demonstration.id,
                one.tokens,
                one.passage_tokens,
                in_a_line(one.demonstration.question),
                in_a_line(one.demonstration.answer),
            ]
            for one in found
        ],
        right=(1, 2),
    )


@demos.command(
    "put",
    cls=Command,
    epilog="""\b
Example:
  tieback demos put hours --passage "It opens at 9." --question "When does it open?" --answer "At 9."
  tieback ask "When does the museum open?" --demo hours
""",
)
@click.argument("id")
@click.option("--passage", required=True, metavar="TEXT", help="What is answered from.")
@click.option("--question", required=True, metavar="TEXT", help="The question.")
@click.option("--answer", required=True, metavar="TEXT", help="Its answer, as answers are to be.")
@connected
def put(client: Client, output: Output, id: str, passage: str, question: str, answer: str) -> None:
    """Keep a demonstration, in place of one of the same id."""
    stored = client.put_demonstration(Demonstration(id, passage, question, answer))
    if output.json:
        output.document(stored)
    else:
        output.note(
            f"kept {id}: {stored.tokens} virtual tokens; the {stored.passage_tokens} of its passage are not "
            "read again"
        )


@demos.command("delete", cls=Command)
@click.argument("id")
@connected
def delete(client: Client, output: Output, id: str) -> None:
    """Delete a demonstration."""
    client.delete_demonstration(id)
    if output.json:
        output.document({"deleted": id})
    else:
        output.note(f"deleted {id}")
