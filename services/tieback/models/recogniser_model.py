"""The contract between a loaded recogniser and the service that runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tieback_contract.limits import Limits
from tieback_contract.recognition import RecognisedText

from tieback.catalog.card import RecogniserCard
from tieback.core.types.content import Content
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

    def weigh(self, content: Content, limits: Limits) -> Weight:
        """Reads the header of one content: what decoding and running it take at most.

        InvalidInput, its field named by the modality, for what the header shows.
        """
        ...

    def prepare(self, content: Content, limits: Limits) -> Prepared:
        """Decodes one content. InvalidInput, its field named by the modality, where it cannot be read."""
        ...

    def run(self, prepared: Prepared) -> RecognisedText:
        """What is written or said in it, in reading order."""
        ...

    def warm_up(self) -> None:
        """Runs once, so that the first request does not pay for what is made on first use."""
        ...


@runtime_checkable
class FusingRecogniserModel(RecogniserModel, Protocol):
    """A recogniser in whose work a language model can take part."""

    def run_with(self, prepared: Prepared, fusing: Fusing) -> RecognisedText:
        """As `run`, with the language model."""
        ...
