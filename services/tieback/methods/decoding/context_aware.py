"""Context-aware decoding (Shi et al., 2023, arXiv:2305.14739).

Scores are (1 + alpha) · logits with the evidence − alpha · logits without it: what the evidence adds is
amplified, and so what the model would have said anyway is damped. It helps where evidence and the model's
memory disagree; where they agree it mostly sharpens the distribution, so sampled text should be compared with
plain decoding at a lower temperature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from tieback.core.types.arrays import Array
from tieback.methods.decoding import (
    EXCLUDED,
    WITH_EVIDENCE,
    WITHOUT_EVIDENCE,
    decodings,
    plausible,
    reads,
)


@decodings.method
@reads(WITH_EVIDENCE, WITHOUT_EVIDENCE)
def context_aware(
    streams: Mapping[str, Array],
    *,
    alpha: Annotated[float, Field(ge=0, le=10)] = 0.5,
    plausibility: Annotated[float, Field(ge=0, le=1)] = 0.0,
) -> Array:
    """Contrasts the two streams.

    `alpha` 0 is plain decoding. `plausibility` drops tokens that, with the evidence, are less than this share
    as probable as the likeliest; the paper has no such constraint (0), and 0.1 is usual elsewhere.
    """
    given, recalled = streams[WITH_EVIDENCE], streams[WITHOUT_EVIDENCE]
    scores = given + alpha * (given - recalled)
    return np.where(plausible(given, plausibility), scores, EXCLUDED)
