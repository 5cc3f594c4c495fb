"""Decisions about questions over the wire, with the real encoder: SDK, command line, metrics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from support.local_platform import Running, served_locally
from tieback.serving.settings import Settings
from tieback_client import AnswerAction, AsyncClient, Client, FinishReason, Grounding, Item
from tieback_client.cli import app

SPACE = "all-minilm-l6-v2"
TIDES = "The tide rises and falls twice a day. The moon pulls the water of the sea."
BREAD = "Knead the dough for ten minutes. Bake the bread at 220 degrees for half an hour."


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    store = tmp_path_factory.mktemp("decisions") / "store"
    settings = Settings(
        store=store, port=0, metrics_port=None, drain_seconds=1, spaces=(SPACE,), generator="none",
        extensions=("lab",),
    )  # fmt: skip
    with served_locally(settings) as running:
        with Client(running.address, timeout=60) as client:
            client.ingest("notes", [Item("tides", TIDES, "Tides"), Item("bread", BREAD, "Bread")]).collect()
        yield running


@pytest.fixture
def client(platform: Running) -> Iterator[Client]:
    with Client(platform.address, timeout=60) as client:
        yield client


async def test_what_is_done_about_a_question_is_decided_and_reported(
    platform: Running, client: Client
) -> None:
    def counted() -> float:
        return sum(platform.value("tieback_decisions_total", action=one.value) for one in AnswerAction)

    before = counted()
    asked = client.answer(
        "notes", "What pulls the water of the sea?", grounding=Grounding(decision="linear")
    ).collect()
    wanted = client.answer(
        "notes", "Show me the notes on the tide and the moon", grounding=Grounding(decision="thresholds")
    ).collect()
    async with AsyncClient(platform.address, timeout=60) as other:
        again = await other.generate(
            "What pulls the water of the sea?", [TIDES, BREAD], grounding=Grounding(decision="linear")
        ).collect()

    for answer in (asked, again):
        assert answer.decision is not None
        assert set(answer.decision.probabilities) == set(AnswerAction)
        assert sum(answer.decision.probabilities.values()) == pytest.approx(1, abs=1e-6)
        assert answer.decision.evidence_id == "1"
    assert wanted.decision is not None
    assert (wanted.decision.action, wanted.decision.item_id) == (AnswerAction.ITEM, "tides")
    assert (wanted.text, wanted.abstention) == ("", None)
    assert wanted.finish is not None
    assert wanted.finish.reason is FinishReason.ITEM
    assert counted() == before + 3


def test_the_command_line_names_the_item_that_is_asked_for(platform: Running) -> None:
    asked = ["ask", "Show me the notes on the tide and the moon", "--collection", "notes"]
    result = CliRunner().invoke(
        app.tieback, [*asked, "--decide", "thresholds"], env={"TIEBACK_SERVER": platform.address}
    )

    assert "The item itself is what you ask for: Tides" in result.output
    assert "Decided by thresholds: answer 0.00, item 1.00, search 0.00, abstain 0.00" in result.output
