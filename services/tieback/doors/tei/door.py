"""Which model a call means, and what of the protocol is refused, with the way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tieback_contract.reports import Timing

from tieback.core.errors import InvalidInput, NotFound, Unsupported
from tieback.core.types.encoding import Truncation
from tieback.dialects import tei_pb2

MODEL = "x-tieback-model"
"""The metadata by which a call names a model."""

RERANKER = "reranker"


@dataclass(frozen=True, slots=True)
class Served:
    """A model of the door. `max_tokens` is None where it reads texts of any length; `prompt` is put before
    its texts.

    `space` is whose tokens it reads.
    """

    name: str
    revision: str
    dtype: str
    max_tokens: int | None
    space: str
    is_sparse: bool = False
    is_reranker: bool = False
    is_classifier: bool = False
    prompt: str = ""

    @property
    def encodes(self) -> bool:
        """Tell whether it makes vectors."""
        return not (self.is_reranker or self.is_classifier)


class TokensPort(Protocol):
    """The tokenizers of the models, which are loaded when they are first asked."""

    async def counts(self, space: str, texts: Sequence[str]) -> tuple[list[int], tuple[int, int]]:
        """Tokens of each text, and the special ones around a text and around two."""
        ...

    async def tokens(self, space: str, text: str, *, special: bool) -> list[Any]:
        """The tokens of a text, each with `id`, `text` and `span`."""
        ...

    async def text(self, space: str, ids: Sequence[int], *, special: bool) -> str:
        """The text of tokens."""
        ...


class Models:
    """The models by name, and those that a call means which names none."""

    def __init__(self, models: Sequence[Served], default: str) -> None:
        self._models = {one.name: one for one in models}
        self._default = default

    def named(self, name: str) -> Served:
        """The model that a call names, or the default. NotFound, with the choices, where there is none."""
        found = self._models.get(name or self._default)
        if found is None:
            raise NotFound("model", name or self._default, self._models)
        return found

    def encoder(self, name: str, *, sparse: bool = False) -> Served:
        """The encoder that a call means; Unsupported where it names none of that kind and there is none."""
        found = self.named(name)
        if found.encodes and found.is_sparse == sparse:
            return found
        if not name:
            for one in self._models.values():
                if one.encodes and one.is_sparse == sparse:
                    return one
        kind = "a sparse space" if sparse else "a text space with dense vectors"
        raise Unsupported(f"{found.name} is not {kind}: name one in {MODEL}, or serve one by TIEBACK_SPACES")

    def classifier(self, name: str) -> Served:
        """The classifier that a call means: the one that it names, or the only one."""
        found = [one for one in self._models.values() if one.is_classifier and name in ("", one.name)]
        if len(found) == 1:
            return found[0]
        self.named(name)
        raise Unsupported(f"name a classifier in {MODEL}: {name or 'the default model'} is none")

    def reranker(self, name: str) -> Served:
        """The reranker that a call means."""
        found = self.named(name)
        if found.is_reranker:
            return found
        fallback = self._models.get(RERANKER)
        if name or fallback is None:
            raise Unsupported(f"{found.name} does not rerank: name a reranker in {MODEL}")
        return fallback


def truncation_of(request: Any) -> Truncation:
    """What is done with a text that is too long. Unsupported where its beginning should be cut."""
    if request.truncate and request.truncation_direction == tei_pb2.TRUNCATION_DIRECTION_LEFT:
        raise Unsupported("texts are cut at their end: set truncation_direction to RIGHT")
    return Truncation.END if request.truncate else Truncation.REFUSE


def check_prompt(model: Served, request: Any) -> None:
    """Refuses a prompt that is not the one that the model's texts get anyway."""
    if request.HasField("prompt_name") and request.prompt_name != model.prompt:
        known = f'"{model.prompt}"' if model.prompt else ""
        raise InvalidInput(
            f"no prompt of {model.name} is named {request.prompt_name!r}. Available prompts: [{known}]",
            field="prompt_name",
        )


def here(error: InvalidInput) -> InvalidInput:
    """An error of a platform's call, about this protocol's fields."""
    told = error.about(error.field)
    told.message = error.message.replace("(truncation)", "(truncate)")
    told.args = (told.message,)
    return told


def metadata(characters: int, tokens: int, timing: Timing) -> tei_pb2.Metadata:
    """What a call took."""
    return tei_pb2.Metadata(
        compute_chars=characters,
        compute_tokens=tokens,
        total_time_ns=_ns(timing.total),
        tokenization_time_ns=_ns(timing.prepare),
        queue_time_ns=_ns(timing.queue),
        inference_time_ns=_ns(timing.compute),
    )


def _ns(seconds: float) -> int:
    return max(0, int(seconds * 1e9))
