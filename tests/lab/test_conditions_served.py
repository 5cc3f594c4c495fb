"""A server that orders hits, and encodes, under conditions that were learned from labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.coloured_triplets import Shades, shades_in
from support.labelled_shades import labels_in, learn
from support.local_platform import Running, served_locally
from support.present import present
from tieback.core.errors import StartupError
from tieback.serving.plan import Plan
from tieback.serving.settings import Settings
from tieback_client import Client, Image, InvalidArgument, Item, NotFound
from tieback_client.cli import app
from tieback_contract.method_choice import MethodChoice, MethodLike
from tieback_lab.models.learned.conditional_space import ConditionalSpace


def under_condition(name: str) -> MethodLike:
    return "condition", {"name": name}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Shades:
    return shades_in(tmp_path_factory.mktemp("conditions"))


@pytest.fixture(scope="module")
def settings(world: Shades) -> Settings:
    learned = learn(world, labels_in(world), "out")
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


@pytest.mark.parametrize(("condition", "place"), [("red", 0), ("green", 2)])
def test_under_a_condition_hits_that_agree_in_it_come_first(
    client: Client, world: Shades, condition: str, place: int
) -> None:
    photo = Image.from_file(world.photo((3, 5)))

    under = client.retrieve("shades", photo, stages=[under_condition(condition)], limit=7, explain=True)
    without = client.retrieve("shades", photo, limit=7)

    def agreeing(result: Any) -> int:
        return sum(hit.hit.item_id[place] == "3-5"[place] for hit in result.hits)

    assert agreeing(under) >= 6 > agreeing(without)
    options = under.plan.options
    assert (options.stages, options.candidates) == ([MethodChoice.of(under_condition(condition))], 200)
    assert without.plan.options.stages is None
    scores = [hit.hit.score for hit in under.hits]
    assert scores == sorted(scores, reverse=True)
    assert under.hits[0].rerank_score == pytest.approx(1, abs=1e-4)
    assert "condition" in {stage.name for stage in under.timing.stages}


def test_a_content_is_encoded_under_a_condition_in_a_space_of_its_own(client: Client, world: Shades) -> None:
    photos = [Image.from_file(world.photo(levels)) for levels in ((3, 5), (3, 0), (0, 5))]

    red, green = (client.encode(photos, space="eyes", condition=one) for one in ("red", "green"))
    whole = client.encode(photos, space="eyes")

    assert len({one[0].space for one in (red, green, whole)}) == 3
    for under, like, unlike in ((red, 1, 2), (green, 2, 1)):
        vectors = np.stack([present(one.vector).values for one in under])
        assert vectors.shape == (3, 4)
        assert vectors[0] @ vectors[like] > vectors[0] @ vectors[unlike] + 0.1


def test_what_no_condition_can_answer_is_refused_with_its_place(client: Client, world: Shades) -> None:
    photo = Image.from_file(world.photo((1, 1)))
    with pytest.raises(NotFound, match="green, red"):
        client.retrieve("shades", photo, stages=[under_condition("size")])
    refused: dict[str, dict[str, Any]] = {
        "query": {"query": [photo, photo]},
        "options.stages": {"collection": "notes", "query": "more red"},
        "options.reranker": {"reranker": "late_interaction"},
        "options.diversity": {"diversity": 0.5},
        "options.granularity": {"granularity": "document"},
    }
    for place, changes in refused.items():
        asked: dict[str, Any] = {
            "collection": "shades",
            "query": photo,
            "stages": [under_condition("red")],
        } | changes
        with pytest.raises(InvalidArgument) as raised:
            client.retrieve(**asked)
        assert [one.field for one in raised.value.violations] == [place]
    output: dict[str, dict[str, Any]] = {
        "output.condition": {"condition": "size"},
        "output.width": {"width": 2},
        "output.kinds": {"kinds": ["labels"]},
        "output.dtype": {"dtype": "binary"},
    }
    for place, changes in output.items():
        with pytest.raises(InvalidArgument) as raised:
            client.encode(photo, **{"space": "eyes", "condition": "red", **changes})
        assert [one.field for one in raised.value.violations] == [place]


def test_the_condition_is_named_on_the_command_line(running: Running, client: Client, world: Shades) -> None:
    photo = str(world.photo((1, 1)))
    environment = {"TIEBACK_SERVER": running.address}

    found = CliRunner().invoke(
        app.tieback,
        ["search", "--image", photo, "-c", "shades", "--stages", "condition:name=red", "--json"],
        env=environment,
    )
    made = CliRunner().invoke(
        app.tieback,
        ["encode", "--file", photo, "--space", "eyes", "--condition", "red", "--json"],
        env=environment,
    )

    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["plan"]["options"]["stages"] == [
        {"name": "condition", "parameters": {"name": "red"}}
    ]
    assert made.exit_code == 0, made.output


def test_conditions_that_do_not_fit_stop_the_start_with_the_reason(settings: Settings) -> None:
    def plan(**changes: object) -> Plan:
        return Plan(settings.model_copy(update=changes))

    with pytest.raises(StartupError, match=r"TIEBACK_ARTIFACTS: .*'eyes', which is not served"):
        plan(spaces=("words",)).artifacts.all(ConditionalSpace)
    with pytest.raises(StartupError, match="TIEBACK_ARTIFACTS: there is no artifact at /nowhere"):
        plan(artifacts=("/nowhere",))
    with pytest.raises(StartupError, match="both give the condition 'green' of eyes"):
        plan(artifacts=settings.artifacts * 2).artifacts.all(ConditionalSpace)
