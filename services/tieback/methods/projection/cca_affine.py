"""An affine map through the few dimensions in which the two spaces agree.

Escaping Plato's Cave (arXiv:2503.05283, method 46): spaces that were trained apart align poorly as a whole,
and well in a subspace. Principal components of both sides, canonical correlation analysis between them to k
dimensions, an affine map within the subspace, and the way back into the target. Canonical variates are
uncorrelated, so the best map within is a shrinking of each by its correlation, and the whole is reduced-rank
regression: with k as large as the anchors allow it is `affine` of the same ridge.

Two ways to compare. The method's rows lie in the target and compare with its vectors as they are, but what
the subspace lacks counts as a difference there. `in_subspace` puts both sides into the k dimensions. Between
two sentence encoders with 200 anchors, 50 dimensions find 51 % of the partners so, 26 % back in the target;
least squares in the whole space finds 30 %, and 45 % with a ridge and less the means (scripts/bench claims,
topic platonic). With 20 dimensions it is fewer than by `affine`, and with 1000 anchors no more; between an
image classifier's classes and their names it finds no more with 200 anchors either (10 % against 11 %).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback.methods.projection import (
    Count,
    NotNegative,
    Progress,
    Tensors,
    projections,
    unit_rows,
    unit_tensor,
)

if TYPE_CHECKING:
    from torch import Tensor

STATE = {
    "centre": ("source",),
    "into": ("source", "dimensions"),
    "correlations": ("dimensions",),
    "back": ("dimensions", "target"),
    "target_centre": ("target",),
    "target_into": ("target", "dimensions"),
}


@projections.method
def cca_affine(vectors: Array, state: State) -> Array:
    """normalise(((V − m) P) diag(ρ) B + n): variates, shrunk by their correlations ρ `[k]`, and back."""
    variates = (vectors - state["centre"]) @ state["into"]
    return unit_rows((variates * state["correlations"]) @ state["back"] + state["target_centre"])


def graph(vectors: Tensor, state: Tensors) -> Tensor:
    """The method in torch: within a graph, the way through the subspace is one matrix."""
    whole = (state["into"] * state["correlations"]) @ state["back"]
    return unit_tensor(vectors @ whole + (state["target_centre"] - state["centre"] @ whole))


def in_subspace(vectors: Array, state: State, side: Literal["source", "target"]) -> Array:
    """Unit rows `[n, k]` of vectors of one side; the cosine of two rows compares across the sides."""
    if side == "source":
        variates = (vectors - state["centre"]) @ state["into"]
        return unit_rows(variates * state["correlations"])
    return unit_rows((vectors - state["target_centre"]) @ state["target_into"])


def fit(
    source: Array,
    target: Array,
    *,
    progress: Progress = lambda _share, _doing: None,
    dimensions: Count = 50,
    ridge: NotNegative = 1.0,
) -> State:
    """The subspace of `dimensions`, or of as many as the anchors and the widths allow.

    `ridge` is, as for `affine`, in units of a side's mean variance by dimension; without one, every
    correlation is 1 as soon as the anchors are no more than the widths. InvalidInput where it is 0 with too
    few anchors for that.
    """
    needed = source.shape[1] + target.shape[1] + 1
    if ridge == 0.0 and len(source) < needed:
        raise InvalidInput(
            f"cca_affine without a ridge needs {needed} anchors between spaces of width {source.shape[1]} "
            f"and {target.shape[1]}; there are {len(source)}: give more, or a ridge",
            field="anchors",
        )
    progress(0.0, "principal components")
    left, right = source.mean(axis=0, dtype=np.float64), target.mean(axis=0, dtype=np.float64)
    axes, lengths = _principal(source - left)
    target_axes, target_lengths = _principal(target - right)
    whitened = axes / np.sqrt(lengths**2 + ridge * np.sum(lengths**2) / source.shape[1])
    scales = np.sqrt(target_lengths**2 + ridge * np.sum(target_lengths**2) / target.shape[1])
    progress(0.5, "canonical correlations")
    cross = ((source - left) @ whitened).T @ ((target - right) @ (target_axes / scales))
    turned, correlations, turned_back = np.linalg.svd(cross, full_matrices=False)
    turned, turned_back = turned[:, :dimensions], turned_back[:dimensions]
    progress(1.0, "canonical correlations")
    state = {
        "centre": left,
        "into": whitened @ turned,
        "correlations": correlations[:dimensions],
        "back": (turned_back * scales) @ target_axes.T,
        "target_centre": right,
        "target_into": (target_axes / scales) @ turned_back.T,
    }
    return {name: np.asarray(array, np.float32) for name, array in state.items()}


def _principal(centred: Array) -> tuple[Array, Array]:
    """Axes `[d, r]` along which the rows vary, as columns, and the singular values `[r]`; none that is 0."""
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    kept = lengths > 1e-5 * lengths[0]
    return axes[kept].T, lengths[kept]


def least_anchors(source_width: int, target_width: int) -> int:  # noqa: ARG001 - the ridge fills the rest
    """Three: of two, less their mean, one line is left, and every vector is at one end of it."""
    return 3
