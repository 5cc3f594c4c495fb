"""One tower of a dual encoder, projected and normalised, in one graph: the one of the card's modality.

They are what transformers' own `get_text_features` and `get_image_features` or `get_audio_features` give,
whatever they pool by.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tieback_contract.modality import Modality
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import normalize

from tieback.catalog.card import EncoderCard
from tieback.catalog.own_directory import LARGEST_TOKENIZER, own_file, own_files, read_object
from tieback.catalog.runtimes.dual_encoder import DualEncoder
from tieback.core.errors import StartupError
from tieback.models.pictures.image_encoder import GRAPH
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.store.manifest import link_or_copy
from tieback.models.text.transformer_text import TOKENIZER
from tieback.recipes.export.audio_transformer import describe, keep_front_end, network_of, write_sounds
from tieback.recipes.export.image_encoder import check_width, keep_fitting, write_pictures
from tieback.recipes.export.transformer_text import BY_TOKEN, example, vocabulary_of
from tieback.recipes.graphs.architectures import positions
from tieback.recipes.graphs.backbone import find_class, load_model, read_config
from tieback.recipes.graphs.torch_export import export_network

CLIP, SIGLIP = "clip", "siglip"
PATCHES = "siglip2"
SECOND = {Modality.IMAGE: "vision_config", Modality.AUDIO: "audio_config"}
LEGACY_END = 2  # in a CLIP configuration: the text ends at its largest token number
SAMPLE_TOKENS = 11
TOKENIZER_CONFIG = "tokenizer_config.json"


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the tower's graph and what prepares its inputs; returns the parity with torch."""
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    options = card.options_for(DualEncoder)
    config = read_pair(weights, options.config)
    if card.modality not in (Modality.TEXT, second_tower(config)):
        raise StartupError(
            f"{options.config} is of {config.model_type}, which has no tower of {card.modality}, as the card "
            f"{card.name} says"
        )
    if card.modality is Modality.AUDIO:
        front_end = keep_front_end(weights, options.preprocessor, out, "clap")
        describe(config, options.config, front_end)
        model = load_model(weights, options.weights, config, options.config)
        return write_sounds(card, network_of(model, front_end), front_end, out, report)
    if card.modality is Modality.IMAGE:
        fitting, side = keep_fitting(weights, options.preprocessor, out), config.vision_config.image_size
        high, wide = (side, side) if isinstance(side, int) else side
        if (fitting.height, fitting.width) != (high, wide):
            raise StartupError(
                f"{options.preprocessor} makes pictures {fitting.height} × {fitting.width}, and the image "
                f"tower takes {high} × {wide}; they are not of one model"
            )
        model = load_model(weights, options.weights, config, options.config)
        return write_pictures(card, PictureTower(model), fitting, out, report)
    _prepare_text(card, config, weights, out)
    model = load_model(weights, options.weights, config, options.config)
    _check_end(out / TOKENIZER, config, model)
    tower: torch.nn.Module = TextTower(model)
    if config.model_type == SIGLIP:
        padding = padding_of(weights, out / TOKENIZER, config.text_config)
        tower = PaddedTextTower(model, tokens_of(config.text_config), padding)
    return _export_text(card, config, tower, out, report)


def is_pair(architecture: Any) -> bool:
    """Tell whether transformers' class of an architecture gives vectors of texts and something else."""
    of = find_class(architecture)
    text, *others = (hasattr(of, f"get_{one}_features") for one in ("text", "image", "audio"))
    return of is not None and of.main_input_name == "input_ids" and text and any(others)


def second_tower(config: Any) -> Modality:
    """The modality of the tower beside that of texts."""
    return Modality.IMAGE if hasattr(config, SECOND[Modality.IMAGE]) else Modality.AUDIO


def read_pair(folder: Path, name: str) -> Any:
    """The configuration of two towers. StartupError where they are not served as such."""
    config = read_config(folder, name)
    towers = [getattr(config, one, None) for one in ("text_config", SECOND[second_tower(config)])]
    if not is_pair(config.model_type) or not all(hasattr(one, "hidden_size") for one in towers):
        raise StartupError(
            f"{name} is of the architecture {config.model_type!r}, which is not served as a text tower and "
            "one of pictures or sounds"
        )
    if getattr(towers[1], "enable_fusion", False):
        raise StartupError(
            f"{name} is of a CLAP that fuses parts of a sound which are chosen at random (enable_fusion), so "
            "that a sound has another vector each time; take an unfused one (such as clap-htsat-unfused)"
        )
    if config.model_type == PATCHES:
        raise StartupError(
            f"{name} is of SigLIP 2 with patches of any shape (NaFlex), which one graph of square pictures "
            "does not take; take the same model of a fixed resolution (such as siglip2-base-patch16-224), "
            "whose config.json says siglip"
        )
    return config


