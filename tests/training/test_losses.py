"""The losses hold what their docstrings say."""

from __future__ import annotations

import math

import pytest
import torch
from tieback.training.loop import angular_contrast, neighbour_distillation, neighbours
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize


def distance(student: Tensor, teacher: Tensor) -> Tensor:
    return neighbour_distillation(*(neighbours(rows, temperature=0.1) for rows in (student, teacher)))


ROWS = torch.randn(20, 8, generator=torch.Generator().manual_seed(0))


def test_a_student_with_the_teachers_neighbours_has_no_loss_however_it_is_turned_and_scaled() -> None:
    turn = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(1)))[0]

    loss = distance(3 * ROWS @ turn, ROWS)

    assert float(loss) == pytest.approx(0, abs=1e-5)


def test_a_student_that_sees_less_has_a_loss_that_can_be_learned_from() -> None:
    student = ROWS[:, :3].clone().requires_grad_()

    loss = distance(student, ROWS)
    loss.backward()  # type: ignore[no-untyped-call]  # torch's own

    assert float(loss.detach()) > 0.1
    assert student.grad is not None
    assert student.grad.abs().sum() > 0


def test_a_row_is_not_its_own_neighbour() -> None:
    """Of two things there is one neighbour each, and nothing to be wrong about."""
    loss = distance(torch.tensor([[1.0], [-1.0]]), torch.tensor([[1.0], [0.5]]))

    assert float(loss) == pytest.approx(0, abs=1e-6)


UNIT = normalize(ROWS, dim=1)


def test_partners_that_are_told_from_others_have_hardly_a_loss_and_others_have() -> None:
    right = angular_contrast(UNIT, UNIT, temperature=0.05)
    wrong = angular_contrast(UNIT, UNIT.roll(1, 0), temperature=0.05)

    assert float(right) < 0.5 < 5 < float(wrong)
    assert float(angular_contrast(UNIT, UNIT, temperature=1e6)) == pytest.approx(math.log(20), abs=1e-3)


def test_without_a_margin_it_is_the_cross_entropy_both_ways() -> None:
    other = normalize(ROWS + 0.5 * ROWS.flip(0), dim=1)
    scores, partners = UNIT @ other.T / 0.1, torch.arange(20)
    both = (cross_entropy(scores, partners) + cross_entropy(scores.T, partners)) / 2

    assert float(angular_contrast(UNIT, other, temperature=0.1)) == pytest.approx(float(both), abs=1e-5)


def test_a_margin_asks_of_partners_to_be_nearer_by_an_angle() -> None:
    """Of two pairs, each at 0.4 from its partner and at right angles to the other."""
    left = torch.tensor([[1.0, 0, 0, 0], [0, 0, 1, 0]])
    right = torch.tensor([[math.cos(0.4), math.sin(0.4), 0, 0], [0, 0, math.cos(0.4), math.sin(0.4)]])

    loss = angular_contrast(left, right, temperature=0.5, margin=0.15)

    assert float(loss) == pytest.approx(math.log1p(math.exp(-math.cos(0.55) / 0.5)), abs=1e-4)


def test_partners_that_are_the_same_can_be_learned_from() -> None:
    rows = UNIT.clone().requires_grad_()

    angular_contrast(rows, rows, temperature=0.05, margin=0.15).backward()  # type: ignore[no-untyped-call]  # torch's own

    assert rows.grad is not None
    assert bool(rows.grad.isfinite().all())
