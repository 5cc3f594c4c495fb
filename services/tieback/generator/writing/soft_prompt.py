"""Soft prompts: learned tokens that a language model reads before the question, in the place of text.

Kinds of artifacts that an extension brings make them; the platform has none of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath
from tieback_contract.limits import Limits

from tieback.generator.writing.slots import Slots
from tieback.models.language.chat_template import Message
from tieback.models.language.model import LanguageModel


@dataclass(frozen=True, slots=True)
class Reading:
    """Parts of a generator that its soft prompts use.

    They are made by its `models`, in its `slots` and within its `limits`, and may be kept in the `folder` of
    the store.
    """

    models: Mapping[str, LanguageModel]
    slots: Slots
    limits: Limits
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class ConfiguredSoftPrompt:
    """A soft prompt for one request.

    `rows` makes the soft tokens `[n, width of the model]`, and blocks. With `reads_evidence` it is given the
    vectors of the evidence's sentences, and the prompt has no text of these; otherwise it is given None.
    `messages` is the conversation of a question and an excerpt, whose last message follows the soft tokens.
    """

    rows: Callable[[Array | None], Array]
    messages: Callable[[str, Sequence[str]], list[Message]]
    reads_evidence: bool = False


class SoftPrompt:
    """A learned way to make soft tokens of the language model `model`; requests ask for it by its `name`.

    A kind of artifact serves a subclass.
    """

    name: str
    model: str

    def opened(self, reading: Reading) -> SoftPrompt:  # noqa: ARG002 - of those that need more than vectors
        """Itself, with what it needs of its generator."""
        return self

    def configure(self, parameters: Mapping[str, object], field: FieldPath) -> ConfiguredSoftPrompt:
        """It with the parameters of a request, which are in that field.

        InvalidInput, with the field, or NotFound where they name what is not there.
        """
        raise NotImplementedError
