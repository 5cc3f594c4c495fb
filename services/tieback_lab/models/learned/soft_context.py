"""A learned compression of contexts: how evidence or demonstrations become soft tokens of a language model.

An artifact that `tieback train xrag` or `tieback train aim` made, for one language model and, where it reads
vectors, one encoder of texts. It is arrays for a method of the family `context_compression`, and knows
neither model by more than its weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback.artifacts import Artifact, Kind
from tieback.catalog.card import EncoderCard, GeneratorCard
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.state import State, check_state
from tieback.generator.writing.prompting import messages
from tieback.generator.writing.soft_prompt import ConfiguredSoftPrompt, Reading, SoftPrompt
from tieback.models.language.chat_template import Message
from tieback.models.learned import ServedKind
from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath

from tieback_lab.generator.demonstrations import Demonstrations
from tieback_lab.generator.prompting import compressed_request
from tieback_lab.methods.context_compression import context_compressions

SOFT_CONTEXT = Kind(
    "soft_context", "compression of contexts", 1, "train it again: tieback train xrag, or aim"
)


@dataclass(frozen=True, slots=True, eq=False)
class SoftContext(SoftPrompt):
    """By `method`, with `state`, to soft tokens of the language model `model`.

    It is of vectors of the encoder `space`, one for a sentence of the evidence. Without a space it is of
    demonstrations: of the states of their tokens after the model's own `layer`.
    """

    name: str
    method: str
    state: State
    space: str
    model: str
    layer: int = 0
    revision: str = ""

    @property
    def is_of_demonstrations(self) -> bool:
        """Whether demonstrations are compressed by it, and not evidence."""
        return not self.space

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
        if facts["space"] and facts["space"] not in {card.name for card in encoders}:
            raise StartupError(
                f"the soft prompt {facts['name']} needs the encoder {facts['space']}; serve it"
            )
        if facts["model"] not in models:
            raise StartupError(
                f"the soft prompt {facts['name']} needs the language model {facts['model']}; serve it"
            )
        if models[facts["model"]].revision != facts["model_revision"]:
            raise StartupError(
                f"the soft prompt {facts['name']} was trained for other weights of {facts['model']}; "
                f"{SOFT_CONTEXT.remedy}"
            )
        try:
            check_state(artifact.arrays, context_compressions.state(facts["method"]))
        except InvalidInput as error:
            raise SOFT_CONTEXT.unreadable(folder, error) from error
        return cls(
            facts["name"],
            facts["method"],
            artifact.arrays,
            facts["space"],
            facts["model"],
            facts["layer"],
            artifact.revision,
        )

    def opened(self, reading: Reading) -> SoftPrompt:
        """The kept demonstrations, where it is of these and the generator has its model and a folder."""
        if not self.is_of_demonstrations or reading.folder is None or self.model not in reading.models:
            return self
        return Demonstrations(reading.folder / "demonstrations", self, reading)

    def configure(self, parameters: Mapping[str, object], field: FieldPath) -> ConfiguredSoftPrompt:
        """Compressed evidence, which has no parameters."""
        if parameters:
            raise InvalidInput(f"the soft prompt {self.name} has no parameters; leave them out", field=field)
        return ConfiguredSoftPrompt(
            lambda rows: self.soft_tokens(np.asarray(rows)), _asking, reads_evidence=True
        )

    def soft_tokens(self, vectors: Array) -> Array:
        """One for each vector or state: `[n, its width]` to `[n, width of the language model]`."""
        method = context_compressions.configure(self.method)
        return np.asarray(method(vectors, self.state))


def _asking(question: str, _: Sequence[str]) -> list[Message]:
    return messages(compressed_request(question))


SERVED = ServedKind(
    SOFT_CONTEXT,
    SoftContext,
    lambda folder, models: SoftContext.load(folder, models.text_space, models.generators),
    lambda one: [
        f"the soft prompt {one.name!r}",
        *(["a compression of demonstrations"] if one.is_of_demonstrations else []),
    ],
)
