"""Whisper with its decoder: the same tokens as the published network, transcripts with times."""

from __future__ import annotations

import functools
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tieback.catalog.card import RecogniserCard
from tieback.catalog.catalog import Catalog
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.methods.recognition_fusion import recognition_fusions
from tieback.models.loading import load_recogniser
from tieback.models.recognition_search import search
from tieback.models.sounds.decoding import resample
from tieback.models.sounds.speech_decoder import SECONDS_PER_MARK, TOKENIZER, Vocabulary
from tieback.models.sounds.speech_recogniser import SpeechRecogniserModel
from tieback.models.store import Store
from tieback.recipes.networks.ctranslate2_file import CTranslate2File
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText

NAME = "whisper-tiny-en-recogniser"
RATE = 16_000
NONE = recognition_fusions.configure("none")


@pytest.fixture(scope="module")
def card(catalog: Catalog) -> RecogniserCard:
    found = catalog.get(NAME)
    assert isinstance(found, RecogniserCard)
    return found


@pytest.fixture(scope="module")
def model(card: RecogniserCard, store: Store) -> SpeechRecogniserModel:
    loaded = load_recogniser(card, store)
    assert isinstance(loaded, SpeechRecogniserModel)
    return loaded


@pytest.fixture(scope="module")
def variables(card: RecogniserCard, store: Store) -> dict[str, Array]:
    return CTranslate2File.read(store.weights(card) / "model.bin").variables


@pytest.fixture(scope="module")
def speech(clip: Callable[[str], bytes]) -> Callable[[str, float, float], Array]:
    """Seconds of a spoken clip."""

    @functools.cache
    def samples(name: str) -> Array:
        read, rate = soundfile.read(io.BytesIO(clip(name)), dtype="float32", always_2d=True)
        return resample(read.mean(axis=1), rate, RATE)

    return lambda name, begin, end: samples(name)[int(begin * RATE) : int(end * RATE)]


def recognised(model: SpeechRecogniserModel, samples: Array) -> RecognisedText:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype="FLOAT")
    return model.run(model.prepare(Content(Modality.AUDIO, file.getvalue()), Limits()))


def test_greedy_tokens_are_those_of_the_published_network(
    model: SpeechRecogniserModel,
    variables: dict[str, Array],
    speech: Callable[[str, float, float], Array],
    card: RecogniserCard,
    store: Store,
) -> None:
    import torch

    settings = json.loads((store.weights(card) / "config.json").read_text())
    network = published_network(variables, settings)
    vocabulary = model.decoder.vocabulary
    for name, begin, end in (("two_cities.wav", 0, 9), ("beckett.wav", 0, 6)):
        frames = model.frames(speech(name, begin, end))

        found = search(model.decoder.hear(frames).steps(), NONE, width=1, most=100)[0].tokens

        with torch.no_grad():
            (expected,) = network.generate(
                torch.from_numpy(frames)[None], return_timestamps=True, num_beams=1, do_sample=False
            ).tolist()
        control = (vocabulary.start, vocabulary.end)
        assert list(found) == [token for token in expected if token not in control]
        assert len(found) > 10


