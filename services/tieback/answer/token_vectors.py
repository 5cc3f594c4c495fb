"""The vectors of the tokens of texts, made when the texts are stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from tieback_contract.encodings import Encoding
from tieback_contract.limits import Limits
from tieback_contract.locators import Locators
from tieback_contract.modality import Modality
from tieback_contract.vectors import MultiVector

from tieback.answer.encoding import REGIONS as MULTI_VECTOR
from tieback.answer.encoding import JointInputs, SpaceEncoders
from tieback.answer.stopwatch import Stopwatch
from tieback.core.deadline import Deadline
from tieback.core.types.content import Content
from tieback.core.types.encoding import Truncation
from tieback.ports import EncoderPort
from tieback.token_spaces import TokenSpace


async def token_vectors(
    encoder: EncoderPort,
    space: TokenSpace,
    contents: Sequence[Content],
    watch: Stopwatch,
    limits: Limits,
    deadline: Deadline,
) -> list[MultiVector | None]:
    """Those of each text, which is read as far as the space reads; None where it finds no token.

    Raises what is wrong with the space as a whole.
    """
    inputs = JointInputs({Modality.TEXT: (space.encoder,)}, {space.encoder: MULTI_VECTOR})
    encoded = await SpaceEncoders(encoder, inputs, limits).encode(
        contents, watch, truncation=Truncation.END, deadline=deadline
    )
    for error in encoded.failed.values():
        raise error
    return [found[0].multi_vector if found else None for found in encoded.encodings]


def taken_out(encodings: Sequence[Encoding], space: TokenSpace) -> tuple[list[Encoding], MultiVector | None]:
    """The encodings of a text without token vectors, and those of the space."""
    multi = next((one.multi_vector for one in encodings if one.space == space.ref), None)
    return [dataclasses.replace(one, multi_vector=None) for one in encodings], multi


def below_heading(multi: MultiVector, heading: int, most: int) -> MultiVector:
    """The first `most` vectors of a text that was read below a heading of so many bytes; 0 for all of them.

    Their spans are of the text: those of the heading are empty.
    """
    spans = np.maximum(multi.locators.places - heading, 0)
    whole = MultiVector(multi.values, multi.space, Locators(multi.locators.kind, spans))
    return whole.take(slice(most)) if most and len(whole) > most else whole
