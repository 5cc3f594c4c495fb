"""Joint multi-view alignment: views that count by how well they fit the text (method 3)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tieback.core.errors import InvalidInput
from tieback.methods.projection import fit, projections, unit_rows
from tieback_lab.methods.projection._trained import contrastive, same_targets
from tieback_lab.methods.projection.joint_views import _some, joint_targets

WIDTH = 8
TEXT = np.eye(WIDTH, dtype=np.float32)[:1]
OTHER = np.eye(WIDTH, dtype=np.float32)[1]


def test_a_view_counts_by_how_near_it_is_to_the_text() -> None:
    views = np.stack([TEXT[0], OTHER])[None]

    joint = joint_targets(TEXT, views, sharpness=1.0)

    weight = np.e / (np.e + 1)
    assert joint[0, :2] == pytest.approx([weight, 1 - weight], abs=1e-6)


def test_without_sharpness_every_view_counts_alike_however_long() -> None:
    views = np.stack([TEXT[0], 7 * OTHER])[None]

    assert joint_targets(TEXT, views, sharpness=0.0)[0, :2] == pytest.approx([0.5, 0.5])


def test_a_missing_view_counts_nothing_and_a_text_without_views_stands_for_itself() -> None:
    texts = np.concatenate([TEXT, TEXT])
    views = np.zeros((2, 3, WIDTH), np.float32)
    views[0, 2] = OTHER

    joint = joint_targets(texts, views)

    assert joint[0] == pytest.approx(OTHER)
    assert joint[1] == pytest.approx(TEXT[0])


def test_views_are_drawn_anew_among_those_that_are_there() -> None:
    views = np.tile(TEXT, (50, 4, 1))
    views[:, 0] = 0
    views[7, 1:3] = 0
    draw = np.random.default_rng(0)

    first, second = (np.asarray(_some(views, 2, draw).any(axis=2)) for _ in range(2))

    assert not first[:, 0].any()
    assert first.sum(axis=1).tolist() == [2] * 7 + [1] + [2] * 42
    assert (first != second).any()


def test_a_projector_of_one_seed_is_the_same_every_time_and_the_draw_decides_it() -> None:
    points, texts, views, _ = (side[:50] for side in made())

    def map_of(**parameters: object) -> np.ndarray:
        state = fit("joint_views", points, texts, {"steps": 3, **parameters}, views=views)
        return np.asarray(state["map"])

    assert np.array_equal(map_of(drawn=1), map_of(drawn=1))
    assert not np.allclose(map_of(drawn=1), map_of(drawn=2))
    with pytest.raises(InvalidInput, match="'drawn': input should be greater than or equal to 1"):
        map_of(drawn=0)


def made() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points, texts that know half of a thing, views of it and of something else; the things."""
    draw = np.random.default_rng(0)
    things = unit_rows(draw.normal(size=(240, WIDTH)))
    texts = things.copy()
    texts[:, WIDTH // 2 :] = 0
    views = np.stack([things, unit_rows(draw.normal(size=things.shape))], axis=1)
    points = things @ draw.normal(size=(WIDTH, 12)) + 0.1 * draw.normal(size=(240, 12))
    return points, unit_rows(texts), views, things


def test_views_teach_what_the_texts_do_not_say() -> None:
    points, texts, views, things = made()

    def nearness(views: np.ndarray | None) -> float:
        state = fit("joint_views", points[:200], texts[:200], {"steps": 60}, views=views)
        return float(
            np.sum(projections.get("joint_views")(points[200:], state) * things[200:], axis=1).mean()
        )

    assert nearness(views[:200]) > nearness(None) + 0.1


def test_things_with_one_text_are_no_wrong_answers_to_each_other() -> None:
    texts = torch.from_numpy(np.stack([TEXT[0], TEXT[0], OTHER]))

    loss = contrastive(texts, texts, same_targets(texts), 0.05)
    strict = contrastive(texts, texts, torch.zeros(3, 3, dtype=torch.bool), 0.05)

    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    assert strict.item() == pytest.approx(2 / 3 * np.log(2), abs=1e-6)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda views: views[:-1], r"views are \[anchors, views of each, width\], here \[50, any, 8\]"),
        (lambda views: views[:, 0], r"not \[50, 8\]"),
        (lambda views: np.where(np.arange(50)[:, None, None] == 7, np.nan, views), "anchor 7 hold NaN"),
    ],
)
def test_views_that_do_not_go_with_the_anchors_are_refused(
    spoil: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    points, texts, views, _ = (side[:50] for side in made())

    with pytest.raises(InvalidInput, match=message) as refusal:
        fit("joint_views", points, texts, views=spoil(views))

    assert str(refusal.value.field) == "views"
