"""Demonstrations by both clients and by the command line, against the canned server."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from client.conftest import Served
from support.command_line import Run
from tieback.core import extensions
from tieback_client import InvalidArgument, NotFound
from tieback_lab.client import AsyncClient, Client
from tieback_lab.contract.demonstrations import Demonstration


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.address) as one:
        yield one


@pytest.fixture
async def aclient(served: Served) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(served.address) as one:
        yield one


OWLS = Demonstration("owls", "Owls fly at night.", "When do owls fly?", "At night.")


def test_what_is_put_is_sent_and_what_is_kept_is_read(client: Client, served: Any) -> None:
    stored = client.put_demonstration(OWLS)

    [asked] = served.log.demonstrations
    assert (asked.id, asked.passage, asked.question, asked.answer) == dataclasses.astuple(OWLS)
    assert (stored.demonstration, stored.tokens, stored.passage_tokens) == (OWLS, 6, 4)
    assert stored.created is not None
    assert client.demonstrations() == [stored]
    client.delete_demonstration("owls")
    assert "DeleteDemonstration" in served.log.calls


async def test_the_async_client_has_the_same(aclient: AsyncClient, served: Any) -> None:
    stored = await aclient.put_demonstration(OWLS)

    assert await aclient.demonstrations() == [stored]
    with pytest.raises(NotFound, match="'wrens'"):
        await aclient.delete_demonstration("wrens")


def test_what_is_no_text_is_refused_before_it_is_sent(client: Client) -> None:
    with pytest.raises(InvalidArgument, match=r"demonstration\.answer"):
        client.put_demonstration(dataclasses.replace(OWLS, answer="\ud800"))


def test_the_command_line_puts_lists_and_deletes(run: Run, served: Any) -> None:
    how = ("--passage", OWLS.passage, "--question", OWLS.question, "--answer", OWLS.answer)

    put, listed = run("demos", "put", "owls", *how), run("demos", "--json")
    deleted = run("demos", "delete", "owls")

    assert "6 virtual tokens" in put.stderr
    [one] = json.loads(listed.stdout)
    assert one["demonstration"]["question"] == OWLS.question
    assert "deleted owls" in deleted.stderr


def test_without_the_lab_the_command_line_says_how_to_have_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(extensions.VARIABLE, "")

    refused = run("demos")

    assert "It is in the extension 'lab': set TIEBACK_EXTENSIONS=lab" in refused.stderr
