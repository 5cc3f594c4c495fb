"""Losses: pure functions of tensors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import kl_div, normalize


def neighbours(rows: Tensor, *, temperature: float) -> Tensor:
    """The logarithms `[n, n - 1]` of each row's distribution over the others, nearer ones likelier.

    `rows` `[n, d]` may have any length: what counts are their cosines, divided by `temperature`.
    """
    unit = normalize(rows, dim=1)
    cosines = unit @ unit.T
    others = ~torch.eye(len(rows), dtype=torch.bool)
    return (cosines[others].view(len(rows), -1) / temperature).log_softmax(dim=1)


def neighbour_distillation(student: Tensor, teacher: Tensor) -> Tensor:
    """How far the student's `neighbours` `[n, n - 1]` are from the teacher's, a scalar of 0 or more.

    The Kullback-Leibler divergence of the student's distributions from the teacher's, the mean over rows: as
    Hinton et al. (2015, arXiv:1503.02531) do with classes. A low temperature looks at the nearest alone.
    """
    return kl_div(student, teacher, reduction="batchmean", log_target=True)
