"""The encoders that take part: loaded when first needed; their vectors are cached, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tieback_contract.arrays import Array

from tieback.artifacts import file_digest
from tieback.catalog.card import EncoderCard
from tieback.core.types.content import Content
from tieback.models.encoder_model import EncoderModel
from tieback.models.loading import RUNTIMES, load_encoder
from tieback.models.store import Store
from tieback.recipes.encoding import EncodedInputs, encode, encode_texts
from tieback.training.step_cache import StepCache

Say = Callable[[str], None]


class Encoders:
    """Loaded encoders. A step is named by what is encoded."""

    def __init__(self, store: Store, steps: StepCache, say: Say) -> None:
        self._store, self._steps, self._say = store, steps, say
        self._loaded: dict[str, EncoderModel] = {}

    def texts(self, what: str, card: EncoderCard, texts: Sequence[str]) -> Array:
        """The vectors `[texts, width]`; a text in which the encoder knows no word has zeros."""

        def make(model: EncoderModel) -> dict[str, Array]:
            return {"dense": encode_texts(model, texts)}

        return self._kept(what, card, encode_texts, {"texts": list(texts)}, len(texts), make)["dense"]

    def files(self, what: str, card: EncoderCard, files: Sequence[Path]) -> EncodedInputs:
        """The files as the encoder reads them. Faults are known where they are read now."""
        faults: dict[int, str] = {}

        def make(model: EncoderModel) -> dict[str, Array]:
            found = encode(model, files)
            faults.update(found.faults)
            return {"dense": found.dense, "classes": found.classes, "shares": found.shares}

        inputs = {"files": [file_digest(path) for path in files]}
        arrays = self._kept(what, card, encode, inputs, len(files), make)
        return EncodedInputs(**arrays, faults=faults, files=tuple(files))

    def contents(
        self,
        what: str,
        card: EncoderCard,
        contents: Callable[[], Sequence[Content]],
        count: int,
        made_from: Mapping[str, Any],
        *beside: Callable[..., Any],
    ) -> Array:
        """The vectors `[count, width]` of contents that are made of what `made_from` names, by `beside`."""

        def make(model: EncoderModel) -> dict[str, Array]:
            return {"dense": encode(model, contents()).dense}

        return self._kept(what, card, encode, made_from, count, make, *beside)["dense"]

    def _kept(
        self,
        what: str,
        card: EncoderCard,
        made_by: Callable[..., Any],
        made_from: Mapping[str, Any],
        count: int,
        make: Callable[[EncoderModel], Mapping[str, Array]],
        *beside: Callable[..., Any],
    ) -> dict[str, Array]:
        step = f"{what} in {card.name}"

        def encoded() -> Mapping[str, Array]:
            self._say(f"encoding {count} {step}")
            return make(self._model(card))

        inputs = {"space": f"{card.space} {card.space.fingerprint}", **made_from}
        return self._steps.arrays(step, made_by, inputs, encoded, beside=(RUNTIMES[card.runtime], *beside))

    def _model(self, card: EncoderCard) -> EncoderModel:
        if card.name not in self._loaded:
            self._loaded[card.name] = load_encoder(card, self._store)
        return self._loaded[card.name]
