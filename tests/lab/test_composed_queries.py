"""A server that composes a photo and words by what was learned from triplets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from support.coloured_triplets import Shades, shades_in
from support.local_platform import Running, served_locally
from tieback.core.errors import StartupError
from tieback.serving.plan import Plan
from tieback.serving.settings import Settings
from tieback_client import Client, Image, InvalidArgument, Item, NotFound
from tieback_client.cli import app
from tieback_contract.method_choice import MethodChoice
from tieback_lab.models.learned.query_composition import LearnedComposition

ASKED = range(0, 168, 7)
SHADES = ("composition", {"name": "shades"})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Shades:
    return shades_in(tmp_path_factory.mktemp("composed"))


@pytest.fixture(scope="module")
def settings(world: Shades) -> Settings:
    learned = world.train("out")
    return Settings(
        models=world.store.root, store=world.folder / "store", cards=world.folder / "cards", port=0,
        metrics_port=None, spaces=("words", "eyes"), binding="none", generator="none", drain_seconds=1,
        artifacts=(str(learned.folder),), extensions=("lab",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def running(settings: Settings) -> Iterator[Running]:
    with served_locally(settings) as made:
        yield made


@pytest.fixture(scope="module")
def client(running: Running, world: Shades) -> Iterator[Client]:
    with Client(running.address, timeout=60) as made:
        photos = [Item(path.stem, Image.from_file(path)) for path in sorted(world.folder.glob("?-?.png"))]
        made.ingest("shades", photos, space="eyes").collect()
        made.ingest("notes", [Item("a", "more red")], space="words").collect()
        yield made


def test_a_photo_and_words_find_the_photo_that_is_meant(client: Client, world: Shades) -> None:
    lines = [json.loads(line) for line in (world.folder / "triplets.jsonl").read_text().splitlines()]
    right = {"composed": 0, "photo": 0}
    for line in (lines[place] for place in ASKED):
        photo, meant = Image.from_file(world.folder / line["photo"]), line["target"].removesuffix(".png")
        own = line["photo"].removesuffix(".png")
        composed = client.retrieve("shades", [photo, line["text"]], stages=[SHADES], limit=2)
        alone = client.retrieve("shades", photo, limit=2)
        for way, result in (("composed", composed), ("photo", alone)):
            first = next(hit.hit.item_id for hit in result.hits if hit.hit.item_id != own)
            right[way] += first == meant

    assert right["composed"] > right["photo"] + 5, right
    assert (composed.plan.options.stages, composed.plan.options.hybrid) == ([MethodChoice.of(SHADES)], False)
    assert composed.routing.policy == "composition"
    assert alone.plan.options.stages is None
    assert {"encode:eyes", "encode:words", "compose"} <= {stage.name for stage in composed.timing.stages}


def test_what_cannot_be_composed_is_refused_with_its_place(client: Client, world: Shades) -> None:
    photo = Image.from_file(world.photo((1, 1)))
    ask = client.retrieve
    with pytest.raises(NotFound, match="shades"):
        ask("shades", [photo, "more red"], stages=[("composition", {"name": "colours"})])
    for query in (photo, "more red", [photo, photo], [photo, "more red", "more blue"]):
        with pytest.raises(InvalidArgument, match="one photo and one text") as parts:
            ask("shades", query, stages=[SHADES])
        assert [one.field for one in parts.value.violations] == ["query"]
    refused: dict[str, dict[str, Any]] = {
        "query[1].weight": {"query": [photo, ("more red", 0.5)]},
        "options.stages": {"collection": "notes"},
        "options.reranker": {"reranker": "late_interaction"},
        "query[1].content.text": {"query": [photo, "  "]},
        "query[0].content.image": {"query": [Image(b"\x89PNG"), "more red"]},
    }
    for place, changes in refused.items():
        asked: dict[str, Any] = {
            "collection": "shades",
            "query": [photo, "more red"],
            "stages": [SHADES],
        } | changes
        with pytest.raises(InvalidArgument) as raised:
            ask(**asked)
        assert [one.field for one in raised.value.violations] == [place]


def test_the_composition_is_named_on_the_command_line(
    running: Running, client: Client, world: Shades
) -> None:
    words = ["search", "--image", str(world.photo((1, 1))), "more red", "-c", "shades"]

    result = CliRunner().invoke(
        app.tieback,
        [*words, "--stages", "composition:name=shades", "--json"],
        env={"TIEBACK_SERVER": running.address},
    )

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["plan"]["options"]["stages"] == [
        {"name": "composition", "parameters": {"name": "shades"}}
    ]


def test_a_composition_that_does_not_fit_stops_the_start_with_the_reason(settings: Settings) -> None:
    def plan(**changes: object) -> Plan:
        return Plan(settings.model_copy(update=changes))

    with pytest.raises(StartupError, match=r"TIEBACK_ARTIFACTS: .*'eyes', which is not served"):
        plan(spaces=("words",)).artifacts.all(LearnedComposition)
    with pytest.raises(StartupError, match="TIEBACK_ARTIFACTS: there is no artifact at /nowhere"):
        plan(artifacts=("/nowhere",))
    with pytest.raises(StartupError, match="both give the composition 'shades'"):
        plan(artifacts=settings.artifacts * 2).artifacts.all(LearnedComposition)
