"""An upgrade over the wire: what it learns, what is refused, and how it ends when it is disturbed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.each import each
from support.local_platform import Running, served_locally
from support.revised_spaces import WORDS, settings_of, texts, write_spaces
from tieback_client import (
    AsyncClient,
    Client,
    InvalidArgument,
    Item,
    JudgedQuery,
    NotFound,
)
from tieback_client.cli import app

ITEMS = 120
QUICK: Any = ("subspace", {"dimensions": 8})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("upgrade")
    write_spaces(folder)
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Running]:
    with served_locally(settings_of(folder)) as running:
        with Client(running.address, timeout=60) as client:
            client.ingest("texts", texts(ITEMS), space="words-a").collect()
            client.ingest("few", texts(4), space="words-a").collect()
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    with Client(running.address, timeout=60) as client:
        yield client


def run(running: Running, *words: str) -> Result:
    return CliRunner().invoke(app.tieback, list(words), env={"TIEBACK_SERVER": running.address})


def test_policies_that_need_no_pytorch_are_compared_where_none_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieback.operations.upgrades.fitting.importlib.util.find_spec", lambda *_: None)

    result = client.plan_upgrade("texts", space="words-b").result(timeout=60)

    assert {one.policy for one in result.policies} == {"low_rank", "orthogonal", "subspace"}
    assert result.policy == result.policies[0].policy
    assert all(one.translated is not None for one in result.policies)
    kept = [one.retention.value for one in result.policies]
    assert kept == sorted(kept, reverse=True)
    assert result.policies[0].retention.low <= kept[0] <= result.policies[0].retention.high
    assert [round(point.share, 1) for point in result.curve] == [step / 10 for step in range(11)]
    assert result.curve[0].both == pytest.approx(result.old.ndcg.value)
    assert result.curve[-1].translated == pytest.approx(result.reembedded.ndcg.value)
    assert result.sections == ITEMS
    assert result.encode_all_seconds > 0
    assert result.translate_all_seconds > 0
    assert result.advice is not None
    assert f"{result.old.ndcg.value:.3f}" in result.reason


def test_texts_too_short_for_halves_count_for_judged_queries_and_are_named_without(client: Client) -> None:
    titles = {f"{n}": " ".join(np.random.default_rng(n).choice(WORDS, 4, replace=False)) for n in range(60)}
    client.ingest("titles", [Item(*one) for one in titles.items()], space="words-a").collect()
    judged = [JudgedQuery(titles[f"{n}"][:13], {f"{n}": 2}) for n in range(12)]

    with pytest.raises(InvalidArgument, match="60 of 60 texts have too few words to be cut into halves"):
        client.plan_upgrade("titles", space="words-b", policy="subspace").result(60)
    plan = client.plan_upgrade("titles", space="words-b", policy="subspace", queries=judged).result(60)
    client.ingest("titles", texts(60)).collect()  # beside the titles
    mixed = client.plan_upgrade("titles", space="words-b", policy="subspace").result(60)

    assert (plan.items, plan.left_out, plan.judged, mixed.left_out) == (60, 0, 12, 60)
    assert "60 of 120 texts have too few words" in mixed.reason


def test_judged_queries_say_what_an_upgrade_is_worth_to_them(client: Client) -> None:
    wanted = next(iter(client.items("texts")))
    words = str(next(texts(1)).sections)
    asked = [JudgedQuery(words, {wanted.id: 2}), JudgedQuery("word00", {"gone": 1})]

    result = client.plan_upgrade("texts", space="words-b", queries=asked).result(timeout=60)

    assert result.judged == 1, "what a query asks for is not there"
    assert result.old.ndcg.value == pytest.approx(1)
    with pytest.raises(InvalidArgument, match="no judged item is in the collection"):
        client.plan_upgrade("texts", space="words-b", queries=asked[1:]).result(timeout=60)


def test_a_series_is_compared_in_a_matrix_and_its_plan_is_shown_on_a_page(
    client: Client, running: Running, tmp_path: Path
) -> None:
    result = client.plan_upgrade("texts", space="words-b", policy="subspace", earlier=["words-0"]).result(60)

    matrix = result.matrix
    assert [one.name for one in matrix.spaces] == ["words-0", "words-a", "words-b"]
    found = {(one.query, one.gallery): one for one in matrix.cells}
    assert sorted(found) == [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    assert {one.policy for pair, one in found.items() if len(set(pair)) == 2} == {"subspace"}
    assert (found[1, 1].ndcg, found[2, 2].ndcg) == (result.old.ndcg, result.reembedded.ndcg)
    best = result.policies[0]
    assert found[2, 1].ndcg in [one.ndcg for one in (best.led, best.translated) if one is not None]
    assert found[0, 0].ndcg.value < found[1, 1].ndcg.value
    assert matrix.average_accuracy == pytest.approx(np.mean([one.ndcg.value for one in found.values()]))
    page = client.upgrade_report("texts")
    assert all(f"{one.name}@{one.revision[:8]}" in page for one in matrix.spaces)
    assert f"{result.gain.value:.3f}".removeprefix("-") in page
    written = run(running, "upgrade", "report", "texts", "--output", str(tmp_path / "page.html"))
    assert written.exit_code == 0
    assert (tmp_path / "page.html").read_text() == page
    with pytest.raises(NotFound, match="no upgrade plan is named 'few'"):
        client.upgrade_report("few")


async def test_the_asynchronous_client_and_the_command_line_do_the_same(running: Running) -> None:
    async with AsyncClient(running.address, timeout=60) as client:
        operation = await client.plan_upgrade("texts", space="words-b", policy=QUICK)
        result = await operation.result()

    words = ["upgrade", "plan", "texts", "--to", "words-b"]
    parameters = [word for name, value in QUICK[1].items() for word in ("--parameter", f"{name}={value}")]
    told = json.loads(run(running, *words, "--policy", "subspace", *parameters, "--json").stdout)
    refused = run(running, *words, "--items", "7")

    assert told["result"]["artifact"] == result.artifact, "what is equal is learned again, to the bit"
    assert told["collection"] == "texts"
    assert (refused.exit_code, "greater than or equal to 50" in refused.output) == (1, True)


@each(
    "asked, field, says",
    [
        ({"space": "words-a"}, "space", "is in the space words-a@.* already; the others .* words-b"),
        ({"space": "colours"}, "space", "'colours' reads image, and .* 'words-a' reads text"),
        ({"space": "shapes"}, "space", "nothing that both encode"),
        ({"policy": ("subspace", {"ridge": -1})}, "policy.parameters.ridge", "greater than or equal to 0"),
        ({"policy": ("subspace", {"wide": 1})}, "policy.parameters.wide", "its parameters are: dimensions, "),
        ({"floor": 1.5}, "floor", "less than or equal to 1"),
        ({"queries": [JudgedQuery("", {"a": 1})]}, "queries[0].text", "at least 1 character"),
        ({"queries": [JudgedQuery("a", {})]}, "queries[0].grades", "at least 1 item"),
        ({"queries": [JudgedQuery("a", {"b": 21})]}, "queries[0].grades.b", "less than or equal to 20"),
        ({"queries": [JudgedQuery("a", {"b": 1})], "labels": "kind"}, "queries", "give one of them"),
        ({"earlier": ["words-a"]}, "earlier[0]", "'words-a' is in the series already"),
        ({"earlier": ["words-0", "colours"]}, "earlier[1]", "'colours' reads image; the others read text"),
        ({"items": 49}, "items", "greater than or equal to 50"),
        ({"items": 20_001}, "items", "less than or equal to 20000"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(client: Client, asked: Any, field: str, says: str) -> None:
    known = [one.id for one in client.operations()]

    with pytest.raises(InvalidArgument, match=says) as refusal:
        client.plan_upgrade("texts", **({"space": "words-b"} | asked))

    assert [str(one.field) for one in refusal.value.violations] == [field]
    assert [one.id for one in client.operations()] == known


def test_what_is_not_there_is_not_found_with_the_choices(client: Client) -> None:
    with pytest.raises(NotFound, match="no collection is named 'nowhere'"):
        client.plan_upgrade("nowhere", space="words-b")
    with pytest.raises(NotFound, match="no space is named 'wrds-b'; did you mean 'words-b'"):
        client.plan_upgrade("texts", space="wrds-b")
    with pytest.raises(NotFound, match="no upgrade policy is named 'none'; the choices are: as_trained"):
        client.plan_upgrade("texts", space="words-b", policy="none")


def test_a_small_collection_and_labels_that_nobody_has_are_refused(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="too small for an upgrade by low_rank: it takes 9 contents"):
        client.plan_upgrade("few", space="words-b")
    operation = client.plan_upgrade("texts", space="words-b", policy=QUICK, labels="colour")

    with pytest.raises(InvalidArgument, match=f"{ITEMS} sections could not be used"):
        operation.result(timeout=60)
