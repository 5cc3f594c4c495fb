"""Audio transformers: the mean of a window's states from one graph, for windows of any length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.audio_encoder import AudioEncoder
from tieback.core.errors import StartupError
from tieback.models.sounds.encoder import FRAMES, FRAMES_PER_STATE, GRAPH, MEANS, SOUND
from tieback.recipes.graphs.torch_export import check, export_module
from tieback.recipes.networks import whisper_encoder
from tieback.recipes.networks.ctranslate2_file import CTranslate2File


class MeanOfSound(nn.Module):
    """The encoder, and the mean of its states where there is sound."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, frames: Tensor, sound: Tensor) -> tuple[Tensor]:
        """`[batch, bands, frames]` and `[batch, states]` of 1 and 0 to `[batch, width]`."""
        states = self.encoder(frames)
        return ((states * sound[..., None]).sum(dim=1) / sound.sum(dim=1, keepdim=True),)


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph; returns its parity with torch. StartupError where the weights do not fit the card."""
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    options = card.options_for(AudioEncoder)
    report("reading the weights")
    file = CTranslate2File.read(weights / options.weights)
    if file.specification != whisper_encoder.SPECIFICATION:
        raise StartupError(f"{options.weights} is a {file.specification} and the card's network is whisper")
    encoder = whisper_encoder.load(file.variables)
    _check_shapes(encoder, card, options)
    network = MeanOfSound(encoder)
    report("exporting from torch")
    export_module(
        network,
        _examples(options.bands, (2, 20)),
        out / GRAPH,
        inputs=[FRAMES, SOUND],
        outputs=[MEANS],
        dynamic={
            FRAMES: {0: "batch", 2: "frames"},
            SOUND: {0: "batch", 1: "states"},
            MEANS: {0: "batch"},
        },
    )
    report("checking parity")
    longest = _examples(options.bands, (1, len(encoder.positions)))
    metrics = check(network, out / GRAPH, [dict(zip((FRAMES, SOUND), longest, strict=True))], [MEANS])
    others = _examples(options.bands, (3, 75))
    check(network, out / GRAPH, [dict(zip((FRAMES, SOUND), others, strict=True))], [MEANS])
    return metrics


def _check_shapes(encoder: whisper_encoder.WhisperEncoder, card: EncoderCard, options: AudioEncoder) -> None:
    positions, width = encoder.positions.shape
    bands = encoder.conv1.in_channels
    needed = options.seconds * options.sample_rate // (options.hop * FRAMES_PER_STATE)
    found, said = (width, bands, positions), (card.width, options.bands, needed)
    if found != said:
        raise StartupError(
            f"{card.name}: the weights have width, bands and positions {found}, and the card says {said}"
        )


def _examples(bands: int, size: tuple[int, int]) -> list[Tensor]:
    """Frames about as large as real ones, the second half silent."""
    batch, states = size
    random = torch.Generator().manual_seed(0)
    frames = torch.rand(batch, bands, FRAMES_PER_STATE * states, generator=random) * 2 - 1
    sound = (torch.arange(states) < (states + 1) // 2).float().expand(batch, states).contiguous()
    return [frames, sound]
