"""An encoder of point clouds without weights (Point-NN, Zhang et al., CVPR 2023, arXiv:2303.08134)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tieback.catalog.base_card import Weightless
from tieback.catalog.runtimes import Runtime


class PointCloud(Weightless):
    """An encoder of point clouds without weights (Point-NN, Zhang et al., CVPR 2023, arXiv:2303.08134).

    A cloud is sampled down to `points`. Each of `stages` halves the points and doubles the width, beginning
    with `embedding`, and pools each point's `neighbours` nearest; so a card's width is
    `embedding · 2^stages`. Sines and cosines have wavelengths from 2π / `beta` to nearly `alpha` times that.
    """

    computation = "point-nn 1"

    runtime: Literal["point_cloud"] = "point_cloud"
    points: Annotated[int, Field(ge=16, le=8192)] = 1024
    neighbours: Annotated[int, Field(gt=0, le=512)] = 90
    stages: Annotated[int, Field(gt=0, le=6)] = 4
    embedding: Annotated[int, Field(gt=0, le=384, multiple_of=6)] = 72
    alpha: Annotated[float, Field(gt=1)] = 1000.0
    beta: Annotated[float, Field(gt=0)] = 100.0


RUNTIME = Runtime("encoder", PointCloud, "tieback.models.point_cloud:PointCloudModel")
