"""What a recogniser finds in a picture or a sound: a text, and where each part of it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tieback_contract.method_choice import MethodChoice
from tieback_contract.recognition import RecognisedText
from tieback_contract.reports import Timing
from tieback_contract.wire import alone

from tieback.core.errors import TiebackError
from tieback.core.types.content import Content


@dataclass(frozen=True, slots=True)
class RecogniseRequest:
    """Pictures and sounds to read.

    `model` is the recogniser; empty for the server's of each content's modality. `fusion` is how a language
    model takes part.
    """

    contents: Sequence[Content] = field(metadata=alone())
    model: str = ""
    fusion: MethodChoice | None = None


@dataclass(frozen=True, slots=True)
class RecogniseReply:
    """A result for each content, in order; a bad one has an error."""

    results: Sequence[RecognisedText | TiebackError]
    timing: Timing
