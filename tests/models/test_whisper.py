"""Whisper's encoder: its weights' file, its front end, its network, and what is served of it."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tieback.catalog.catalog import Catalog
from tieback.catalog.runtimes.audio_encoder import AudioEncoder
from tieback.core.call import NO_CALL
from tieback.core.errors import StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest
from tieback.encoder import Encoder
from tieback.models.encoder_model import EncoderModel
from tieback.models.sounds.decoding import resample
from tieback.models.sounds.encoder import AudioEncoderModel
from tieback.models.sounds.log_mel import LogMelFrames
from tieback.models.store import Store
from tieback.recipes.networks.ctranslate2_file import CTranslate2File
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

NAME = "whisper-tiny-en"
OPTIONS = AudioEncoder(network="whisper", weights="model.bin")
RATE = 16_000
TYPES = {"float32": 0, "int8": 1, "float16": 4}


def string(text: str) -> bytes:
    return struct.pack("<H", len(text.encode()) + 1) + text.encode() + b"\0"


def variable(name: str, value: Array) -> bytes:
    head = string(name) + struct.pack("<B", value.ndim) + struct.pack(f"<{value.ndim}I", *value.shape)
    return head + struct.pack("<BI", TYPES[str(value.dtype)], value.nbytes) + value.tobytes()


def model_file(*variables: bytes, aliases: tuple[tuple[str, str], ...] = (), version: int = 6) -> bytes:
    """As CTranslate2's converter writes it."""
    named = b"".join(string(alias) + string(name) for alias, name in aliases)
    return (
        struct.pack("<I", version)
        + string("WhisperSpec")
        + struct.pack("<II", 3, len(variables))
        + b"".join(variables)
        + struct.pack("<I", len(aliases))
        + named
    )


def read(folder: Path, data: bytes) -> CTranslate2File:
    path = folder / "model.bin"
    path.write_bytes(data)
    return CTranslate2File.read(path)


ONE = variable("one", np.arange(6, dtype=np.float16).reshape(2, 3))


