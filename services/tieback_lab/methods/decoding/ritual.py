"""RITUAL: a transformed view beside the original (Woo et al., 2024, arXiv:2405.17821).

Scores are logits + alpha · logits of a second stream that sees the evidence transformed: what holds in both
views gains. In the paper the view is a picture that is flipped, turned, cropped, blurred or recoloured, drawn
once for each request. The models here read no pictures: a sentence of the evidence is dropped, the sentences
are shuffled, or words are masked. The paper's second form, in which the model first chooses the transform, is
not built, and no transform paraphrases.

Where the two views agree, scores are (1 + alpha) · logits, which is plain decoding at the temperature
1 / (1 + alpha). Greedy choices stay as they are, but sampled text is sharpened, with the paper's alpha of 3
as by a temperature of 0.25, and a gain over plain decoding at temperature 1 may be due to that alone. So it
should be compared with plain decoding at a lower temperature. Without evidence there is no other view.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from tieback.methods.decoding import PLAIN, EvidenceTransform, Step, Stream, among_plausible, decodings
from tieback_contract.arrays import Array


def streams(
    *, transform: Literal["random", "drop", "shuffle", "mask", "none"], share: float
) -> tuple[Stream, ...]:
    """The model with the evidence, and with the evidence transformed."""
    return (PLAIN,) if transform == "none" else (PLAIN, Stream(EvidenceTransform(transform, share)))


@decodings.method
def ritual(
    step: Step,
    *,
    alpha: Annotated[float, Field(ge=0, le=10)] = 3.0,
    transform: Literal["random", "drop", "shuffle", "mask", "none"] = "random",
    share: Annotated[float, Field(ge=0, le=1)] = 0.15,
    plausibility: Annotated[float, Field(ge=0, le=1)] = 0.1,
) -> Array:
    """Adds the two streams.

    `alpha` weighs the transformed view; 0 is plain decoding. `transform` is what is done to the evidence:
    drop a sentence, shuffle the sentences, mask a `share` of the words, one of these drawn by the request's
    seed (random), or none. `plausibility` drops tokens that, with the evidence as it is, are less than this
    share as probable as the likeliest.
    """
    *_, view = streams(transform=transform, share=share)
    given = step.logits[PLAIN]
    return among_plausible(given + alpha * step.logits[view], given, plausibility)
