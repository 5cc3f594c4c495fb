"""Losses: pure functions of tensors."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, normalize

SMALLEST_SQUARE = 1e-6
"""Of a sine: at an angle of 0 its root has no derivative."""


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


def angular_contrast(left: Tensor, right: Tensor, *, temperature: float, margin: float = 0.0) -> Tensor:
    """How badly partners stand out in a batch, in nats: InfoNCE, both ways (arXiv:1807.03748).

    Row i of `left` `[n, d]` and of `right` `[n, d]` are partners; all rows are unit. Before they are
    compared, the angle between partners is widened by `margin` radians, so that they come nearer than they
    have to (ArcFace; Deng et al., 2019, arXiv:1801.07698, which compares with learned classes and not with
    others).
    """
    cosines = left @ right.T
    own = cosines.diagonal()
    sines = (1 - own**2).clamp_min(SMALLEST_SQUARE).sqrt()
    widened = own * math.cos(margin) - sines * math.sin(margin)
    scores = (cosines + torch.diag(widened - own)) / temperature
    partners = torch.arange(len(scores))
    return (cross_entropy(scores, partners) + cross_entropy(scores.T, partners)) / 2


def output_distillation(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """How far the student's outputs `[n, d]` are from the teacher's, a scalar of 0 or more.

    Both are read as distributions over their dimensions, divided by `temperature`; the divergence is the mean
    over rows, times the temperature (2D Matryoshka, Li et al., 2024, arXiv:2402.14776, aligns layers so). The
    teacher is not moved.
    """
    wanted = (teacher.detach() / temperature).log_softmax(dim=1)
    given = (student / temperature).log_softmax(dim=1)
    return temperature * kl_div(given, wanted, reduction="batchmean", log_target=True)
