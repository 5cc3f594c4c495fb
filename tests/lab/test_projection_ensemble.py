"""The learned projector ensemble of OmniBind."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from tieback.core.errors import InvalidInput
from tieback.methods.projection import fit, projections, unit_rows

SMALL = {"members": 3, "hidden": 32, "epochs": 40}


@pytest.fixture(scope="module")
def pairs() -> tuple[np.ndarray, np.ndarray]:
    """Partners that no linear map finds: the target says what is large in the source, whatever its sign."""
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(700, 6))
    mixed = np.abs(hidden) @ draw.normal(size=(6, 16))
    return unit_rows(hidden @ draw.normal(size=(6, 12))), unit_rows(mixed - mixed.mean(axis=0))


def hit_rate(said: np.ndarray, partners: np.ndarray) -> float:
    nearest = np.argsort(-(said @ partners.T), axis=1)[:, :10]
    return float((nearest == np.arange(len(partners))[:, None]).any(axis=1).mean())


def test_partners_that_no_linear_map_finds_are_found(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    source, target = pairs
    linear = np.linalg.lstsq(source[:600], target[:600], rcond=None)[0]

    state = fit("projector_ensemble", source[:600], target[:600], {**SMALL, "hidden": 64})

    learned = hit_rate(projections.get("projector_ensemble")(source[600:], state), target[600:])
    assert learned > hit_rate(unit_rows(source[600:] @ linear), target[600:]) + 0.2


def test_one_vector_is_projected_as_it_is_within_a_batch(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    state = fit("projector_ensemble", *pairs, SMALL)
    project = projections.get("projector_ensemble")

    together = project(pairs[0][:20], state)

    alone = np.concatenate([project(row[None], state) for row in pairs[0][:20]])
    assert together.dtype == np.float32
    assert alone == pytest.approx(together, abs=1e-5)


def test_members_are_networks_of_their_own(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    state = fit("projector_ensemble", *pairs, SMALL)

    assert state["outer"].shape == (3, 32, 16)
    assert not np.allclose(state["outer"][0], state["outer"][1], atol=0.01)


def test_anchors_that_share_a_partner_are_not_told_apart() -> None:
    draw = np.random.default_rng(1)
    topics, partners = unit_rows(draw.normal(size=(8, 10))), unit_rows(draw.normal(size=(8, 12)))
    topic = np.arange(120) % 8
    losses: list[str] = []

    state = fit(
        "projector_ensemble",
        topics[topic] + 0.2 * draw.normal(size=(120, 10)),
        partners[topic],
        {**SMALL, "epochs": 200},
        progress=lambda _share, doing: losses.append(doing.rpartition(" ")[2]),
    )

    assert float(losses[-1]) < 1 < np.log(120 / 8)
    assert (projections.get("projector_ensemble")(topics, state) @ partners.T).argmax(axis=1).tolist() == [
        *range(8)
    ]


def test_progress_ends_at_one_and_says_the_loss(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    heard: list[tuple[float, str]] = []

    fit("projector_ensemble", *pairs, {**SMALL, "epochs": 3}, progress=lambda *said: heard.append(said))

    assert [share for share, _ in heard] == pytest.approx([1 / 3, 2 / 3, 1])
    assert heard[-1][1].startswith("epoch 3 of 3, loss ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("members", 0),
        ("hidden", 0),
        ("epochs", 0),
        ("temperature", 0.0),
        ("learning_rate", -1.0),
        ("noise", -1),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(
    name: str, value: float, pairs: tuple[np.ndarray, np.ndarray]
) -> None:
    with pytest.raises(InvalidInput, match=name) as refusal:
        fit("projector_ensemble", *pairs, {name: value})

    assert str(refusal.value.field) == f"parameters.{name}"


def test_serving_it_imports_no_torch() -> None:
    program = (
        "import sys, numpy as np; from tieback.methods.projection import projections;"
        "zeros = np.zeros; state = {'inner': zeros((4, 6)), 'inner_bias': zeros(6),"
        " 'outer': zeros((2, 3, 5)), 'outer_bias': np.ones((2, 5))};"
        "assert projections.get('projector_ensemble')(np.eye(4), state).shape == (4, 5);"
        "assert 'torch' not in sys.modules"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