def padding_of(folder: Path, tokenizer: Path, text: Any) -> int:
    """The number of the token that fills up texts: the tokenizer's own, else that of the configuration."""
    vocabulary = Tokenizer.from_file(str(tokenizer))
    if TOKENIZER_CONFIG in own_files(folder):
        named = read_object(folder, TOKENIZER_CONFIG).get("pad_token")
        token = vocabulary.token_to_id(str(named.get("content") if isinstance(named, dict) else named))
        if token is not None:
            return int(token)
    filled = vocabulary.padding
    return int(filled["pad_id"] if filled else text.pad_token_id or 0)


def tokens_of(text: Any) -> int:
    """The longest text that a text tower has places for."""
    most = positions(text.model_type, text.max_position_embeddings, text.pad_token_id)
    if most is None:
        raise StartupError(f"the text tower, {text.model_type}, does not say how long a text is")
    return most


class TextTower(torch.nn.Module):
    """Token numbers and mask to vectors."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor]:
        """`[batch, tokens]` twice to `[batch, width]`."""
        found = self.model.get_text_features(input_ids=input_ids, attention_mask=attention_mask)
        return (normalize(found.pooler_output, dim=-1),)


class PaddedTextTower(torch.nn.Module):
    """Token numbers and mask to vectors: the state at the last place, of texts padded as in training."""

    def __init__(self, model: Any, length: int, padding: int) -> None:
        super().__init__()
        self.model, self.length = model, length
        self.register_buffer("padding", torch.full((1, length), padding, dtype=torch.long))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor]:
        """`[batch, tokens]` twice to `[batch, width]`. It never saw a mask: padding is read like a word."""
        padding = self.padding.expand(input_ids.shape[0], -1)  # type: ignore[operator]  # a buffer is a tensor
        there = input_ids * attention_mask + self.padding[:, :1] * (1 - attention_mask)  # type: ignore[index]  # as above
        whole = torch.cat([there, padding], dim=1).narrow(1, 0, self.length)
        return (normalize(self.model.get_text_features(input_ids=whole).pooler_output, dim=-1),)


class PictureTower(torch.nn.Module):
    """Pixels to vectors."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        """`[batch, 3, height, width]` to `[batch, width]`."""
        return (normalize(self.model.get_image_features(pixel_values=pixels).pooler_output, dim=-1),)


def _prepare_text(card: EncoderCard, config: Any, weights: Path, out: Path) -> None:
    options = card.options_for(DualEncoder)
    link_or_copy(own_file(weights, options.tokenizer, largest=LARGEST_TOKENIZER), out / TOKENIZER)
    vocabulary, text = vocabulary_of(out / TOKENIZER), config.text_config
    if vocabulary > text.vocab_size:
        raise StartupError(
            f"the tokenizer has {vocabulary} tokens and the text tower {text.vocab_size}; "
            "they are not of one model"
        )
    if card.max_tokens != (tokens := tokens_of(text)):
        raise StartupError(
            f"the text tower reads {tokens} tokens, and the card {card.name} says "
            f"{card.max_tokens or 'nothing'}; write max_tokens: {tokens}"
        )


def _check_end(tokenizer: Path, config: Any, model: Any) -> None:
    """A tower that pools where the text ends needs a tokenizer that puts an end there."""
    end = getattr(model.text_model, "eos_token_id", None)
    if end is None:
        return
    by_size = end == LEGACY_END and config.model_type == CLIP
    ids = Tokenizer.from_file(str(tokenizer)).encode("a").ids
    if not ids or (ids[-1] != max(ids) if by_size else ids[-1] != end):
        wanted = "its largest number" if by_size else f"number {end}"
        raise StartupError(
            f"the text tower pools at the token that ends a text ({wanted}), and {tokenizer.name} ends 'a' "
            f"with {ids[-1] if ids else 'nothing'}; give it the post-processor that adds it"
        )


def _export_text(
    card: EncoderCard, config: Any, tower: torch.nn.Module, out: Path, report: Callable[[str], None]
) -> dict[str, Any]:
    text = config.text_config
    sample = torch.arange(min(SAMPLE_TOKENS, tokens_of(text))) % text.vocab_size
    if isinstance(text.eos_token_id, int) and text.eos_token_id < text.vocab_size:
        sample[-1] = text.eos_token_id  # where some towers pool
    report("exporting the text tower from torch, and checking parity")
    each = [example(2, sample[: len(sample) // 2]), example(3, sample), example(1, sample)]
    examples = [{IDS: ids, MASK: mask} for ids, mask in each]
    check_width(card, tower, *each[0])
    axes = dict.fromkeys([IDS, MASK], BY_TOKEN)
    return export_network(tower, examples, out / GRAPH, outputs=[DENSE], dynamic=axes)
