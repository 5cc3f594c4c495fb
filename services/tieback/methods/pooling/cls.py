"""The first token, which BERT trained to stand for the whole (Devlin et al., 2018, arXiv:1810.04805)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from tieback.methods.pooling import poolings


@poolings.method
def cls(states: Sequence[Tensor], sizes: Tensor) -> Tensor:  # noqa: ARG001 - the first token is always there
    """Texts are padded on the right, so the first place is never padding."""
    return states[-1][:, 0]