def published_network(variables: dict[str, Array], settings: dict[str, Any]) -> Any:
    """The library's own Whisper, with the same weights under its own names."""
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    torch.set_num_threads(1)
    ends: dict[str, Any] = {"bos_token_id": 50256, "eos_token_id": 50256, "pad_token_id": 50256}
    barred: dict[str, Any] = {
        "suppress_tokens": settings["suppress_ids"],
        "begin_suppress_tokens": settings["suppress_ids_begin"],
    }
    config = WhisperConfig(
        vocab_size=51864, d_model=384, num_mel_bins=80, decoder_start_token_id=50257,
        encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536,
        decoder_layers=4, decoder_attention_heads=6, decoder_ffn_dim=1536, **ends, **barred,
    )  # fmt: skip
    network = WhisperForConditionalGeneration(config).eval()  # type: ignore[no-untyped-call]  # theirs
    state: dict[str, torch.Tensor] = {}
    for side in ("encoder", "decoder"):

        def tensor(name: str, side: str = side) -> torch.Tensor:
            return torch.from_numpy(variables[f"{side}/{name}"].astype(np.float32))

        def put(theirs: str, weights: torch.Tensor, biases: torch.Tensor, side: str = side) -> None:
            state[f"model.{side}.{theirs}.weight"], state[f"model.{side}.{theirs}.bias"] = weights, biases

        def linear(theirs: str, ours: str, tensor: Any = tensor, put: Any = put) -> None:
            put(theirs, tensor(f"{ours}/weight"), tensor(f"{ours}/bias"))

        def norm(theirs: str, ours: str, tensor: Any = tensor, put: Any = put) -> None:
            put(theirs, tensor(f"{ours}/gamma"), tensor(f"{ours}/beta"))

        def split(theirs: str, ours: str, parts: str, tensor: Any = tensor, put: Any = put) -> None:
            weights, biases = tensor(f"{ours}/weight"), tensor(f"{ours}/bias")
            each = zip(parts, weights.chunk(len(parts)), biases.chunk(len(parts)), strict=True)
            for part, weight, bias in each:
                put(f"{theirs}.{part}_proj", weight, bias)

        state[f"model.{side}.embed_positions.weight"] = tensor("position_encodings/encodings")
        norm("layer_norm", "layer_norm")
        for layer in range(4):
            theirs, ours = f"layers.{layer}", f"layer_{layer}"
            split(f"{theirs}.self_attn", f"{ours}/self_attention/linear_0", "qkv")
            linear(f"{theirs}.self_attn.out_proj", f"{ours}/self_attention/linear_1")
            norm(f"{theirs}.self_attn_layer_norm", f"{ours}/self_attention/layer_norm")
            if side == "decoder":
                linear(f"{theirs}.encoder_attn.q_proj", f"{ours}/attention/linear_0")
                split(f"{theirs}.encoder_attn", f"{ours}/attention/linear_1", "kv")
                linear(f"{theirs}.encoder_attn.out_proj", f"{ours}/attention/linear_2")
                norm(f"{theirs}.encoder_attn_layer_norm", f"{ours}/attention/layer_norm")
            linear(f"{theirs}.fc1", f"{ours}/ffn/linear_0")
            linear(f"{theirs}.fc2", f"{ours}/ffn/linear_1")
            norm(f"{theirs}.final_layer_norm", f"{ours}/ffn/layer_norm")
        if side == "encoder":
            linear("conv1", "conv1")
            linear("conv2", "conv2")
    embeddings = torch.from_numpy(variables["decoder/embeddings/weight"].astype(np.float32))
    state["model.decoder.embed_tokens.weight"] = state["proj_out.weight"] = embeddings
    known = network.state_dict()
    network.load_state_dict({name: state[name] for name in known})  # Whisper's keys have no bias
    network.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]  # theirs
        decoder_start_token_id=50257, no_timestamps_token_id=50362, prev_sot_token_id=50360,
        max_initial_timestamp_index=50, is_multilingual=False, return_timestamps=True, max_length=110,
        **ends, **barred,
    )  # fmt: skip
    return network


def test_a_clip_is_written_down_with_times(
    model: SpeechRecogniserModel, speech: Callable[[str, float, float], Array]
) -> None:
    samples = speech("two_cities.wav", 0, 9)

    found = recognised(model, samples)

    assert "it was the best of times" in found.text.lower()
    assert found.models == (NAME,)
    times = [one.place.place for one in found.segments]
    assert all(one.place.kind is LocatorKind.TIME_RANGE for one in found.segments)
    assert all(0 <= begin <= end <= 9 for begin, end in times)
    assert times == sorted(times)
    assert all(0 < one.score <= 1 for one in found.segments)
    spans = [found.text.encode()[slice(*one.span)].decode() for one in found.segments]
    assert " ".join(spans) == found.text


