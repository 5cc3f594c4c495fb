"""The losses hold what their docstrings say."""

from __future__ import annotations

import pytest
import torch
from tieback.training.losses import neighbour_distillation, neighbours
from torch import Tensor


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
