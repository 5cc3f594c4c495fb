"""Operations on Ray Serve: run where the store is, for a tenant whose token is not there, and killed.

And the answers of that platform, which has no language model.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.lab import lab as lab
from support.local_platform import served_locally
from support.own_encoder import Silent
from support.running_platform import Platform, wait_for
from support.small_spaces import write_words
from support.tenants import write_tokens
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings
from tieback_client import AnswerStyle, Client, Item, NotFound, OperationState, Unimplemented

pytestmark = pytest.mark.ray
COUNT = 1500


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder: Path = tmp_path_factory.mktemp("operations")
    tokens = write_tokens(
        folder / "tokens", {"acme": {"acme-admin": "admin"}, "globex": {"globex-admin": "admin"}}
    )
    spaces = ("--spaces", "all-minilm-l6-v2,wordllama-256", "--binding", "none", "--generator", "none")
    running = Platform(folder, "--tokens", str(tokens), *spaces)
    try:
        yield running.ready()
    finally:
        running.kill()


def test_answers_are_quoted_where_no_language_model_is_served(guarded: Platform) -> None:
    with Client(guarded.address, token="acme-admin", timeout=60) as client:
        client.ingest("tides", [Item("1", "The moon pulls the water of the sea.")]).collect()
        answer = client.answer("tides", "What pulls the water of the sea?").collect()
        given = client.generate("When is it open?", ["It is open on Monday."]).collect()

        assert (answer.text, given.text) == ("The moon pulls the water of the sea.", "It is open on Monday.")
        assert client.server_info().styles == [AnswerStyle.QUOTE]
        with pytest.raises(Unimplemented, match="no language model"):
            client.answer("tides", "What pulls the water?", style=AnswerStyle.WRITE).collect()


def test_an_operation_is_run_for_its_tenant_and_outlives_the_process_that_runs_it(guarded: Platform) -> None:
    with (
        Client(guarded.address, token="acme-admin", timeout=60) as client,
        Client(guarded.address, token="globex-admin", timeout=60) as globex,
    ):
        items = (Item(f"{n:05}", f"Sentence number {n} is about the sea.") for n in range(COUNT))
        client.ingest("notes", items, space="wordllama-256", batch=100).collect()
        operation = client.reindex("notes", space="all-minilm-l6-v2")
        before = wait_for(lambda: operation.status if operation.progress().done else None, 60)
        wait_for(lambda: guarded.replica("index")).kill()
        with pytest.raises(NotFound):
            globex.operation(operation.id)
        end = operation.wait(timeout=120)
        result = operation.result()

        assert before.state is OperationState.RUNNING
        assert end.state is OperationState.SUCCEEDED
        assert (result.finished, result.total, result.done) == (True, COUNT, COUNT)
        assert client.get_collection("notes").space.name == "all-minilm-l6-v2"
        assert list(globex.operations()) == []
    assert guarded.value("tieback_operation_seconds_count", kind="reindex", state="succeeded") == 1


@pytest.mark.all
@pytest.mark.timeout(900)  # a replica that was killed starts again beside other tests
def test_an_upgrade_is_learned_beside_the_index_and_outlives_its_process(guarded: Platform) -> None:
    with Client(guarded.address, token="globex-admin", timeout=60) as client:
        items = (
            Item(f"{n:05}", f"Text {n} says that wave {7 * n} came after wave {n} had broken.")
            for n in range(100)
        )
        client.ingest("waves", items, space="wordllama-256", batch=100).collect()
        policy = ("oca", {"steps": 400, "hidden": 8, "extra": 0, "patience": 0})
        operation = client.plan_upgrade("waves", space="all-minilm-l6-v2", policy=policy)
        wait_for(lambda: operation.progress().done > 110 or operation.status.is_over, 100)
        assert not operation.status.is_over
        wait_for(lambda: guarded.replica("index")).kill()
        result = operation.result(timeout=400)

        assert (result.trained + result.held_out, result.left_out, result.width) == (300, 0, 384)
        assert client.get_collection("waves").space.name == "wordllama-256"


def test_a_head_is_fitted_beside_the_index_and_predicts_behind_the_gateway_also_after_a_restart(
    guarded: Platform,
) -> None:
    examples = {
        "sea": ["The tide rose over the harbour wall.", "Waves broke against the pier."],
        "kitchen": ["Knead the dough for ten minutes.", "Simmer the soup with thyme."],
    }
    with (
        Client(guarded.address, token="acme-admin", timeout=60) as client,
        Client(guarded.address, token="globex-admin", timeout=60) as globex,
    ):
        head = client.fit_head("topics", examples, space="all-minilm-l6-v2").result(timeout=60)
        found = client.predict("topics", ["The boat rocked at anchor.", "Fry the onions in butter."])
        with pytest.raises(NotFound, match="no head is named 'topics'"):
            globex.predict("topics", "a text")
        wait_for(lambda: guarded.replica("index")).kill()
        again = client.predict("topics", "The boat rocked at anchor.")

        assert [one.label for one in found] == ["sea", "kitchen"]
        before, after = ({one.name: one.probability for one in each[0].labels} for each in (found, again))
        assert after == pytest.approx(before, abs=1e-6)  # of one content, and of two at once
        assert client.head("topics") == head


@pytest.mark.all
@pytest.mark.timeout(900)  # a replica that was killed starts again beside other tests
def test_an_upgrade_loads_an_old_model_that_is_not_served_any_more(tmp_path: Path) -> None:
    draw, words = np.random.default_rng(1), [f"word{n:02}" for n in range(40)]
    cards = [
        write_words(tmp_path, name, dict(zip(words, draw.normal(size=(40, 8)), strict=True)))
        for name in ("old", "new")
    ]
    models = tmp_path / "models"
    assert pull(cards, cards, Store(models), Silent()) == []
    before = Settings(
        store=tmp_path / "store", models=models, cards=tmp_path, spaces=("old",), binding="none",
        generator="none", port=0, metrics_port=None, drain_seconds=1,
    )  # fmt: skip
    with served_locally(before) as running, Client(running.address) as client:
        items = (Item(f"{n:03}", " ".join(draw.choice(words, 16))) for n in range(100))
        client.ingest("notes", items, space="old").collect()
    folders = ("--cards", str(tmp_path), "--models", str(models))
    after = Platform(tmp_path, *folders, "--spaces", "new", "--binding", "none", "--generator", "none")
    try:
        with Client(after.ready().address, timeout=60) as client:
            policy = ("oca", {"steps": 20, "hidden": 8, "extra": 0})
            result = client.plan_upgrade("notes", space="new", policy=policy).result(timeout=400)

            assert (result.old_space.name, result.new_space.name) == ("old", "new")
            assert (result.trained + result.held_out, result.left_out) == (300, 0)
    finally:
        after.kill()
