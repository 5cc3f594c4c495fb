"""The real store, filled by scripts/setup (tieback models pull), and the encoders out of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tieback.catalog.catalog import Catalog
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.encoder_model import EncoderModel, RawEncoding
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

Encode = Callable[..., RawEncoding]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog.load()


@pytest.fixture(scope="session")
def store() -> Store:
    return Store()


@pytest.fixture(scope="session")
def encoder(catalog: Catalog, store: Store) -> Callable[[str], EncoderModel]:
    """Loads an encoder by its name, in float32 where it is offered in that, or by NAME=PRECISION."""
    cards = {card.name: card for card in catalog.encoders()}

    @functools.cache
    def load(named: str) -> EncoderModel:
        name, _, precision = named.partition("=")
        card = cards[name]
        return load_encoder(card.at(precision or card.offered_precisions[0]), store)

    return load


@pytest.fixture(scope="session")
def encode(encoder: Callable[[str], EncoderModel]) -> Encode:
    """Encodes one text, picture or sound with a named model."""

    def encode_one(
        name: str, data: str | bytes | np.ndarray, truncation: Truncation = Truncation.REFUSE
    ) -> RawEncoding:
        model = encoder(name)
        content = Content(model.card.modality, data)
        prepared = model.prepare(content, EncodePlan(truncation=truncation), Limits())
        return model.run([prepared], EncodePlan(kinds=model.card.kinds))[0]

    return encode_one


@pytest.fixture(scope="session")
def photo(catalog: Catalog, store: Store) -> Callable[[str], bytes]:
    folders = [store.media(catalog.get_media(name)) for name in ("scikit-image", "scikit-learn")]

    def read(name: str) -> bytes:
        return next(folder / name for folder in folders if (folder / name).exists()).read_bytes()

    return read


@pytest.fixture(scope="session")
def clip(catalog: Catalog, store: Store) -> Callable[[str], bytes]:
    folder: Path = store.media(catalog.get_media("speech"))
    return lambda name: (folder / name).read_bytes()


@pytest.fixture(scope="session")
def sample(
    photo: Callable[[str], bytes], clip: Callable[[str], bytes]
) -> Callable[[Modality], list[str | bytes | np.ndarray]]:
    """Two real contents of a modality."""
    random = np.random.default_rng(0)
    samples: dict[Modality, list[str | bytes | np.ndarray]] = {
        Modality.TEXT: ["The cat sat on the mat.", "Wind over the harbour, at night, in three parts"],
        Modality.IMAGE: [photo("coffee.png"), photo("rocket.jpg")],
        Modality.AUDIO: [clip("beckett.wav"), clip("two_cities.wav")],
        Modality.POINTS: [random.normal(size=(n, 3)).astype(np.float32) for n in (300, 2000)],
    }
    return samples.__getitem__


@pytest.fixture
def own_cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder for the user's cards, and an empty store."""
    folder = tmp_path / "cards"
    folder.mkdir()
    monkeypatch.setenv("TIEBACK_CARDS", str(folder))
    monkeypatch.setenv("TIEBACK_MODELS", str(tmp_path / "store"))
    return folder
