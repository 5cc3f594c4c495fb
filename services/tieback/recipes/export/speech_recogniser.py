"""Whisper as two graphs: one hears a window of sound, the other writes it down token by token."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from tieback.catalog.card import RecogniserCard
from tieback.catalog.runtimes.speech_recogniser import SpeechRecogniser
from tieback.core.errors import StartupError
from tieback.models.sounds.encoder import FRAMES_PER_STATE
from tieback.models.sounds.speech_decoder import (
    BARRED,
    DECODER,
    ENCODER,
    FRAMES,
    LOGITS,
    PAST,
    PRESENT,
    SETTINGS,
    TOKENIZER,
    TOKENS,
    Vocabulary,
)
from tieback.recipes.graphs.torch_export import check, export_module
from tieback.recipes.networks import whisper_decoder, whisper_encoder
from tieback.recipes.networks.ctranslate2_file import CTranslate2File


def export(card: RecogniserCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graphs, the tokenizer and which tokens are barred; returns the graphs' parity with torch.

    StartupError where the weights do not fit the card or the tokenizer.
    """
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    options = card.options_for(SpeechRecogniser)
    report("reading the weights")
    file = CTranslate2File.read(weights / options.weights)
    if file.specification != whisper_encoder.SPECIFICATION:
        raise StartupError(f"{options.weights} is a {file.specification} and no Whisper")
    encoder, decoder = whisper_encoder.load(file.variables), whisper_decoder.load(file.variables)
    states = options.seconds * options.sample_rate // (options.hop * FRAMES_PER_STATE)
    found, said = (encoder.conv1.in_channels, len(encoder.positions)), (options.bands, states)
    if found != said:
        raise StartupError(f"{card.name}: the weights have bands and positions {found}, the card {said}")
    shutil.copyfile(weights / options.tokenizer, out / TOKENIZER)
    _write_settings(weights / options.settings, out / SETTINGS)
    marks = Vocabulary.read(out / TOKENIZER, out / SETTINGS).marks
    if decoder.projection.out_features <= marks:
        raise StartupError(f"{options.weights} has no marks of time; it is not of {options.tokenizer}")

    report("exporting from torch")
    random = torch.Generator().manual_seed(0)
    frames = torch.rand(1, options.bands, FRAMES_PER_STATE * states, generator=random) * 2 - 1
    hears = whisper_decoder.CrossStates(encoder, decoder)
    with torch.no_grad():
        cross = hears(frames)
    names = [f"cross.{layer}.{part}" for layer in range(len(decoder.layers)) for part in ("keys", "values")]
    export_module(hears, [frames], out / ENCODER, inputs=[FRAMES], outputs=names, dynamic={})
    export_module(
        decoder,
        [*_examples(decoder, rows=2, count=3, before=5), *cross],
        out / DECODER,
        inputs=[TOKENS, PAST, *names],
        outputs=[LOGITS, PRESENT],
        dynamic={
            TOKENS: {0: "rows", 1: "count"},
            PAST: {2: "rows", 4: "before"},
            LOGITS: {0: "rows"},
            PRESENT: {2: "rows", 4: "after"},
        },
    )
    report("checking parity")
    check(hears, out / ENCODER, [{FRAMES: frames}], names)
    inputs = dict(zip((TOKENS, PAST), _examples(decoder, rows=1, count=1, before=0), strict=True))
    check(decoder, out / DECODER, [inputs | dict(zip(names, cross, strict=True))], [LOGITS, PRESENT])
    inputs = dict(zip((TOKENS, PAST), _examples(decoder, rows=3, count=1, before=7), strict=True))
    return check(decoder, out / DECODER, [inputs | dict(zip(names, cross, strict=True))], [LOGITS, PRESENT])


def _write_settings(source: Path, target: Path) -> None:
    try:
        said = json.loads(source.read_text(encoding="utf-8"))
        barred = {name: [int(token) for token in said[name]] for name in BARRED}
    except (ValueError, KeyError, TypeError) as error:
        raise StartupError(f"{source.name} does not say which tokens are barred ({error})") from error
    target.write_text(json.dumps(barred), encoding="utf-8")


def _examples(
    decoder: whisper_decoder.WhisperDecoder, *, rows: int, count: int, before: int
) -> tuple[Tensor, Tensor]:
    """Tokens, and a cache about as large as real ones."""
    random = torch.Generator().manual_seed(1)
    attention = cast(whisper_decoder.Layer, decoder.layers[0]).self_attention
    shape = (len(decoder.layers), 2, rows, attention.heads, before, attention.head)
    tokens = torch.randint(0, decoder.projection.out_features, (rows, count), generator=random)
    return tokens, torch.rand(shape, generator=random) * 2 - 1
