"""One tower of a dual encoder, projected and normalised, in one graph: the one of the card's modality."""

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
from tieback.catalog.own_directory import LARGEST_JSON, LARGEST_TOKENIZER, own_file
from tieback.catalog.runtimes.dual_encoder import DualEncoder
from tieback.core.errors import StartupError
from tieback.models.pictures.dual_encoder import GRAPH, PIXELS, PREPROCESSOR
from tieback.models.pictures.fitting import PictureFitting
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.store.manifest import link_or_copy
from tieback.models.text.transformer_text import TOKENIZER
from tieback.recipes.export.transformer_text import example, vocabulary_of
from tieback.recipes.graphs.architectures import CLIP, DUAL_ENCODERS, SIGLIP
from tieback.recipes.graphs.backbone import load_model, read_config
from tieback.recipes.graphs.torch_export import check, export_module

LEGACY_END = 2  # in a CLIP configuration: the text ends at its largest token number
SAMPLE_TOKENS = 11
DYNAMIC = {name: {0: "batch", 1: "tokens"} for name in (IDS, MASK)} | {DENSE: {0: "batch"}}


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the tower's graph and what prepares its inputs; returns the parity with torch."""
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    options = card.options_for(DualEncoder)
    config = read_config(weights, options.config, DUAL_ENCODERS)
    text = card.modality is Modality.TEXT
    (_prepare_text if text else _prepare_pictures)(card, config, weights, out)
    model = load_model(weights, options.weights, config, options.config)
    report(f"exporting the {card.modality} tower from torch")
    return (_export_text if text else _export_pictures)(card, config, model, out, report)


class ClipText(torch.nn.Module):
    """Token numbers and mask to vectors: the state at the end of the text, projected."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.tower, self.projection = model.text_model, model.text_projection

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor]:
        """`[batch, tokens]` twice to `[batch, width]`."""
        state = self.tower(input_ids=input_ids, attention_mask=attention_mask).pooler_output
        return (normalize(self.projection(state), dim=-1),)


class SiglipText(torch.nn.Module):
    """Token numbers and mask to vectors: the state at the last place, of texts padded as in training."""

    def __init__(self, model: Any, length: int, padding: int) -> None:
        super().__init__()
        self.tower, self.length = model.text_model, length
        self.register_buffer("padding", torch.full((1, length), padding, dtype=torch.long))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor]:
        """`[batch, tokens]` twice to `[batch, width]`. It never saw a mask: padding is read like a word."""
        padding = self.padding.expand(input_ids.shape[0], -1)  # type: ignore[operator]  # a buffer is a tensor
        there = input_ids * attention_mask + self.padding[:, :1] * (1 - attention_mask)  # type: ignore[index]  # as above
        whole = torch.cat([there, padding], dim=1)[:, : self.length]
        return (normalize(self.tower(input_ids=whole).pooler_output, dim=-1),)


class Pictures(torch.nn.Module):
    """Pixels to vectors."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.tower = model.vision_model
        self.projection = getattr(model, "visual_projection", torch.nn.Identity())

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        """`[batch, 3, height, width]` to `[batch, width]`."""
        return (normalize(self.projection(self.tower(pixel_values=pixels).pooler_output), dim=-1),)


def _prepare_text(card: EncoderCard, config: Any, weights: Path, out: Path) -> None:
    options = card.options_for(DualEncoder)
    link_or_copy(own_file(weights, options.tokenizer, largest=LARGEST_TOKENIZER), out / TOKENIZER)
    vocabulary, text = vocabulary_of(out / TOKENIZER), config.text_config
    if vocabulary > text.vocab_size:
        raise StartupError(
            f"the tokenizer has {vocabulary} tokens and the text tower {text.vocab_size}; "
            "they are not of one model"
        )
    if card.max_tokens != text.max_position_embeddings:
        raise StartupError(
            f"the text tower reads {text.max_position_embeddings} tokens, and the card {card.name} says "
            f"{card.max_tokens or 'nothing'}; write max_tokens: {text.max_position_embeddings}"
        )
    if config.model_type == CLIP:
        _check_end(out / TOKENIZER, text.eos_token_id)


def _check_end(tokenizer: Path, end: int) -> None:
    """CLIP pools where the text ends, so the tokenizer has to put an end there."""
    ids = Tokenizer.from_file(str(tokenizer)).encode("a").ids
    if not ids or (ids[-1] != max(ids) if end == LEGACY_END else ids[-1] != end):
        wanted = "its largest number" if end == LEGACY_END else f"number {end}"
        raise StartupError(
            f"the text tower pools at the token that ends a text ({wanted}), and {tokenizer.name} ends 'a' "
            f"with {ids[-1] if ids else 'nothing'}; give it the post-processor that adds it"
        )


def _prepare_pictures(card: EncoderCard, config: Any, weights: Path, out: Path) -> None:
    options = card.options_for(DualEncoder)
    link_or_copy(own_file(weights, options.preprocessor, largest=LARGEST_JSON), out / PREPROCESSOR)
    fitting, side = PictureFitting.read(out / PREPROCESSOR), config.vision_config.image_size
    if (fitting.height, fitting.width) != (side, side):
        raise StartupError(
            f"{options.preprocessor} makes pictures {fitting.height} × {fitting.width}, and the image tower "
            f"takes {side} × {side}; they are not of one model"
        )


def _export_text(
    card: EncoderCard, config: Any, model: torch.nn.Module, out: Path, report: Callable[[str], None]
) -> dict[str, Any]:
    text = config.text_config
    tower: torch.nn.Module
    if config.model_type == SIGLIP:
        tower = SiglipText(model, text.max_position_embeddings, int(text.pad_token_id or 0))
    else:
        tower = ClipText(model)
    count = min(SAMPLE_TOKENS, text.max_position_embeddings)
    sample = torch.arange(count) % text.vocab_size
    if config.model_type == CLIP and text.eos_token_id != LEGACY_END:
        sample[-1] = text.eos_token_id
    export_module(
        tower, example(2, sample[: count // 2]), out / GRAPH, inputs=[IDS, MASK], outputs=[DENSE],
        dynamic=DYNAMIC,
    )  # fmt: skip
    report("checking parity")
    ids, mask = example(3, sample)
    _check_width(card, tower, (ids, mask))
    return check(tower, out / GRAPH, {IDS: ids, MASK: mask}, [DENSE])


def _export_pictures(
    card: EncoderCard, config: Any, model: torch.nn.Module, out: Path, report: Callable[[str], None]
) -> dict[str, Any]:
    side, tower = config.vision_config.image_size, Pictures(model)
    pixels = torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0))
    batch = {name: {0: "batch"} for name in (PIXELS, DENSE)}
    export_module(tower, [pixels[:1]], out / GRAPH, inputs=[PIXELS], outputs=[DENSE], dynamic=batch)
    report("checking parity")
    _check_width(card, tower, (pixels,))
    return check(tower, out / GRAPH, {PIXELS: pixels}, [DENSE])


def _check_width(card: EncoderCard, tower: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
    with torch.no_grad():
        width = tower(*inputs)[0].shape[-1]
    if width != card.width:
        raise StartupError(
            f"the card {card.name} says width {card.width}, and the {card.modality} tower's vectors have "
            f"{width}; write width: {width}"
        )
