"""Networks of transformers that read sounds, pooled and normalised, in one graph of dynamic batch and length.

Of a batch whose sounds are filled up to one length, the network is told the lengths where its extractor gives
a mask, and where that hides all that was filled up: the vectors are then those of each sound by itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tieback_contract.arrays import Array
from torch import Tensor
from torch.nn.functional import normalize

from tieback.catalog.card import EncoderCard
from tieback.catalog.own_directory import LARGEST_JSON, own_file
from tieback.catalog.runtimes.audio_transformer import AudioTransformer
from tieback.core.errors import StartupError
from tieback.models.reference import DENSE
from tieback.models.sounds.encoder import FRAMES_PER_STATE
from tieback.models.sounds.front_ends import (
    LONGEST,
    SHORTEST,
    FrontEnd,
    FrontEndName,
    RepeatedLogMel,
    Waveform,
    WholeLogMel,
    read_front_end,
)
from tieback.models.sounds.transformer import GRAPH, LENGTHS, PREPROCESSOR, SOUND
from tieback.models.store.manifest import link_or_copy
from tieback.recipes.export.image_encoder import check_width
from tieback.recipes.graphs.backbone import find_class, load_model, outline, read_config
from tieback.recipes.graphs.torch_export import export_network

FRONT_ENDS: Mapping[str, FrontEndName] = {"audio-spectrogram-transformer": "fbank", "whisper": "log_mel"}
MASKED = ("wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat")
"""Their masks hide all that fills up a sound, with the choices that `is_padding_hidden` names."""

SAMPLES = (SHORTEST, 5_011, 16_000)
"""Of the sounds that parity is checked on; the last two are traced."""

MISMATCHED = "Support for mismatched key_padding_mask"  # torch says it of how transformers' WavLM calls it


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the front end's numbers; returns the graph's parity with torch."""
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    options = card.options_for(AudioTransformer)
    config = read_config(weights, options.config)
    if front_end_of(config.model_type) != options.front_end:
        raise StartupError(
            f"{options.config} is of {config.model_type}, which has the front end "
            f"{front_end_of(config.model_type)}, and the card {card.name} says {options.front_end}"
        )
    front_end = keep_front_end(weights, options.preprocessor, out, options.front_end, options.seconds)
    describe(config, options.config, front_end)
    model = load_model(weights, options.weights, config, options.config)
    return write_sounds(card, network_of(model, front_end), front_end, out, report)


def front_end_of(architecture: Any) -> FrontEndName | None:
    """The front end of an architecture that reads sounds alone; None for others."""
    of = find_class(architecture)
    reads_samples = of is not None and of.main_input_name == "input_values"
    by_class = reads_samples and hasattr(of, "_get_feature_vector_attention_mask")
    return FRONT_ENDS.get(str(architecture), "samples" if by_class else None)


def is_padding_hidden(config: Any) -> bool:
    """Tell whether a mask hides all that fills up a sound.

    It does not where a norm goes over the whole sound, or a convolution behind the first norm over its end.
    """
    told = config.model_type in MASKED and config.feat_extract_norm == "layer"
    return told and not any(getattr(config, one, False) for one in ("add_adapter", "conv_pos_batch_norm"))


class SoundNetwork(torch.nn.Module):
    """A model of transformers, from what its front end makes of sounds to vectors of length 1."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model


class MeanOfStates(SoundNetwork):
    """The mean of all states of samples."""

    def forward(self, sound: Tensor) -> tuple[Tensor]:
        """`[batch, samples]` to `[batch, width]`."""
        return (normalize(self.model(sound).last_hidden_state.mean(dim=1), dim=-1),)


class MeanOfMasked(SoundNetwork):
    """The mean of the states of each sound's own samples, which alone are seen."""

    def forward(self, sound: Tensor, lengths: Tensor) -> tuple[Tensor]:
        """`[batch, samples]` and `[batch]` to `[batch, width]`."""
        mask = (torch.arange(sound.shape[1]) < lengths[:, None]).long()
        states = self.model(sound, attention_mask=mask).last_hidden_state
        return (_mean(states, self.model._get_feature_vector_attention_mask(states.shape[1], mask)),)


class MeanOfSound(SoundNetwork):
    """The mean of the encoder's states that begin within the sound, of a window that silence fills up."""

    def __init__(self, encoder: Any, per_state: int) -> None:
        super().__init__(encoder)
        self.per_state = per_state

    def forward(self, sound: Tensor, lengths: Tensor) -> tuple[Tensor]:
        """`[batch, bands, frames]` and `[batch]`, in samples, to `[batch, width]`."""
        states = self.model(sound).last_hidden_state
        begins = torch.arange(states.shape[1]) * self.per_state
        return (_mean(states, begins < lengths[:, None]),)


