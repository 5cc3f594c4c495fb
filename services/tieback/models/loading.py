"""From a card to a loaded encoder: one table of runtimes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tieback.catalog.card import Card, EncoderCard, RecogniserCard
from tieback.core.errors import StartupError
from tieback.models.encoder_model import EncoderModel
from tieback.models.feature_table import FeatureTableModel
from tieback.models.label_recogniser import load_labels
from tieback.models.pictures.classifier import ImageClassifierModel
from tieback.models.pictures.dual_encoder import load_tower
from tieback.models.pictures.regions import ImageRegionsModel
from tieback.models.pictures.text_recogniser import TextRecogniserModel
from tieback.models.point_cloud import PointCloudModel
from tieback.models.recognition_search import RecogniserModel
from tieback.models.session import PROCESSOR, Hardware
from tieback.models.sounds.classifier import AudioClassifierModel
from tieback.models.sounds.encoder import AudioEncoderModel
from tieback.models.sounds.speech_recogniser import SpeechRecogniserModel
from tieback.models.store import ServedModel, Store
from tieback.models.text.sparse_text import DenseSparseTextModel, SparseTextModel
from tieback.models.text.static_text import StaticTextModel
from tieback.models.text.transformer_text import TransformerTextModel

Loader = Callable[[EncoderCard, ServedModel, Hardware], EncoderModel]
RUNTIMES: dict[str, Loader] = {
    "transformer_text": TransformerTextModel,
    "dual_encoder": load_tower,
    "sparse_text": SparseTextModel,
    "dense_sparse_text": DenseSparseTextModel,
    "static_text": StaticTextModel,
    "image_classifier": ImageClassifierModel,
    "image_regions": ImageRegionsModel,
    "audio_classifier": AudioClassifierModel,
    "audio_encoder": AudioEncoderModel,
    "feature_table": FeatureTableModel,
    "point_cloud": PointCloudModel,
}


RecogniserLoader = Callable[[RecogniserCard, ServedModel, Hardware], RecogniserModel]
RECOGNISERS: dict[str, RecogniserLoader] = {
    "label_recogniser": load_labels,
    "speech_recogniser": SpeechRecogniserModel,
    "text_recogniser": TextRecogniserModel,
}
M = TypeVar("M")


def load_encoder(card: EncoderCard, store: Store, hardware: Hardware = PROCESSOR) -> EncoderModel:
    """The card's model, checked and loaded. StartupError names the file that is wrong and how to pull it."""
    return _loaded(card, lambda: RUNTIMES[card.runtime](card, store.open(card), hardware))


def load_recogniser(card: RecogniserCard, store: Store, hardware: Hardware = PROCESSOR) -> RecogniserModel:
    """As `load_encoder`, of a recogniser."""
    return _loaded(card, lambda: RECOGNISERS[card.runtime](card, store.open(card), hardware))


def _loaded(card: Card, load: Callable[[], M]) -> M:
    try:
        return load()
    except StartupError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise StartupError(
            f"the model {card.name} cannot be loaded: {error}; run: tieback models pull {card.name}"
        ) from error
