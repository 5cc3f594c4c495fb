"""Dual encoders: a text tower and one of pictures or sounds, whose vectors compare (CLIP: Radford et al.,
2021, arXiv:2103.00020; SigLIP: Zhai et al., 2023, arXiv:2303.15343; CLAP: Wu et al., 2022, arXiv:2211.06687).

Each is an encoder of its own, by a card of its own; the cards' `shares` names the common space. The text
tower is served as any text encoder is: its graph pools, projects and normalises.
"""

from __future__ import annotations

from tieback_contract.modality import Modality

from tieback.catalog.card import EncoderCard
from tieback.models.encoder_model import EncoderModel
from tieback.models.pictures.image_encoder import ImageEncoderModel
from tieback.models.session import PROCESSOR, Hardware
from tieback.models.sounds.transformer import AudioTransformerModel
from tieback.models.store import ServedModel
from tieback.models.text.transformer_text import TransformerTextModel


def load_tower(card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> EncoderModel:
    """The tower that the card's modality names."""
    if card.modality is Modality.TEXT:
        return TransformerTextModel(card, served, hardware)
    if card.modality is Modality.AUDIO:
        return AudioTransformerModel(card, served, hardware)
    return ImageEncoderModel(card, served, hardware)