class PooledSound(SoundNetwork):
    """The class's own pooled state of a window."""

    def forward(self, sound: Tensor) -> tuple[Tensor]:
        """`[batch, frames, bands]` to `[batch, width]`."""
        return (normalize(self.model(sound).pooler_output, dim=-1),)


class SoundTower(SoundNetwork):
    """The vector of a window in the space of a dual encoder."""

    def forward(self, sound: Tensor) -> tuple[Tensor]:
        """`[batch, 1, frames, bands]` to `[batch, width]`."""
        return (normalize(self.model.get_audio_features(input_features=sound).pooler_output, dim=-1),)


def _mean(states: Tensor, own: Tensor) -> Tensor:
    """The mean of each sound's own states, of length 1; a sum has the same direction."""
    return normalize((states * own[..., None].to(states.dtype)).sum(dim=1), dim=-1)


def network_of(model: Any, front_end: FrontEnd) -> SoundNetwork:
    """The network that is exported of a model."""
    if isinstance(front_end, Waveform):
        told = front_end.masks and is_padding_hidden(model.config)
        return MeanOfMasked(model) if told else MeanOfStates(model)
    if isinstance(front_end, WholeLogMel):
        return MeanOfSound(model.get_encoder(), FRAMES_PER_STATE * front_end.numbers.hop)
    return SoundTower(model) if isinstance(front_end, RepeatedLogMel) else PooledSound(model)


def describe(config: Any, config_name: str, front_end: FrontEnd) -> int:
    """The width of a vector, without reading weights.

    StartupError where the network does not take sounds as the front end makes them.
    """
    network, inputs = outlined(config, config_name, front_end, count=2)
    try:
        with torch.no_grad(), torch.device("meta"):
            return int(network(*inputs)[0].shape[-1])
    except Exception as error:  # each class has its own for sounds of another size
        raise StartupError(
            f"a sound is made {' × '.join(map(str, inputs[0].shape[1:]))}, and the network of {config_name}, "
            f"{config.model_type}, does not take that: {str(error).partition(chr(10))[0][:200]}"
        ) from error


def outlined(
    config: Any, config_name: str, front_end: FrontEnd, *, count: int = 1, samples: int = 1
) -> tuple[SoundNetwork, list[Tensor]]:
    """The network of a configuration, and inputs of so many sounds of so many samples, without values."""
    model = outline(config, config_name)
    network = MeanOfStates(model) if isinstance(front_end, Waveform) else network_of(model, front_end)
    features = front_end(np.zeros(samples, np.float32))
    sound = torch.zeros(count, *features.shape, device="meta")
    lengths = [torch.ones(count, dtype=torch.long, device="meta")] if is_told_lengths(network) else []
    return network, [sound, *lengths]


def is_told_lengths(network: torch.nn.Module) -> bool:
    """Tell whether a network takes the lengths of sounds, too."""
    return isinstance(network, MeanOfMasked | MeanOfSound)


def keep_front_end(
    folder: Path, name: str, out: Path, kind: FrontEndName, seconds: int = LONGEST
) -> FrontEnd:
    """Keeps the file with the numbers of a front end, and reads it."""
    link_or_copy(own_file(folder, name, largest=LARGEST_JSON), out / PREPROCESSOR)
    return read_front_end(out / PREPROCESSOR, kind, seconds=seconds)


def write_sounds(
    card: EncoderCard,
    network: torch.nn.Module,
    front_end: FrontEnd,
    out: Path,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Writes the graph of a network of sounds; returns its parity."""
    report("exporting from torch, and checking parity")
    random = np.random.default_rng(0)
    counts = [min(one, front_end.longest) for one in SAMPLES]
    sounds = [random.normal(0, 0.1, one).astype(np.float32) for one in counts]
    told = is_told_lengths(network)
    examples = [_example(some, front_end, told) for some in (sounds[1:], sounds[:1], sounds)]
    axes = {0: "batch"} if front_end.fills else {0: "batch", 1: "samples"}
    dynamic = {SOUND: axes, LENGTHS: {0: "batch"}}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", MISMATCHED)
        check_width(card, network, *examples[1].values())
        return export_network(network, examples, out / GRAPH, outputs=[DENSE], dynamic=dynamic)


def _example(sounds: Sequence[Array], front_end: FrontEnd, told: bool) -> dict[str, Tensor]:
    """Inputs of a batch; sounds whose lengths a network is not told are cut to the shortest."""
    if not told:
        sounds = [one[: min(map(len, sounds))] for one in sounds]
    features = [front_end(one) for one in sounds]
    if told and not front_end.fills:
        longest = max(map(len, features))
        features = [np.pad(one, (0, longest - len(one))) for one in features]
    inputs = {SOUND: torch.from_numpy(np.stack(features))}
    return inputs | {LENGTHS: torch.tensor([len(one) for one in sounds])} if told else inputs
