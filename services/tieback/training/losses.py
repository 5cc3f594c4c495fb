"""Losses: pure functions of tensors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import kl_div, normalize


def neighbour_distillation(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """How far the student's rows are from having the teacher's neighbours, a scalar of 0 or more.

    `student` `[n, d1]` and `teacher` `[n, d2]` are vectors of the same n things, of any length. A row's
    cosines to the others, divided by `temperature`, are a distribution over these. The loss is the
    Kullback-Leibler divergence of the student's from the teacher's, the mean over rows (as Hinton et al.,
    2015, arXiv:1503.02531, do with classes). A low temperature looks at the nearest alone.
    """
    of_student, of_teacher = (_neighbours(rows, temperature) for rows in (student, teacher))
    return kl_div(of_student, of_teacher, reduction="batchmean", log_target=True)


def _neighbours(rows: Tensor, temperature: float) -> Tensor:
    """The logarithms `[n, n - 1]` of each row's distribution over the others."""
    unit = normalize(rows, dim=1)
    cosines = unit @ unit.T
    others = ~torch.eye(len(rows), dtype=torch.bool)
    return (cosines[others].view(len(rows), -1) / temperature).log_softmax(dim=1)
