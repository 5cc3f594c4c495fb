"""The store's default binding is served, or what TIEBACK_BINDING names; a wrong name stops the start."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support.bag_of_words import WIDTH
from support.each import each
from tieback.core.call import NO_CALL
from tieback.core.errors import StartupError
from tieback.core.types.fusion import FuseRequest
from tieback.models.joint.artifact import BoundProjection, BoundRouter, JointSpaceArtifact, SpaceBlock
from tieback.models.store import DefaultBinding
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.plan import Plan, assembly
from tieback.serving.plan.on_trial import on_trial
from tieback.serving.requests import context
from tieback.serving.servicers.catalog import JointSpace
from tieback.serving.settings import load_settings
from tieback_contract.fusion import Fused
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, VectorKind

CARD = """\
name: {name}
role: encoder
runtime: static_text
description: A small space.
license: Apache-2.0
upstream: this test
directory: {directory}
modality: text
width: {width}
kinds: [dense]
joint: component
options: {{weights: table.safetensors, tensor: table}}
"""


class Place:
    """A model store and a folder of cards with two small spaces, which nothing is loaded from."""

    def __init__(self, folder: Path) -> None:
        self.cards, self.models = folder / "cards", folder / "models"
        self.cards.mkdir()
        for name in ("small-a", "small-b"):
            weights = folder / name
            weights.mkdir()
            (weights / "table.safetensors").write_text(name)
            (self.cards / f"{name}.yaml").write_text(CARD.format(name=name, directory=weights, width=WIDTH))
        self.spaces = {card.name: card.space for card in self.plan().encoders}

    def plan(self, **settings: Any) -> Plan:
        return Plan(self.settings(**settings))

    def settings(self, **settings: Any) -> Any:
        common = {"cards": self.cards, "models": self.models, "spaces": "small-a,small-b"}
        return load_settings(**(common | {"generator": "none"} | settings))

    def bind(self, weight: float | None = 0.75, **spaces: SpaceRef) -> JointSpaceArtifact:
        """A binding of the two spaces, by default with a router of fixed weights, in the store."""
        refs = self.spaces | spaces
        fixed = {"weights": {"small-a": weight, "small-b": 1 - (weight or 0)}}
        weight_ranges = {"small-a": (0.7, 0.8)}
        made = JointSpaceArtifact(
            tuple(SpaceBlock(ref, Modality.TEXT, WIDTH) for ref in refs.values()),
            tuple(BoundProjection(ref, WIDTH, ref.name) for ref in refs.values()),
            () if weight is None else (BoundRouter(Modality.TEXT, (), "explicit", fixed, {}, weight_ranges),),
        )
        made.save(self.models / "bound")
        return made

    def bind_one(self, name: str) -> JointSpaceArtifact:
        """A binding of one of the two spaces, in the store."""
        ref = self.spaces[name]
        made = JointSpaceArtifact(
            (SpaceBlock(ref, Modality.TEXT, WIDTH),), (BoundProjection(ref, WIDTH, name),)
        )
        made.save(self.models / "bound")
        return made


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_without_the_setting_the_default_of_the_store_is_served(place: Place) -> None:
    made = place.bind()
    DefaultBinding(made.revision, "test").write(place.models / "bound")

    assert assembly.build_router(place.settings(), place.plan()).space.binding == made.revision
    assert place.plan(binding="none").bound is None


@pytest.mark.parametrize(
    ("fault", "reason", "remedy"),
    [
        ("another revision", "does not fit", "TIEBACK_BINDING"),
        ("a space that it does not bind", "does not fit", "TIEBACK_BINDING"),
        ("not there", "cannot be read", "tieback models pull"),
        ("another schema", "cannot be read", "tieback models pull"),
    ],
)
def test_a_default_that_is_not_served_is_passed_over_with_a_warning_and_its_remedy(
    place: Place, fault: str, reason: str, remedy: str, caplog: pytest.LogCaptureFixture
) -> None:
    changed: dict[str, Any] = {"small-a": SpaceRef("small-a", "older", "f1")}
    made = place.bind(**changed if fault == "another revision" else {})
    if fault == "a space that it does not bind":
        made = place.bind_one("small-b")
    revision = "0123456789ab" if fault == "not there" else made.revision
    DefaultBinding(revision, "test").write(place.models / "bound")
    if fault == "another schema":
        header = place.models / "bound" / revision / "artifact.json"
        header.write_text(json.dumps(json.loads(header.read_text()) | {"schema": 1}))

    router = assembly.build_router(place.settings(), place.plan())

    assert router.space.binding == ""
    assert f"the default binding {revision} {reason}" in caplog.text
    assert remedy in caplog.text


def test_a_store_without_a_default_has_class_names_make_the_joint_space(place: Place) -> None:
    settings = place.settings()

    router = assembly.build_router(settings, place.plan())

    assert router.space.binding == ""
    assert router.space.names == ("small-a", "small-b")


@pytest.mark.parametrize("by", ["revision", "folder"])
def test_a_binding_is_named_by_its_revision_or_its_folder(place: Place, by: str) -> None:
    made = place.bind()
    name = made.revision if by == "revision" else str(place.models / "bound" / made.revision)
    settings = place.settings(binding=name)

    plan = Plan(settings)
    router = assembly.build_router(settings, plan)

    assert router.space.binding == made.revision
    assert plan.joint_inputs.blocks == {"small-a": ["small-a"], "small-b": ["small-b"]}
    assert JointSpace.of(router.space, plan.spaces_by_modality).blocks == (
        ("small-a", WIDTH),
        ("small-b", WIDTH),
    )


def test_whoever_does_not_fuse_knows_the_joint_space_without_loading_its_graphs(place: Place) -> None:
    made = dataclasses.replace(place.bind(), graphs={"projections.text": b"no graph at all"})
    made.save(place.models / "bound")

    joint = place.plan(binding=made.revision).joint

    assert joint is not None
    assert joint.binding == made.revision
    assert (
        joint.ref
        == assembly.build_router(place.settings(), place.plan(binding=place.bind().revision)).space.ref
    )
    assert not joint.graphs


def test_a_binding_that_is_not_there_stops_the_start_and_names_those_that_are(place: Place) -> None:
    made = place.bind()

    with pytest.raises(StartupError, match=f"TIEBACK_BINDING: .*the store has: {made.revision}"):
        _ = place.plan(binding="0123456789ab").bound


def test_a_store_without_bindings_says_how_to_make_one(place: Place) -> None:
    with pytest.raises(StartupError, match="run tieback bind"):
        _ = place.plan(binding="0123456789ab").bound


def test_a_changed_encoder_stops_the_start_and_says_how_to_bind_again(place: Place) -> None:
    changed: dict[str, Any] = {"small-a": SpaceRef("small-a", "older", "f1")}
    made = place.bind(**changed)

    with pytest.raises(StartupError, match=r"small-a@older.*bind again: tieback bind"):
        _ = place.plan(binding=made.revision).bound


def test_a_bound_space_that_is_not_served_stops_the_start(place: Place) -> None:
    made = place.bind()

    with pytest.raises(StartupError, match="'small-b', which is not served"):
        _ = place.plan(binding=made.revision, spaces="small-a").bound


async def test_bindings_on_trial_come_from_the_settings(place: Place) -> None:
    served, other = place.bind(), place.bind(0.25)
    settings = place.settings(binding=served.revision, trials=f"{other.revision}:100,{other.revision}")
    telemetry = Telemetry(settings)
    router = on_trial(partial(assembly.build_router, settings), Plan(settings), telemetry)

    context.enter([("x-request-id", "call-1")])
    ours = (await router.fuse(FuseRequest([parts(place)]), NO_CALL)).results[0]
    await router.close()

    assert isinstance(ours, Fused)
    assert ours.routing.binding == other.revision
    assert ours.routing.weights == pytest.approx({"small-a": 0.25, "small-b": 0.75})
    labels = {"method": "fuse", "artifact": other.revision}
    assert telemetry.registry.get_sample_value("tieback_trial_difference_count", labels) == 1


def parts(place: Place) -> list[Any]:
    import numpy as np
    from tieback_contract.encodings import Encoding
    from tieback_contract.fusion import FusePart
    from tieback_contract.vectors import Vector

    row = np.eye(1, WIDTH, dtype=np.float32)[0]
    return [FusePart(Encoding(ref, Modality.TEXT, vector=Vector(row, ref))) for ref in place.spaces.values()]


@each(
    "given, says",
    [
        ({"trials": "abc:101"}, "TIEBACK_TRIALS"),
        ({"trials": "abc:100.5"}, "0 to 100"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(StartupError, match=says):
        load_settings(**({"binding": "abc"} | given))


def test_a_binding_without_routers_cannot_be_tried(place: Place) -> None:
    served, plain = place.bind(), place.bind(None)
    settings = place.settings(binding=served.revision, trials=f"{plain.revision}:5")

    with pytest.raises(StartupError, match="has no routers"):
        on_trial(partial(assembly.build_router, settings), Plan(settings), Telemetry(settings))


def test_a_binding_is_tried_beside_a_binding(place: Place) -> None:
    other = place.bind()

    with pytest.raises(StartupError, match=r"TIEBACK_TRIALS: .* is a binding, and none is served"):
        _ = place.plan(binding="none", trials=other.revision).trials


class SharedPlace(Place):
    """Beside the small spaces a dual encoder's two cards and a sparse space, which nothing is loaded from."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "pair").mkdir()
        (folder / "pair/model.safetensors").write_text("pair")
        (folder / "terms").mkdir()
        (folder / "terms/model.safetensors").write_text("terms")
        shared: dict[str, Any] = {"runtime": "dual_encoder", "width": 8, "kinds": ["dense"], "shares": "pair"}
        self.write("pair-text", "pair", modality="text", max_tokens=12, joint="component", **shared)
        self.write("pair-image", "pair", modality="image", joint="component", **shared)
        self.write(
            "terms", "terms", modality="text", runtime="sparse_text", width=50, kinds=["sparse"],
            optional=True,
        )  # fmt: skip

    def write(self, name: str, directory: str, **fields: Any) -> None:
        about = {"name": name, "role": "encoder", "description": "x", "license": "MIT", "upstream": "me"}
        folder = self.cards.parent / directory
        text = yaml.safe_dump(about | {"directory": str(folder)} | fields)
        (self.cards / f"{name}.yaml").write_text(text)

    def bind_all(self) -> JointSpaceArtifact:
        cards = {card.name: card for card in self.plan(spaces=EVERY).encoders}
        pair, small = (cards[name].space for name in ("pair-text", "small-a"))
        state = {"map": np.ones((WIDTH, 8), np.float32), "offset": np.zeros(8, np.float32)}
        made = JointSpaceArtifact(
            (
                SpaceBlock(pair, Modality.IMAGE, 8, (Modality.TEXT, Modality.IMAGE)),
                SpaceBlock(small, Modality.TEXT, WIDTH),
            ),
            (
                BoundProjection(pair, 8, "pair"),
                BoundProjection(small, WIDTH, "small-a"),
                BoundProjection(small, WIDTH, "pair", "affine", {}, state, imputes=True),
            ),
        )
        made.save(self.models / "bound")
        return made


