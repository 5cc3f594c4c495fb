"""Plain decoding: the model's own logits."""

from __future__ import annotations

from tieback_contract.arrays import Array

from tieback.methods.decoding import PLAIN, Step, Stream, decodings


def streams() -> tuple[Stream, ...]:
    """The model with the plain prompt."""
    return (PLAIN,)


@decodings.method
def plain(step: Step) -> Array:
    """The logits as they are."""
    return step.logits[PLAIN]