def test_variables_are_read_with_their_names_shapes_and_types(tmp_path: Path) -> None:
    two = variable("scope/two", np.array(7, np.int8))

    file = read(tmp_path, model_file(ONE, two, aliases=(("three", "one"),)))

    assert file.specification == "WhisperSpec"
    assert set(file.variables) == {"one", "scope/two", "three"}
    np.testing.assert_array_equal(file.variables["three"], [[0, 1, 2], [3, 4, 5]])
    assert file.variables["one"].dtype == np.float16
    assert int(file.variables["scope/two"]) == 7


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "ends at byte 0"),
        (model_file(ONE)[:-9], "ends at byte"),
        (model_file(ONE) + b"more", "goes on for 4 bytes"),
        (model_file(ONE, version=4), "is of version 4"),
        (model_file(ONE, ONE), "'one' twice"),
        (model_file(ONE, aliases=(("two", "none"),)), "calls 'none' 'two'"),
        (model_file(ONE.replace(struct.pack("<BI", 4, 12), struct.pack("<BI", 4, 11))), "11 bytes"),
        (model_file(ONE.replace(struct.pack("<BI", 4, 12), struct.pack("<BI", 9, 12))), "type 9"),
        (model_file(ONE.replace(b"\x02" + struct.pack("<II", 2, 3), b"\xff" + bytes(8))), "255 axes"),
        (
            model_file(ONE.replace(struct.pack("<II", 2, 3), struct.pack("<II", 2**32 - 1, 2**32 - 1))),
            "which is not what",
        ),
        (model_file(ONE).replace(struct.pack("<II", 3, 1), struct.pack("<II", 3, 2**32 - 1)), "4294967295"),
        (model_file(ONE).replace(b"one\0", b"on\0e"), "name without its end"),
        (model_file(ONE).replace(b"one\0", b"o\xffe\0"), "no UTF-8"),
        (b"\x80\x04\x95 a pickle", "is of version"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_promises_what_it_does_not_hold_is_refused(
    tmp_path: Path, data: bytes, said: str
) -> None:
    with pytest.raises(StartupError, match=said):
        read(tmp_path, data)


def test_any_damage_to_the_weights_is_a_startup_error_or_other_weights(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    good = np.frombuffer(model_file(ONE, variable("two", np.ones(4, np.float32))), np.uint8)

    for _ in range(300):
        bad = good.copy()
        bad[random.integers(0, len(bad), 3)] = random.integers(0, 256, 3)
        with contextlib.suppress(StartupError):
            assert all(value.nbytes <= len(bad) for value in read(tmp_path, bad.tobytes()).variables.values())


def speech(clip: Callable[[str], bytes], seconds: float, name: str = "two_cities.wav") -> Array:
    samples, rate = soundfile.read(io.BytesIO(clip(name)), dtype="float32", always_2d=True)
    return resample(samples.mean(axis=1), rate, RATE)[: int(seconds * RATE)]


def written(samples: Array) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype="FLOAT")
    return file.getvalue()


@pytest.mark.parametrize("seconds", [0.01, 7.3, 30.0])
def test_frames_are_those_of_the_published_front_end(clip: Callable[[str], bytes], seconds: float) -> None:
    from transformers import WhisperFeatureExtractor

    samples = speech(clip, seconds)
    published = WhisperFeatureExtractor(feature_size=80)  # type: ignore[no-untyped-call]  # theirs

    frames = LogMelFrames(OPTIONS)(samples, 3000)

    (expected,) = published(samples, sampling_rate=RATE, return_tensors="np").input_features
    np.testing.assert_allclose(frames, expected, atol=1e-3)


def test_silence_has_frames_that_are_numbers() -> None:
    frames = LogMelFrames(OPTIONS)(np.zeros(RATE, np.float32), 400)

    assert frames.shape == (80, 400)
    assert np.ptp(frames) == 0


@pytest.fixture(scope="module")
def variables(catalog: Catalog, store: Store) -> dict[str, Array]:
    return CTranslate2File.read(store.weights(catalog.get(NAME)) / "model.bin").variables


def test_states_are_those_of_the_published_network(variables: dict[str, Array]) -> None:
    import torch
    from tieback.recipes.networks import whisper_encoder

    states = 60  # of the 1500: the published network takes windows of one length, so it is made for shorter
    ours = whisper_encoder.load(variables).double()
    theirs = published_network(variables, states).double()
    frames = torch.rand(2, 80, 2 * states, generator=torch.Generator().manual_seed(0)).double() * 2 - 1

    with torch.no_grad():
        found, expected = ours(frames), theirs(frames).last_hidden_state

    assert float((found - expected).abs().max()) < 1e-6
    assert float(expected.abs().max()) > 1


def published_network(variables: dict[str, Array], states: int) -> Any:
    """The library's own Whisper encoder, with the same weights under its own names."""
    import torch
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    def tensor(name: str) -> torch.Tensor:
        return torch.from_numpy(variables[f"encoder/{name}"].astype(np.float32))

    def pair(theirs: str, ours: str, weight: str = "weight", bias: str = "bias") -> None:
        state[f"{theirs}.weight"], state[f"{theirs}.bias"] = (
            tensor(f"{ours}/{weight}"),
            tensor(f"{ours}/{bias}"),
        )

    state: dict[str, torch.Tensor] = {}
    state["embed_positions.weight"] = tensor("position_encodings/encodings")[:states]
    pair("conv1", "conv1")
    pair("conv2", "conv2")
    pair("layer_norm", "layer_norm", "gamma", "beta")
    for layer in range(4):
        theirs, ours = f"layers.{layer}", f"layer_{layer}"
        attention = f"{ours}/self_attention"
        weights, biases = tensor(f"{attention}/linear_0/weight"), tensor(f"{attention}/linear_0/bias")
        for kind, weight, bias in zip("qkv", weights.chunk(3), biases.chunk(3), strict=True):
            state[f"{theirs}.self_attn.{kind}_proj.weight"] = weight
            if kind != "k":  # Whisper's keys have no bias
                state[f"{theirs}.self_attn.{kind}_proj.bias"] = bias
        pair(f"{theirs}.self_attn.out_proj", f"{attention}/linear_1")
        pair(f"{theirs}.self_attn_layer_norm", f"{attention}/layer_norm", "gamma", "beta")
        pair(f"{theirs}.fc1", f"{ours}/ffn/linear_0")
        pair(f"{theirs}.fc2", f"{ours}/ffn/linear_1")
        pair(f"{theirs}.final_layer_norm", f"{ours}/ffn/layer_norm", "gamma", "beta")
    config = WhisperConfig(
        d_model=384,
        encoder_layers=4,
        encoder_attention_heads=6,
        encoder_ffn_dim=1536,
        num_mel_bins=80,
        max_source_positions=states,
    )
    network = WhisperEncoder(config).eval()  # type: ignore[no-untyped-call]  # theirs
    network.load_state_dict(state)
    return network


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"encoder/conv1/weight": None}, "conv1"),
        ({"encoder/layer_2/ffn/linear_1/bias": np.zeros(5, np.float32)}, "state_dict"),
        ({"encoder/layer_0/ffn/linear_1/weight": np.zeros((384, 1536), np.int8)}, "is quantised"),
        ({"encoder/num_heads": np.array(0, np.int16)}, "no Whisper encoder"),
        ({"encoder/num_heads": np.array(7, np.int16)}, "no Whisper encoder"),
    ],
)
def test_weights_that_are_no_whisper_encoder_are_refused(
    variables: dict[str, Array], change: dict[str, Array | None], said: str
) -> None:
    from tieback.recipes.networks import whisper_encoder

    changed = {name: value for name, value in (variables | change).items() if value is not None}

    with pytest.raises(StartupError, match=said):
        whisper_encoder.load(changed)


