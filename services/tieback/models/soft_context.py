"""A learned compression of contexts: how evidence becomes soft tokens of a language model.

An artifact that `tieback train xrag` made, for one language model and one encoder of texts. It is arrays for
a method of the family `context_compression`, and knows neither model by more than its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tieback.artifacts import Artifact, Kind
from tieback.catalog.card import EncoderCard, GeneratorCard
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.state import State, check_state
from tieback.core.types.arrays import Array
from tieback.methods.context_compression import context_compressions

SOFT_CONTEXT = Kind("soft_context", "compression of contexts", 1, "train it again: tieback train xrag")


@dataclass(frozen=True, slots=True, eq=False)
class SoftContext:
    """By `method`, with `state`, from vectors of the encoder `space` to soft tokens of the language model
    `model`.
    """

    name: str
    method: str
    state: State
    space: str
    model: str

    @classmethod
    def load(
        cls, folder: Path, encoders: Sequence[EncoderCard], generators: Sequence[GeneratorCard]
    ) -> SoftContext:
        """ArtifactError where the folder holds none, or it is for other weights than those served.

        StartupError where its models are not served.
        """
        artifact = Artifact.load(folder, SOFT_CONTEXT)
        artifact.check_weights([card.space for card in encoders])
        facts = artifact.facts
        models = {card.name: card for card in generators}
        if facts["space"] not in {card.name for card in encoders}:
            raise StartupError(f"the context {facts['name']} needs the encoder {facts['space']}; serve it")
        if facts["model"] not in models:
            raise StartupError(
                f"the context {facts['name']} needs the language model {facts['model']}; serve it"
            )
        if models[facts["model"]].revision != facts["model_revision"]:
            raise StartupError(
                f"the context {facts['name']} was trained for other weights of {facts['model']}; "
                f"{SOFT_CONTEXT.remedy}"
            )
        try:
            check_state(artifact.arrays, context_compressions.state(facts["method"]))
        except InvalidInput as error:
            raise SOFT_CONTEXT.unreadable(folder, error) from error
        return cls(facts["name"], facts["method"], artifact.arrays, facts["space"], facts["model"])

    def soft_tokens(self, vectors: Array) -> Array:
        """One for each vector: `[n, width of the space]` to `[n, width of the language model]`."""
        method = context_compressions.configure(self.method)
        return np.asarray(method(vectors, self.state))