def test_a_long_sound_is_heard_in_windows_that_go_on_where_a_segment_ended(
    model: SpeechRecogniserModel, speech: Callable[[str, float, float], Array]
) -> None:
    whole = speech("two_cities.wav", 0, 40)

    found = recognised(model, whole)

    times = [one.place.place for one in found.segments]
    assert times == sorted(times)
    assert times[-1][1] > 31
    assert max(begin - end for (_, end), (begin, _) in itertools.pairwise(times)) < 4


@pytest.mark.parametrize("amplitude", [0, 1e-3])
def test_nothing_is_said_in_silence(model: SpeechRecogniserModel, amplitude: float) -> None:
    noise = np.random.default_rng(0).normal(scale=amplitude, size=3 * RATE).astype(np.float32)

    found = recognised(model, noise)

    assert (found.text, list(found.segments)) == ("", [])


def test_what_is_no_sound_is_refused(model: SpeechRecogniserModel) -> None:
    with pytest.raises(InvalidInput, match="not a sound"):
        model.prepare(Content(Modality.AUDIO, b"no sound at all"), Limits())


@pytest.fixture(scope="module")
def vocabulary(model: SpeechRecogniserModel) -> Vocabulary:
    return model.decoder.vocabulary


def allowed(vocabulary: Vocabulary, *before: int, likely: tuple[int, ...] = ()) -> set[int]:
    """What may come next where all tokens, or some far more than others, are likely."""
    logits = np.zeros(51864, np.float32)
    logits[list(likely)] = 20
    return set(np.flatnonzero(np.isfinite(vocabulary.allowed(logits, before))).tolist())


TEXT = 1000


def test_a_text_begins_with_a_mark_of_its_first_second(vocabulary: Vocabulary) -> None:
    first = allowed(vocabulary)

    assert first == set(range(vocabulary.marks, vocabulary.marks + 51))
    assert 50 * SECONDS_PER_MARK == 1


def test_marks_come_in_pairs_and_never_go_back(vocabulary: Vocabulary) -> None:
    begun, ended = vocabulary.marks, vocabulary.marks + 100

    after_begin = allowed(vocabulary, begun)
    after_text = allowed(vocabulary, begun, TEXT, likely=(ended,))
    after_end = allowed(vocabulary, begun, TEXT, ended, likely=(vocabulary.end,))

    assert all(token < vocabulary.marks for token in after_begin)
    assert min(after_text) == begun + 1
    assert min(after_end) == vocabulary.end
    assert min(token for token in after_end if token >= vocabulary.marks) == ended


def test_a_mark_comes_where_all_marks_together_are_likelier_than_any_text(vocabulary: Vocabulary) -> None:
    assert TEXT not in allowed(vocabulary, vocabulary.marks, TEXT)  # 1,400 marks, each as likely
    assert TEXT in allowed(vocabulary, vocabulary.marks, TEXT, likely=(TEXT,))


def test_a_tokenizer_without_the_marks_tokens_is_refused(
    vocabulary: Vocabulary, tmp_path: Path, card: RecogniserCard, store: Store
) -> None:
    text = store.open(card).path(TOKENIZER).read_text(encoding="utf-8")
    other = tmp_path / "tokenizer.json"
    other.write_text(text.replace("<|notimestamps|>", "<|other|>"), encoding="utf-8")

    with pytest.raises(StartupError, match="notimestamps"):
        Vocabulary.read(other, tmp_path / "settings.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"decoder/embeddings/weight": None}, "embeddings"),
        ({"decoder/layer_2/ffn/linear_1/bias": np.zeros(5, np.float32)}, "state_dict"),
        ({"decoder/layer_0/ffn/linear_1/weight": np.zeros((384, 1536), np.int8)}, "is quantised"),
        ({"decoder/num_heads": np.array(7, np.int16)}, "no Whisper decoder"),
    ],
)
def test_weights_that_are_no_whisper_decoder_are_refused(
    variables: dict[str, Array], change: dict[str, Array | None], said: str
) -> None:
    from tieback.recipes.networks import whisper_decoder

    changed = {name: value for name, value in (variables | change).items() if value is not None}

    with pytest.raises(StartupError, match=said):
        whisper_decoder.load(changed)