@pytest.fixture(scope="module")
def model(encoder: Callable[[str], EncoderModel]) -> AudioEncoderModel:
    loaded = encoder(NAME)
    assert isinstance(loaded, AudioEncoderModel)
    return loaded


def encoded(model: AudioEncoderModel, samples: Array) -> Array:
    content = Content(Modality.AUDIO, written(samples))
    prepared = model.prepare(content, EncodePlan(), Limits())
    dense = model.run([prepared], EncodePlan(kinds=model.card.kinds))[0].dense
    assert dense is not None
    return dense


def cost(model: AudioEncoderModel, seconds: float) -> int:
    silence = Content(Modality.AUDIO, written(np.zeros(int(seconds * RATE), np.float32)))
    return model.prepare(silence, EncodePlan(), Limits()).tokens


@pytest.mark.parametrize(
    ("seconds", "states"),
    [(0.001, 200), (1, 200), (1.1, 250), (20, 1150), (29, 1500), (30, 1500), (31, 1700)],
)
def test_a_sound_costs_its_seconds_and_not_a_whole_window(
    model: AudioEncoderModel, seconds: float, states: int
) -> None:
    assert cost(model, seconds) == states


def test_a_short_window_has_almost_the_vector_of_a_whole_one(
    model: AudioEncoderModel, clip: Callable[[str], bytes], catalog: Catalog, store: Store
) -> None:
    card = model.card.model_copy(update={"options": OPTIONS.model_copy(update={"silence": 30})})
    whole = AudioEncoderModel(card, store.open(catalog.get(NAME)))
    samples = speech(clip, 5)

    assert cost(whole, 5) == 1500
    assert encoded(model, samples) @ encoded(whole, samples) > 0.99


def test_speech_is_nearer_to_other_speech_than_to_tones_and_noise(
    model: AudioEncoderModel, clip: Callable[[str], bytes]
) -> None:
    names = ("beckett.wav", "endgame_nagg_nell.wav", "two_cities.wav")
    spoken = np.stack([encoded(model, speech(clip, 4, name)) for name in names])
    noise = np.random.default_rng(0).normal(scale=0.1, size=4 * RATE).astype(np.float32)
    tone = (0.3 * np.sin(np.arange(4 * RATE) * 440 * 2 * np.pi / RATE)).astype(np.float32)

    others = np.stack([encoded(model, noise), encoded(model, tone)])

    assert (spoken @ spoken.T).min() > (spoken @ others.T).max() + 0.1


async def test_sounds_of_all_lengths_are_encoded_together_as_alone(
    model: AudioEncoderModel, clip: Callable[[str], bytes]
) -> None:
    sounds = [speech(clip, seconds) for seconds in (0.5, 2.5, 0.9)]
    encoder = Encoder([model])

    reply = await encoder.encode(
        EncodeRequest(NAME, [Content(Modality.AUDIO, written(sound)) for sound in sounds]), NO_CALL
    )
    await encoder.close()

    assert reply.cost.tokens == 200 + 300 + 200
    for sound, result in zip(sounds, reply.results, strict=True):
        assert isinstance(result, Encoding)
        assert result.vector is not None
        np.testing.assert_allclose(result.vector.values, encoded(model, sound), atol=1e-5)


def test_a_long_sound_is_the_mean_of_all_its_states(
    model: AudioEncoderModel, clip: Callable[[str], bytes]
) -> None:
    samples = speech(clip, 44)
    limits = Limits()
    content = Content(Modality.AUDIO, written(samples))

    prepared = model.prepare(content, EncodePlan(), limits)

    assert [window.sound for window in prepared.payload] == [1500, 700]
    assert [window.states for window in prepared.payload] == [1500, 850]
    assert prepared.tokens == 2350
