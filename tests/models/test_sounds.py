"""Sounds that are what they say, and those that are not."""

from __future__ import annotations

import contextlib
import io
import struct

import numpy as np
import pytest
import soundfile
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.models.sounds.decoding import resample, samples_of
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

RATE = 16_000


def read(data: bytes, limits: Limits | None = None) -> Array:
    return samples_of(Content(Modality.AUDIO, data), limits or Limits(), rate=RATE)


def tone(rate: int = RATE, seconds: float = 1.0, hertz: float = 440.0) -> Array:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def written(samples: Array, rate: int = RATE, format: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


def wav(
    *,
    rate: int = RATE,
    channels: int = 1,
    bits: int = 16,
    data: bytes = bytes(3200),
    claimed: int | None = None,
) -> bytes:
    """A WAV by hand, whose header may say anything."""
    align = channels * bits // 8
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    size = len(data) if claimed is None else claimed
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG"])
def test_the_formats_that_are_named_are_read(format: str) -> None:
    samples = read(written(tone(), format=format))

    assert len(samples) == pytest.approx(RATE, rel=0.15)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("format", "subtype", "said"),
    [
        ("MP3", None, "not a sound in a format that is read"),
        ("AIFF", None, "not a sound in a format that is read"),
        ("CAF", None, "not a sound in a format that is read"),
        ("AU", None, "not a sound in a format that is read"),
        ("OGG", "OPUS", "something else than Vorbis"),
        ("WAV", "IMA_ADPCM", "codes of the kind 17"),
        ("WAV", "ALAW", "codes of the kind 6"),
    ],
)
def test_formats_that_are_not_named_are_refused_and_those_that_are_are_named(
    format: str, subtype: str | None, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        read(written(tone(), format=format, subtype=subtype))

    assert "send WAV (PCM or float), FLAC or Ogg Vorbis" in caught.value.message
    assert capfd.readouterr().err == ""


@each("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@each("format", ["WAV", "WAVEX"])
def test_a_wav_of_any_pcm_or_float_is_read(format: str, subtype: str) -> None:
    assert np.abs(read(written(tone(), format=format, subtype=subtype))).max() == pytest.approx(0.5, abs=0.01)


@each(
    "data, said",
    [
        (wav(claimed=3_000_000), "promises 3000000 bytes of samples and 3200 are there"),
        (wav(rate=0), "0 samples a second"),
        (wav(rate=4_000_000_000), "4000000000 samples a second"),
        (wav(rate=7), "7 samples a second"),
        (wav(channels=0), "0 channels"),
        (wav(channels=65535), "65535 channels"),
        (wav(data=b""), "no samples"),
        (wav()[:20], "no samples|cut off"),
        (wav()[:36], "no samples"),
        (b"RIFF\x10\0\0\0WAVEdata\4\0\0\0\0\0\0\0", "before the chunk that describes them"),
        (b"PK\x03\x04" + bytes(64), "look like a zip archive"),
        (b"hello", "not a sound in a format that is read"),
        (b"", "no bytes"),
    ],
)
def test_a_sound_whose_header_lies_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        read(data)

    assert str(caught.value.field) == "audio"
    assert "0x" not in caught.value.message


def test_a_wav_from_a_pipe_does_not_know_its_length_and_is_read() -> None:
    samples = read(wav(claimed=0xFFFFFFFF))

    assert len(samples) == 1600


@each("value", [np.nan, np.inf, -np.inf, 1e30])
def test_samples_that_are_no_numbers_are_refused(value: float) -> None:
    samples = tone()
    samples[100] = value

    with pytest.raises(InvalidInput, match=r"not numbers|full scale"):
        read(written(samples, subtype="FLOAT"))


def test_a_long_sound_is_refused_by_its_header() -> None:
    with pytest.raises(InvalidInput, match="takes 600 s") as caught:
        read(written(np.zeros(1000 * 700, np.int16), 1000))

    assert caught.value.reason == "AUDIO_TOO_LONG"


def test_a_sound_that_grows_when_it_is_decoded_is_refused_while_it_is_read() -> None:
    bomb = written(np.zeros(RATE * 60, np.int16), format="FLAC")

    with pytest.raises(InvalidInput, match="takes 1 s"):
        read(bomb, Limits(audio_seconds=1))

    assert len(bomb) < 20_000


def test_many_samples_a_second_do_not_stretch_the_limit() -> None:
    with pytest.raises(InvalidInput, match="48000 samples a second"):
        read(written(np.zeros(192_000 * 2, np.int16), 192_000), Limits(audio_seconds=1))


def test_channels_are_mixed() -> None:
    left_only = np.stack([tone(), np.zeros_like(tone())], axis=1)

    np.testing.assert_allclose(read(written(left_only, subtype="FLOAT")), tone() / 2, atol=1e-6)


def test_any_damage_to_a_sound_is_an_invalid_input_or_a_sound() -> None:
    random = np.random.default_rng(7)
    for format in ("WAV", "FLAC", "OGG"):
        good = np.frombuffer(written(tone(seconds=0.2), format=format), np.uint8)
        for _ in range(60):
            bad = good.copy()
            bad[random.integers(0, min(len(bad), 400), 3)] = random.integers(0, 256, 3)
            with contextlib.suppress(InvalidInput):
                assert np.isfinite(read(bad.tobytes(), Limits(audio_seconds=10))).all()


@each("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 44_101])
def test_a_tone_keeps_its_pitch_phase_and_loudness_at_another_rate(rate: int) -> None:
    samples = resample(tone(rate), rate, RATE)

    assert len(samples) == RATE
    middle = slice(400, -400)
    np.testing.assert_allclose(samples[middle], tone(RATE)[middle], atol=2e-3)


def test_what_the_lower_rate_cannot_hold_is_silenced() -> None:
    samples = resample(tone(48_000, hertz=12_000), 48_000, RATE)

    assert np.abs(samples[400:-400]).max() < 1e-3
