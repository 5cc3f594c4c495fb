"""LOL, Lower Layer Matters (arXiv:2408.08769): an amateur is contrasted after the last and a lower layer.

The expert is the model asked as it should be, the amateur the same model asked for a false answer, which
stands for a model that was trained to hallucinate. Scores are F_last + omega · F_lower, where F is log
p(expert) − log p(amateur) after that layer, among the tokens that the expert's last layer holds for
plausible. With omega 0 this is the difference alone, to which `icd` comes as its alpha grows (Zhang et al.,
2023, arXiv:2312.15710). Truthfulness refocused: a part of the expert, or all of it, is the model told to be
truthful. Where amateur and expert agree, all plausible tokens score the same, so choices say little.

The paper trains its amateur and its code was not released: its weights and layers are not known here, and the
defaults of `layer`, `omega` and `refocus` are ours. Refocusing is off, since on TruthfulQA it gained nothing
that was measured and reads a third prompt (scripts/bench truthfulness).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from tieback_contract.arrays import Array

from tieback.methods.decoding import (
    Step,
    Stream,
    amateur,
    among_plausible,
    contrast,
    decodings,
    truthful,
    with_evidence,
)


def streams(*, layer: float, omega: float, refocus: float) -> tuple[Stream, ...]:
    """Expert and amateur, each after the last layer and, unless `omega` is 0, after `layer`."""
    shares = {with_evidence: 1 - refocus, truthful: refocus}
    prompts = [*(prompt for prompt, share in shares.items() if share > 0), amateur]
    depths = (None, layer) if omega else (None,)
    return tuple(Stream(prompt, depth) for depth in depths for prompt in prompts)


@decodings.method
def lol(
    step: Step,
    *,
    layer: Annotated[float, Field(ge=0)] = 0.85,
    omega: Annotated[float, Field(ge=0, le=10)] = 0.5,
    refocus: Annotated[float, Field(ge=0, le=1)] = 0.0,
    plausibility: Annotated[float, Field(ge=0, le=1)] = 0.1,
) -> Array:
    """Contrasts expert and amateur twice.

    `layer` is the lower one, by number or as a fraction of the depth below 1; `omega` weighs its contrast.
    `refocus` is the truthful prompt's share in the expert's logits: 0 leaves it out, 1 puts it in the place
    of the plain prompt. `plausibility` drops tokens that the expert holds for less than this share as
    probable as the likeliest.
    """
    expert = _expert(step, None, refocus)
    scores = contrast(expert, step.logits[Stream(amateur)])
    if omega:
        scores += omega * contrast(_expert(step, layer, refocus), step.logits[Stream(amateur, layer)])
    return among_plausible(scores, expert, plausibility)


def _expert(step: Step, layer: float | None, refocus: float) -> Array:
    """The expert's logits `[vocabulary]` after a layer: the mean of both prompts', by their shares."""
    if refocus <= 0.0:
        return step.logits[Stream(layer=layer)]
    refocused = step.logits[Stream(truthful, layer)]
    if refocus >= 1.0:
        return refocused
    return (1 - refocus) * step.logits[Stream(layer=layer)] + refocus * refocused
