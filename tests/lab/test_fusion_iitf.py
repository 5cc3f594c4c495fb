"""A shallow branch beside a joint sequence: at random in stage 2 of training, always when served (IITF)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from support.coloured_triplets import Shades, shades_in
from support.local_platform import served_locally
from support.small_fusions import QUICK, fused, learn, things_file, things_of, train_fusion
from tieback.core.state import State
from tieback.serving.settings import Settings
from tieback_client import Image, InvalidArgument
from tieback_lab.client import Client
from tieback_lab.methods.fusion.iitf import fit_by, states_by
from tieback_lab.recipes.train.fusing import Things

pytestmark = pytest.mark.all


def whole_things() -> Things:
    """Things that have all parts."""
    things = things_of(400)
    return things.take(np.flatnonzero(things.has.all(axis=1)))


def learn_with(kept: float, things: Things) -> State:
    how = {**QUICK, "steps": 20, "dropout": 0.0, "weight_decay": 0.0}
    return fit_by(kept)(things.rows, things.there, None, things.goal, **how)


def test_the_branch_learns_from_the_share_of_stage_2_and_the_sequence_from_both_stages() -> None:
    things = whole_things()

    none, some, all_of_them = (learn_with(kept, things) for kept in (0.0, 0.5, 1.0))

    assert not none["shallow"].any()
    assert some["shallow"].any()
    assert not np.array_equal(some["shallow"], all_of_them["shallow"])
    assert not np.array_equal(none["joint_v"], learn("iitf", things, steps=0)["joint_v"])


def test_a_thing_that_has_the_shallow_part_alone_teaches_it_in_both_stages() -> None:
    things = whole_things()
    first = np.arange(len(things)) < len(things) // 2
    there = [mask & first[:, None] for mask in things.there[:2]]
    some_alone = Things(things.rows, [*there, things.there[2]], None, things.goal)

    state = learn_with(0.0, some_alone)
    alone = fused("iitf", things.only([2]), state)

    assert state["shallow"].any()
    assert np.ptp(alone, axis=0).max() > 0.1


def test_in_training_such_a_share_of_things_is_read_without_the_branch_and_in_serving_none() -> None:
    things = whole_things()
    state = learn("iitf", things, steps=40)
    rows, there = ([torch.from_numpy(one) for one in given] for given in (things.rows, things.there))
    held = {name: torch.from_numpy(one) for name, one in state.items()}
    without = fused("iitf", things.only([0, 1]), state)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        training = states_by(0.25)(torch, rows, there, None, held)[-1].vectors.numpy()
    served = fused("iitf", things, state)

    skipped = np.isclose(training, without, atol=1e-5).all(axis=1)
    np.testing.assert_allclose(training[~skipped], served[~skipped], atol=1e-5)
    assert 0.15 < 1 - skipped.mean() < 0.35
    assert not np.isclose(served, without, atol=1e-5).all(axis=1).any()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Shades:
    return shades_in(tmp_path_factory.mktemp("identities"))


@pytest.fixture(scope="module")
def client(world: Shades) -> Iterator[Client]:
    made = train_fusion(world, things_file(world), method="iitf", name="identities")
    settings = Settings(
        models=world.store.root, store=world.folder / "store", cards=world.folder / "cards", port=0,
        metrics_port=None, spaces=("words", "eyes"), binding="none", generator="none", drain_seconds=1,
        artifacts=(str(made.folder),), extensions=("lab",),
    )  # fmt: skip
    with served_locally(settings) as running, Client(running.address, timeout=60) as one:
        yield one


def test_a_served_identity_is_fused_with_its_text_and_its_shallow_part_where_that_is_there(
    client: Client,
) -> None:
    title, note = client.encode(["more red", "less green"], space="words")
    (described,) = [one for one in client.fusions() if one.name == "identities"]
    shallow = described.parts[-1].name

    with_it, without = client.fuse_parts("identities", [{"title": title, "note": note}, {"title": title}])

    assert (described.method, shallow) == ("iitf", "note")
    assert (list(with_it.missing), list(without.missing)) == (["photo"], ["photo", "note"])
    assert with_it.predictions[0].name == "warm"
    assert float(with_it.vector.values @ without.vector.values) < 1 - 1e-4


def test_a_shallow_part_of_another_space_is_refused_with_its_place(client: Client, world: Shades) -> None:
    (photo,) = client.encode(Image.from_file(world.photo((5, 2))), space="eyes")

    with pytest.raises(InvalidArgument, match="learned in words") as refused:
        _ = client.fuse_parts("identities", [{"photo": photo, "note": photo}])[0]

    assert "things[0].parts[1].encoding.space" in str(refused.value)
