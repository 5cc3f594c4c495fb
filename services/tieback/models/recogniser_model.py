"""The contract between a loaded recogniser and the service that runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tieback.catalog.card import RecogniserCard
from tieback.core.types.content import Content
from tieback.core.types.limits import Limits
from tieback.core.types.recognition import RecognisedText
from tieback.methods.recognition_fusion import RecognitionFusion
from tieback.models.encoder_model import Prepared, Weight
from tieback.models.recognition_search import Reader


@dataclass(frozen=True, eq=False)
class Fusing:
    """A language model that takes part in recognising.

    `method` scores; `reader` makes, of a prompt and of how many texts are followed at once, what reads them.
    """

    method: RecognitionFusion
    reader: Callable[[str, int], Reader]


class RecogniserModel(Protocol):
    """A loaded recogniser of its card's modality.

    `prepare` may run in any thread; `run` runs in one thread at a time, on one content: how long it takes
    depends on what is written or said in it.
    """

    card: RecogniserCard
    fuses: bool
    """Whether a language model can take part."""

    def weigh(self, content: Content, limits: Limits) -> Weight:
        """Reads the header of one content: what decoding and running it take at most.

        InvalidInput, its field named by the modality, for what the header shows.
        """
        ...

    def prepare(self, content: Content, limits: Limits) -> Prepared:
        """Decodes one content. InvalidInput, its field named by the modality, where it cannot be read."""
        ...

    def run(self, prepared: Prepared, fusing: Fusing | None = None) -> RecognisedText:
        """What is written or said in it, in reading order; with a language model where one is given."""
        ...

    def warm_up(self) -> None:
        """Runs once, so that the first request does not pay for what is made on first use."""
        ...