EVERY = "small-a,pair-text,pair-image,terms"


@pytest.fixture
def shared_place(tmp_path: Path) -> SharedPlace:
    return SharedPlace(tmp_path)


def test_encoders_of_a_shared_space_are_asked_by_their_names_and_told_of_by_its(
    shared_place: SharedPlace,
) -> None:
    made = shared_place.bind_all()
    settings = shared_place.settings(binding=made.revision, spaces=EVERY)

    plan = Plan(settings)
    joint_inputs = plan.joint_inputs
    space = assembly.build_router(settings, plan).space

    assert plan.spaces_by_modality == {
        Modality.TEXT: ("pair-text", "small-a"), Modality.IMAGE: ("pair-image",),
    }  # fmt: skip
    assert joint_inputs.shared == {"pair-text": "pair", "pair-image": "pair"}
    assert joint_inputs.kinds["pair-image"] == {VectorKind.DENSE}
    assert joint_inputs.blocks["small-a"] == ["small-a"], "what imputes is not waited for"
    assert joint_inputs.unused({"pair": 1.0}) == {"small-a"}
    assert space.coverage[Modality.TEXT].sources == ("pair", "small-a")
    assert space.coverage[Modality.IMAGE].sources == ("pair",)


def test_a_tower_that_was_bound_and_is_not_served_stops_the_start(shared_place: SharedPlace) -> None:
    made = shared_place.bind_all()

    with pytest.raises(
        StartupError, match=r"the image encoder of the space 'pair', which is not served.*bind"
    ):
        _ = shared_place.plan(binding=made.revision, spaces="small-a,pair-text,terms").bound


def test_without_a_binding_shared_and_sparse_spaces_are_no_part_of_the_joint_space(
    shared_place: SharedPlace,
) -> None:
    settings = shared_place.settings(spaces=EVERY)

    plan = Plan(settings)

    assert [card.name for card in plan.components] == ["small-a"]
    assert not plan.joins  # one space alone is joined with nothing
    assert plan.spaces_by_modality == {}


def test_cards_that_share_a_space_and_differ_in_joint_stop_the_start(shared_place: SharedPlace) -> None:
    shared_place.write(
        "pair-image",
        "pair",
        modality="image",
        runtime="dual_encoder",
        width=8,
        kinds=["dense"],
        shares="pair",
    )

    with pytest.raises(
        StartupError, match=r"pair-image and pair-text share the space 'pair', and differ in joint \(none and"
    ):
        shared_place.plan(spaces=EVERY)
