"""Folders of sound models: networks without a text tower, and CLAP's pair."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.own_encoder import TEXTS, encodings, served
from support.own_folders import write_json
from support.own_pictures import own_card
from support.own_sounds import (
    NETWORKS,
    PAIR_RATE,
    RATE,
    SHORT,
    extractor,
    save_pair,
    save_sounds,
    tone,
    unit,
    vector_of,
    vectors_of_pair,
    wav,
)
from support.present import present
from tieback.core.errors import StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import EncoderModel, WeighsContents
from tieback.models.sounds.front_ends import FrontEndName, read_front_end
from tieback.recipes.export.audio_transformer import is_padding_hidden
from tieback.recipes.own.folder import FolderOptions
from tieback.recipes.own.model import inspect
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from transformers import (
    ASTFeatureExtractor,
    ASTForAudioClassification,
    AutoConfig,
    ClapFeatureExtractor,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

PREPROCESSOR = "preprocessor_config.json"
HIDDEN = ["wav2vec2, masked", "hubert, masked", "wavlm, masked", "unispeech-sat"]
"""Networks whose masks hide what fills up a sound."""


def vectors_of(model: EncoderModel, sounds: list[Array], rate: int = RATE) -> np.ndarray[Any, Any]:
    """Vectors as they are served, of one batch."""
    found = encodings(model, tuple(wav(one, rate) for one in sounds))
    return np.stack([present(one.dense) for one in found])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_sounds_serves_what_transformers_computes(tmp_path: Path, name: str) -> None:
    model = save_sounds(tmp_path / "own", name)
    found = inspect(tmp_path / "own", "own", FolderOptions())
    wanted = np.stack([vector_of(model, NETWORKS[name][2], one) for one in SHORT])

    loaded = served(own_card(tmp_path / "own"), tmp_path)

    assert not found.missing
    assert loaded.pads == (name in HIDDEN)
    assert (wanted[0] @ wanted[1:].T).max() < 0.999  # the network tells sounds apart
    np.testing.assert_allclose(vectors_of(loaded, SHORT), wanted, atol=1e-4)
    np.testing.assert_allclose(vectors_of(loaded, SHORT[1:2]), wanted[1:2], atol=1e-4)


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")  # of transformers' WavLM
@pytest.mark.parametrize("name", HIDDEN)
def test_transformers_gives_each_sound_the_same_vector_in_a_masked_batch(tmp_path: Path, name: str) -> None:
    model: Any = save_sounds(tmp_path / "own", name)
    read = NETWORKS[name][2](SHORT, sampling_rate=RATE, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**read).last_hidden_state
        own = model._get_feature_vector_attention_mask(states.shape[1], read["attention_mask"])[..., None]
        masked = unit((states * own).sum(dim=1) / own.sum(dim=1))

    for samples, found in zip(SHORT, masked, strict=True):
        np.testing.assert_allclose(found, vector_of(model, NETWORKS[name][2], samples), atol=1e-4)


def test_padding_is_hidden_only_where_no_layer_reads_across_the_end() -> None:
    masked = AutoConfig.for_model("wav2vec2", feat_extract_norm="layer")

    assert is_padding_hidden(masked)
    assert not is_padding_hidden(AutoConfig.for_model("wav2vec2", feat_extract_norm="group"))
    assert not is_padding_hidden(
        AutoConfig.for_model("wav2vec2", feat_extract_norm="layer", add_adapter=True)
    )
    assert not is_padding_hidden(
        AutoConfig.for_model("hubert", feat_extract_norm="layer", conv_pos_batch_norm=True)
    )


@pytest.mark.parametrize("name", ["wav2vec2", "audio-spectrogram-transformer", "whisper"])
def test_a_long_sound_is_the_mean_of_windows_of_one_length(tmp_path: Path, name: str) -> None:
    model, reads = save_sounds(tmp_path / "own", name), NETWORKS[name][2]
    card = own_card(tmp_path / "own")
    options = card.options.model_copy(update={"seconds": 2})
    loaded = served(card.model_copy(update={"options": options}), tmp_path)
    long = tone(4.5, 500)
    count = 5 if name == "audio-spectrogram-transformer" else 3
    windows = [vector_of(model, reads, part) for part in np.array_split(long, count)]

    found = vectors_of(loaded, [long, SHORT[0]])

    wanted = unit(torch.tensor(np.mean(windows, axis=0)))
    np.testing.assert_allclose(found[0], wanted, atol=1e-4)
    np.testing.assert_allclose(found[1], vector_of(model, reads, SHORT[0]), atol=1e-4)


@pytest.mark.parametrize("name", ["wav2vec2, masked", "whisper"])
def test_a_sound_costs_no_more_than_its_header_says_and_one_sample_is_enough(
    tmp_path: Path, name: str
) -> None:
    save_sounds(tmp_path / "own", name)
    loaded = served(own_card(tmp_path / "own"), tmp_path)
    assert isinstance(loaded, WeighsContents)

    for samples in (np.ones(1, np.float32), SHORT[0], tone(3.1, 400)):
        content = Content(Modality.AUDIO, wav(samples))
        prepared = loaded.prepare(content, EncodePlan(), Limits())
        (found,) = loaded.run([prepared], EncodePlan())
        assert prepared.tokens <= loaded.weigh(content, EncodePlan(), Limits()).tokens
        assert np.linalg.norm(present(found.dense)) == pytest.approx(1)
    assert [loaded.sample(size).tokens for size in loaded.sizes] == list(loaded.sizes)


def test_a_clap_serves_what_transformers_computes(tmp_path: Path) -> None:
    model: Any = save_pair(tmp_path / "own")
    sounds = [tone(0.2, 300, PAIR_RATE), tone(1, 700, PAIR_RATE), np.zeros(9_000, np.float32)]
    texts, heard = vectors_of_pair(tmp_path / "own", model, sounds)
    text, audio = (own_card(tmp_path / "own", place) for place in (0, 1))

    found = vectors_of(served(audio, tmp_path), sounds, PAIR_RATE)
    read = [present(one.dense) for one in encodings(served(text, tmp_path), TEXTS)]

    assert text.space == audio.space
    assert (text.modality, audio.modality) == ("text", "audio")
    np.testing.assert_allclose(found, heard, atol=1e-4)
    np.testing.assert_allclose(read, texts, atol=1e-4)
    assert (found[0] @ found[1:].T).max() < 0.999
    assert texts[0] @ texts[1] < 0.999


def test_a_clap_of_parts_fused_at_random_is_refused(tmp_path: Path) -> None:
    save_pair(tmp_path / "fused", enable_fusion=True, fusion_type="channel_map")
    with pytest.raises(StartupError, match=r"chosen at random.*clap-htsat-unfused"):
        inspect(tmp_path / "fused", "own", FolderOptions())

    save_pair(tmp_path / "own")
    fields = json.loads((tmp_path / "own" / PREPROCESSOR).read_text())
    write_json(tmp_path / "own" / PREPROCESSOR, fields | {"truncation": "fusion"})
    with pytest.raises(StartupError, match="truncation is 'rand_trunc'"):
        inspect(tmp_path / "own", "own", FolderOptions())


PROGRAM = """
import sys
from pathlib import Path
sys.modules["torch"] = sys.modules["transformers"] = None
from tieback.catalog.catalog import read_card
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
card, store, sound = map(Path, sys.argv[1:])
model = load_encoder(read_card(card), Store(store))
prepared = model.prepare(Content(Modality("audio"), sound.read_bytes()), EncodePlan(), Limits())
print(len(model.run([prepared], EncodePlan())[0].dense))
"""


def test_a_sound_is_served_without_pytorch(tmp_path: Path) -> None:
    save_sounds(tmp_path / "own", "wav2vec2, masked")
    served(own_card(tmp_path / "own"), tmp_path)
    (tmp_path / "a.wav").write_bytes(wav(SHORT[0]))
    given = [str(tmp_path / one) for one in ("own.yaml", "store", "a.wav")]

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *given], capture_output=True, text=True, check=False
    )

    assert done.stdout.split() == ["32"], done.stderr


HEADED: dict[str, tuple[str, Any]] = {
    "wav2vec2": ("wav2vec2, masked", Wav2Vec2ForCTC),
    "whisper": ("whisper", WhisperForConditionalGeneration),
    "audio_spectrogram_transformer": ("audio-spectrogram-transformer", ASTForAudioClassification),
}


@pytest.mark.parametrize("prefix", HEADED)
def test_of_a_model_with_a_head_the_encoder_is_taken(tmp_path: Path, prefix: str) -> None:
    name, of = HEADED[prefix]
    save_sounds(tmp_path / "own", name)
    config = AutoConfig.from_pretrained(tmp_path / "own")
    config.vocab_size = 9
    headed: Any = of(config).eval()
    headed.save_pretrained(tmp_path / "own")
    model = headed.base_model if prefix != "whisper" else headed.model

    found = vectors_of(served(own_card(tmp_path / "own"), tmp_path), SHORT[:2])

    wanted = [vector_of(model, NETWORKS[name][2], one) for one in SHORT[:2]]
    np.testing.assert_allclose(found, wanted, atol=1e-4)


OLDER = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}


def test_weights_of_before_parametrizations_are_read(tmp_path: Path) -> None:
    model = save_sounds(tmp_path / "own", "hubert")
    path = tmp_path / "own/model.safetensors"
    tensors = load_file(path)
    for new, old in OLDER.items():
        (name,) = [name for name in tensors if name.endswith(new)]
        tensors[name.replace(new, old)] = tensors.pop(name)
    del tensors["masked_spec_embed"]  # of training alone
    save_file(tensors, path, {"format": "pt"})

    found = vectors_of(served(own_card(tmp_path / "own"), tmp_path), SHORT[:1])

    np.testing.assert_allclose(found[0], vector_of(model, NETWORKS["hubert"][2], SHORT[0]), atol=1e-4)


def test_an_extractor_that_is_saved_beside_a_tokenizer_is_read(tmp_path: Path) -> None:
    save_sounds(tmp_path / "own", "wavlm")
    fields = json.loads((tmp_path / "own" / PREPROCESSOR).read_text())
    (tmp_path / "own" / PREPROCESSOR).unlink()
    both = {"feature_extractor": fields, "processor_class": "Wav2Vec2Processor"}
    write_json(tmp_path / "own/processor_config.json", both)

    card = own_card(tmp_path / "own")

    assert card.options.model_dump()["preprocessor"] == "processor_config.json"
    assert len(vectors_of(served(card, tmp_path), SHORT)) == len(SHORT)


CLAP = {"truncation": "rand_trunc", "max_length_s": 2}
FRONT_ENDS: dict[str, tuple[FrontEndName, Any, dict[str, Any]]] = {
    "whole": ("samples", Wav2Vec2FeatureExtractor, {}),
    "unscaled": ("samples", Wav2Vec2FeatureExtractor, {"do_normalize": False}),
    "banks": ("fbank", ASTFeatureExtractor, {}),
    "banks, unscaled": ("fbank", ASTFeatureExtractor, {"do_normalize": False, "max_length": 300}),
    "frames": ("log_mel", WhisperFeatureExtractor, {}),
    "frames of 128": ("log_mel", WhisperFeatureExtractor, {"feature_size": 128}),
    "repeated whole": ("clap", ClapFeatureExtractor, CLAP | {"max_length_s": 10, "frequency_min": 50}),
    "repeated": ("clap", ClapFeatureExtractor, CLAP | {"padding": "repeat"}),
    "filled": ("clap", ClapFeatureExtractor, CLAP | {"padding": "pad"}),
}


@pytest.mark.filterwarnings("ignore:At least one mel filter")
@pytest.mark.parametrize("form", FRONT_ENDS)
def test_the_extractors_of_transformers_are_followed(tmp_path: Path, form: str) -> None:
    kind, of, fields = FRONT_ENDS[form]
    follows = extractor(of, **fields)
    follows.save_pretrained(tmp_path)
    front_end = read_front_end(tmp_path / PREPROCESSOR, kind)
    rate = follows.sampling_rate
    sounds = [tone(seconds, 440, rate) for seconds in (0.05, 0.7, 1.9)]

    for samples in [*sounds, np.zeros(rate // 2, np.float32)]:
        read = follows(samples, sampling_rate=rate, return_tensors="np")
        (wanted,) = read["input_features" if "input_features" in read else "input_values"]
        np.testing.assert_allclose(front_end(samples), wanted, atol=2e-3 if kind == "log_mel" else 1e-4)
    assert front_end.rate == rate


def other_extractor(folder: Path) -> None:
    extractor(ASTFeatureExtractor, num_mel_bins=24).save_pretrained(folder)


def other_length(folder: Path) -> None:
    save_sounds(folder, "audio-spectrogram-transformer")
    extractor(ASTFeatureExtractor, max_length=64, num_mel_bins=24).save_pretrained(folder)


def other_window(folder: Path) -> None:
    save_sounds(folder, "whisper")
    extractor(WhisperFeatureExtractor, feature_size=16, chunk_length=30).save_pretrained(folder)


def noisy(folder: Path) -> None:
    save_sounds(folder, "whisper")
    extractor(WhisperFeatureExtractor, feature_size=16, chunk_length=2, dither=0.1).save_pretrained(folder)


def wide_first(folder: Path) -> None:
    save_sounds(folder, "wav2vec2", conv_kernel=[1000, 8, 4, 2])


def of_another_width(folder: Path) -> None:
    fields = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", fields | {"hidden_size": 48})


def with_own_code(folder: Path) -> None:
    fields = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", fields | {"auto_map": {"AutoConfig": "mine.MineConfig"}})


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (other_extractor, r"is for ASTFeatureExtractor, and the network reads what Wav2Vec2FeatureExtractor"),
        (other_length, r"a sound is made 64 × 24, and the network.*does not take that"),
        (other_window, r"a sound is made 16 × 3000, and the network.*does not take that"),
        (noisy, "dither is 0"),
        (wide_first, r"a sound is made 400, and the network.*does not take that"),
        (of_another_width, r"does not fit config.json"),
        (with_own_code, r"auto_map.*never run"),
    ],
)
def test_a_network_whose_parts_are_not_of_one_model_is_refused(
    tmp_path: Path, harm: Callable[[Path], None], said: str
) -> None:
    save_sounds(tmp_path / "own", "wav2vec2")
    harm(tmp_path / "own")

    with pytest.raises(StartupError, match=said):
        served(own_card(tmp_path / "own"), tmp_path)


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("samples", {"sampling_rate": "16k"}, "sampling_rate is a whole number from 1000"),
        ("samples", {"feature_size": 2}, "feature_size is 1"),
        ("samples", {"do_normalize": 1}, "do_normalize is true or false"),
        ("fbank", {"std": 0}, "std is above 0"),
        ("fbank", {"sampling_rate": 44_100}, "sampling_rate is 16000"),
        ("fbank", {"max_length": 10**9}, "max_length is a whole number"),
        ("log_mel", {"hop_length": 0}, "hop_length is a whole number"),
        ("clap", {"truncation": "rand_trunc", "padding": "mirror"}, "padding is one of repeatpad"),
        ("clap", {"truncation": "rand_trunc", "frequency_max": 30_000}, "at most half of sampling_rate"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_by_name(
    tmp_path: Path, kind: FrontEndName, fields: dict[str, Any], said: str
) -> None:
    write_json(tmp_path / PREPROCESSOR, fields)

    with pytest.raises(StartupError, match=said):
        read_front_end(tmp_path / PREPROCESSOR, kind)


@pytest.mark.parametrize("save", [lambda folder: save_sounds(folder, "wav2vec2"), save_pair])
def test_a_folder_without_a_preprocessor_says_that_it_is_missing(
    tmp_path: Path, save: Callable[[Path], Any]
) -> None:
    save(tmp_path / "own")
    (tmp_path / "own" / PREPROCESSOR).unlink()

    (missing,) = inspect(tmp_path / "own", "own", FolderOptions()).missing

    assert "preprocessor_config.json, which says how sounds are read" in missing


def test_a_card_of_another_front_end_is_refused(tmp_path: Path) -> None:
    save_sounds(tmp_path / "own", "wav2vec2")
    card = own_card(tmp_path / "own")
    options = card.options.model_copy(update={"front_end": "fbank"})

    with pytest.raises(StartupError, match="wav2vec2, which has the front end samples"):
        served(card.model_copy(update={"options": options}), tmp_path)
