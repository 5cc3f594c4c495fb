"""A learned ranking over gRPC, and rankers that are learned from what a served collection gives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.small_library import small_library
from tieback.core.types.search import NAMES
from tieback.models.learned.ranker import TrainedRanker
from tieback.serving.commands.train import train
from tieback_client import Client, InvalidArgument, Item, Section
from tieback_client.cli import app
from tieback_contract.method_choice import MethodChoice

TEXTS = {
    "tide": "tide moon gravity",
    "tables": "tide tables harbour moon",
    "ocean": "lunar gravity ocean",
    "bread": "bread oven flour moon",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with small_library(tmp_path_factory.mktemp("library")) as address:
        with Client(address) as client:
            client.ingest("notes", [Item(name, [Section(text)]) for name, text in TEXTS.items()]).collect()
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


def test_contributions_of_a_ranked_hit_arrive_and_sum_to_its_score(client: Client) -> None:
    found = client.retrieve("notes", "tide moon", ranker="linear", explain=True)

    assert found.plan.options.ranker == MethodChoice("linear")
    for one in found.hits:
        assert {share.name for share in one.signals} <= set(NAMES)
        assert sum(share.contribution for share in one.signals) == pytest.approx(one.hit.score)


def test_reasons_come_only_where_they_are_asked_for(client: Client) -> None:
    assert not client.retrieve("notes", "tide moon", ranker="linear").hits[0].signals
    assert not client.retrieve("notes", "tide moon", ranker="none", explain=True).hits[0].signals


def test_a_search_gives_signals_without_a_ranking(client: Client) -> None:
    plain = client.search("notes", text="tide moon")
    found = client.search("notes", text="tide moon", signals=["search", "window"])

    assert [hit.item_id for hit in found.hits] == [hit.item_id for hit in plain.hits]
    assert not plain.hits[0].signals
    assert found.hits[0].signals.keys() == {"search", "window"}
    assert found.hits[0].signals["search"] == pytest.approx(found.hits[0].score)
    with pytest.raises(InvalidArgument, match="signals are: search") as refusal:
        client.search("notes", text="tide", signals=["search", "magic"])
    assert refusal.value.field == "signals[1]"


def test_a_ranker_beside_a_reranker_is_refused_by_its_field(client: Client) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        client.retrieve("notes", "tide", ranker="linear", reranker="late_interaction")

    assert refusal.value.field == "options.ranker"


def test_the_command_line_ranks_and_shows_what_each_signal_adds(address: str) -> None:
    told = CliRunner().invoke(
        app.tieback,
        ["search", "tide", "moon", "-c", "notes", "--ranker", "linear", "--explain"],
        env={"TIEBACK_SERVER": address, "COLUMNS": "200"},
    )

    assert told.exit_code == 0, told.output
    assert "search +" in told.output
    assert "neighbours" in told.output


def learn(address: str, folder: Path, *lines: Any, options: Sequence[str] = ()) -> Result:
    judgements = folder / "judgements.jsonl"
    judgements.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines))
    return CliRunner().invoke(
        train,
        [
            *("ranker", "--judgements", str(judgements), "--output", str(folder / "out")),
            *("--server", address, *options),
        ],
        env={"TIEBACK_MODELS": str(folder / "store")},
    )


GRADED = [
    {"collection": "notes", "query": "tide moon", "grades": {"tide": 2, "tables": 1}},
    {"collection": "notes", "query": "gravity", "grades": {"ocean": 1}},
    {"collection": "notes", "query": "moon", "shown": ["bread", "tide"], "clicked": ["tide"]},
]


def test_a_ranker_is_learned_from_grades_and_clicks_and_can_be_served(address: str, tmp_path: Path) -> None:
    told = learn(address, tmp_path, *GRADED)

    assert told.exit_code == 0, told.output
    assert "nDCG@10" in told.output
    candidates = [json.loads(line) for line in (tmp_path / "out" / "candidates.jsonl").open()]
    graded = {one["item"]: one.get("grade") for one in candidates[0]["candidates"]}
    clicked = {one["item"]: one.get("grade") for one in candidates[2]["candidates"]}
    assert graded == {"tide": 2, "tables": 1, "ocean": 0, "bread": 0}
    assert (clicked["tide"], clicked["bread"], clicked["ocean"]) == (1, 0, None)
    (folder,) = [path.parent for path in (tmp_path / "out").glob("*/artifact.json")]
    assert TrainedRanker.load(folder).method == "linear"


def test_a_ranker_is_learned_again_from_its_candidates_without_a_server(address: str, tmp_path: Path) -> None:
    assert learn(address, tmp_path, *GRADED).exit_code == 0
    candidates = tmp_path / "out" / "candidates.jsonl"

    again = CliRunner().invoke(
        train,
        ["ranker", "--data", str(candidates), "--output", str(tmp_path / "out"), "--json"],
        env={"TIEBACK_MODELS": str(tmp_path / "store")},
    )

    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["metrics"]["ndcg@10"]["queries"] == 3
    assert len(list((tmp_path / "out").glob("*/artifact.json"))) == 1, "the same revision"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "is empty"),
        (GRADED[:1], "one query only"),
        (["no json", *GRADED], "line 1: this is no JSON"),
        (
            [*GRADED, {"collection": "notes", "query": "x", "grades": {"gone": 1}}],
            "no item 'gone' in 'notes'",
        ),
        ([*GRADED, {"collection": "nowhere", "query": "x", "grades": {"tide": 1}}], "line 4, collection"),
        ([*GRADED, {"collection": "notes", "query": "x", "grades": {"tide": -1}}], "grade of 'tide' is -1"),
        ([*GRADED, {"collection": "notes", "query": "x", "clicked": ["tide"]}], "either grades, or shown"),
        (
            [*GRADED, {"collection": "notes", "query": "x", "shown": ["tide"], "clicked": ["ocean"]}],
            "'ocean' was clicked and not shown",
        ),
        ([*GRADED, {"collection": "notes", "query": "x", "grade": {"tide": 1}}], "either grades"),
        (
            [
                {"collection": "notes", "query": query, "shown": ["tide"], "clicked": ["tide"]}
                for query in ("tide", "moon")
            ],
            "nothing to tell apart",
        ),
        (
            [
                {"collection": "notes", "query": query, "shown": ["tide", "bread"], "clicked": []}
                for query in ("tide", "moon")
            ],
            "no candidate is judged relevant",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_judgements_that_nothing_can_be_learned_from_are_refused(
    address: str, tmp_path: Path, lines: list[Any], why: str
) -> None:
    told = learn(address, tmp_path, *lines)

    assert told.exit_code == 1
    assert why in " ".join(told.output.split())
    assert not list((tmp_path / "out").glob("*/artifact.json"))


@pytest.mark.parametrize(
    ("option", "is_liked", "sign"), [("clicks", True, 1), ("clicks", False, 0), ("clicks=any", False, -1)]
)
def test_popularity_is_learned_from_a_field_and_lowers_scores_only_where_it_may(
    address: str, tmp_path: Path, option: str, is_liked: bool, sign: int
) -> None:
    with Client(address) as client:
        items = [Item(f"n{clicks}", "tide news", metadata={"clicks": clicks}) for clicks in (1, 10, 100)]
        client.ingest("news", items).collect()
    best = "n100" if is_liked else "n1"
    lines = [
        {"collection": "news", "query": query, "grades": {best: 1}} for query in ("tide", "news", "tide news")
    ]

    told = learn(address, tmp_path, *lines, options=["--signal", option])

    assert told.exit_code == 0, told.output
    (folder,) = [path.parent for path in (tmp_path / "out").glob("*/artifact.json")]
    ranker = TrainedRanker.load(folder)
    weights = dict(zip(ranker.signals, ranker.state["weights"].tolist(), strict=True))
    assert np.sign(round(weights["metadata.clicks"], 3)) == sign
    assert ("metadata.clicks" in ranker.read) == (sign != 0)


def test_a_field_that_no_candidate_has_and_a_recipe_without_signals_are_refused(
    address: str, tmp_path: Path
) -> None:
    told = learn(address, tmp_path, *GRADED, options=["--signal", "age"])
    other = CliRunner().invoke(
        train, ["matryoshka2d", "--data", "x", "--output", str(tmp_path), "--signal", "age"]
    )

    assert "no candidate has a number or a time in its metadata 'age'" in " ".join(told.output.split())
    assert "reads no signals" in " ".join(other.output.split())
