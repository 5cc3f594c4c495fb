"""The exported graph and its caches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from support.each import each
from tieback.catalog.card import GeneratorCard
from tieback.core.errors import StartupError
from tieback.models.language.decoder import Decoder, RowCaches, SoftTokens
from tieback.models.language.model import LanguageModel
from tieback.models.store import Store
from tieback.recipes.networks.llama_weights import BLOCK, Quantized, held, quantize, recode

TOLERANCE = 1e-4


@pytest.fixture
def decoder(small_model: LanguageModel) -> Decoder:
    return small_model.decoder


@pytest.fixture
def tokens(decoder: Decoder) -> list[int]:
    drawn: list[int] = np.random.default_rng(0).integers(0, decoder.vocabulary, 50).tolist()
    return drawn


def greedy(decoder: Decoder, prompt: list[int], count: int) -> list[int]:
    streams = decoder.open({"only": prompt}, room=count)
    while not streams.read(most=16):
        pass
    written = [int(streams.logits["only"][0].argmax())]
    while len(written) < count:
        written.append(int(streams.step(written[-1])["only"][0].argmax()))
    return written


def test_an_export_proves_that_the_graph_is_the_torch_model(
    small_store: Store, small_card: GeneratorCard
) -> None:
    manifest = small_store.open(small_card).manifest

    assert manifest.metrics["parity_logits"] < 1e-3
    assert manifest.metrics["parity_cached_logits"] < 1e-3


def test_early_exits_are_torchs_states_through_the_norm_and_the_head(
    small_store: Store, small_card: GeneratorCard
) -> None:
    manifest = small_store.open(small_card).manifest

    assert manifest.metrics["parity_exit_logits"] < TOLERANCE


def test_the_served_model_differs_little_from_the_published_one(real_model: LanguageModel) -> None:
    metrics = Store().open(real_model.card).manifest.metrics

    assert metrics["drift_divergence"] < 0.01
    assert metrics["drift_same_choice"] > 0.9
    assert metrics["loss_served"] == pytest.approx(metrics["loss_published"], rel=0.01)


def test_decoding_through_the_cache_gives_what_a_full_pass_gives(decoder: Decoder, tokens: list[int]) -> None:
    at_once = decoder.score(np.array(tokens))
    streams = decoder.open({"only": tokens[:40]}, room=10)
    while not streams.read(most=16):
        pass

    assert streams.logits["only"][0] == pytest.approx(at_once[39], abs=TOLERANCE)
    for place in range(40, 50):
        assert streams.step(tokens[place])["only"][0] == pytest.approx(at_once[place], abs=TOLERANCE)


def test_streams_of_different_lengths_do_not_touch_each_other(decoder: Decoder, tokens: list[int]) -> None:
    together = decoder.open({"long": tokens, "short": tokens[:5]}, room=8)
    alone = decoder.open({"short": tokens[:5]}, room=8)
    while not together.read(most=16):
        pass
    alone.read(most=16)

    for token in tokens[:8]:
        both, one = together.step(token), alone.step(token)
        assert both["short"] == pytest.approx(one["short"], abs=TOLERANCE)


def test_logits_after_lower_layers_come_beside_the_last_in_the_order_asked(
    decoder: Decoder, tokens: list[int]
) -> None:
    plain = decoder.open({"long": tokens, "short": tokens[:5]}, room=2)
    exits = decoder.open({"long": tokens, "short": tokens[:5]}, layers=[2, 0, 1], room=2)
    upwards = decoder.open({"short": tokens[:5]}, layers=range(3), room=2)
    for streams in (plain, exits, upwards):
        while not streams.read(most=16):
            pass

    for token in tokens[:2]:
        for name in plain.names:
            assert exits.logits[name].shape == (3, decoder.vocabulary)
            assert exits.logits[name][0] == pytest.approx(plain.logits[name][0], abs=TOLERANCE)
        assert exits.logits["short"][[1, 2, 0]] == pytest.approx(upwards.logits["short"], abs=TOLERANCE)
        for streams in (plain, exits, upwards):
            streams.step(token)


def test_states_come_with_every_step_where_they_are_asked_for(decoder: Decoder, tokens: list[int]) -> None:
    plain = decoder.open({"long": tokens, "short": tokens[:5]}, room=2)
    kept = decoder.open({"long": tokens, "short": tokens[:5]}, layers=[1, 2], room=2, states=True)
    for streams in (plain, kept):
        while not streams.read(most=16):
            pass

    for end, token in enumerate(tokens[:2], 5):
        texts = {"long": [*tokens, *tokens[: end - 5]], "short": [*tokens[:5], *tokens[: end - 5]]}
        for name, text in texts.items():
            assert kept.states[name] == pytest.approx(decoder.states(text, layers=[1, 2]), abs=TOLERANCE)
            assert kept.logits[name][1] == pytest.approx(plain.logits[name][0], abs=TOLERANCE)
        plain.step(token), kept.step(token)
    assert plain.states == {}


def test_a_soft_token_is_read_in_the_place_of_a_token_and_changes_nothing_before_it(
    decoder: Decoder, tokens: list[int]
) -> None:
    row = np.random.default_rng(3).normal(size=(1, decoder.width)).astype(np.float32)
    soft = SoftTokens(np.array([20]), row)

    other = [*tokens[:20], (tokens[20] + 1) % 256, *tokens[21:]]  # the token in its place is not read
    assert decoder.states(tokens, soft=soft) == pytest.approx(decoder.states(other, soft=soft), abs=0)
    assert np.abs(decoder.states(tokens, soft=soft) - decoder.states(tokens)).max() > 0.01
    assert decoder.states(tokens[:20], soft=soft) == pytest.approx(decoder.states(tokens[:20]), abs=0)


def test_a_graph_of_an_earlier_version_is_refused_with_the_way_out(decoder: Decoder, tmp_path: Path) -> None:
    session = decoder._session
    older = onnx.load(session._model_path, load_external_data=False)
    [states] = [output for output in older.graph.output if output.name == "states"]
    older.graph.output.remove(states)
    data = Path(session._model_path).with_name("model.onnx.data")
    (tmp_path / "model.onnx.data").hardlink_to(data)
    onnx.save(older, tmp_path / "model.onnx")

    with pytest.raises(StartupError, match="earlier version; remove its folder from the store"):
        Decoder(tmp_path / "model.onnx")


def test_the_embeddings_exit_knows_the_last_token_alone(decoder: Decoder, tokens: list[int]) -> None:
    streams = decoder.open({"one": tokens[:20], "other": tokens[10:20]}, layers=[0, 1], room=0)
    while not streams.read(most=32):
        pass

    one, other = streams.logits["one"], streams.logits["other"]
    assert one[0] == pytest.approx(other[0], abs=TOLERANCE)
    assert np.abs(one[1] - other[1]).max() > 0.1


def test_memory_that_was_used_before_does_not_leak_into_a_new_stream(
    decoder: Decoder, tokens: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = greedy(decoder, tokens[:7], 5)
    clean = Decoder.caches

    def used(decoder: Decoder, rows: int, capacity: int) -> RowCaches:
        caches = clean(decoder, rows, capacity)
        for array in caches.arrays.values():
            array.fill(np.nan)
        return caches

    monkeypatch.setattr(Decoder, "caches", used)

    assert greedy(decoder, tokens[:7], 5) == expected


def test_greedy_decoding_repeats_itself(decoder: Decoder, tokens: list[int]) -> None:
    assert greedy(decoder, tokens, 12) == greedy(decoder, tokens, 12)


def test_the_real_model_decodes_through_its_cache_what_a_full_pass_gives(real_model: LanguageModel) -> None:
    prompt = real_model.tokens("The capital of France is")

    written = greedy(real_model.decoder, prompt, 6)
    full = real_model.decoder.score(np.array(prompt + written))

    assert written == full[len(prompt) - 1 : -1].argmax(axis=1).tolist()


def test_eight_bit_blocks_keep_floats_to_a_254th_of_the_largest() -> None:
    matrix = np.random.default_rng(0).standard_normal((8, 64)).astype(np.float32)

    error = np.abs(quantize(matrix).dequantize() - matrix).reshape(8, -1, BLOCK).max(axis=-1)

    assert (error <= np.abs(matrix).reshape(8, -1, BLOCK).max(axis=-1) / 253).all()


def test_four_bit_blocks_clip_where_that_errs_less_and_keep_zeros() -> None:
    matrix = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    matrix[0] = 0
    blocks = matrix.reshape(64, -1, BLOCK)
    steps = (blocks.max(axis=-1) - blocks.min(axis=-1)) / 15

    found = quantize(matrix, 4)

    assert found.codes.max() == 15
    assert (found.dequantize()[0] == 0).all()
    assert found.sums is not None
    of_sums = found.sums.dequantize()[:, : found.offsets.shape[1]]
    assert np.allclose(of_sums - found.offsets, found.integer_zeros() * found.scales, atol=1e-6)
    # Uniform rounding errs a twelfth of a squared step.
    assert np.square(found.dequantize() - matrix).mean() < np.square(steps).mean() / 12


@each("offset", [-0.7, 0.0, 0.3, -9.0])
def test_recoding_moves_a_four_bit_block_by_a_34th_of_a_step_at_most(offset: float) -> None:
    codes = np.arange(64, dtype=np.uint8).reshape(1, 64) % 16
    scales = np.full((1, 2), 0.1, np.float32)
    published = Quantized(codes, scales, np.full((1, 2), offset, np.float32), 4)

    recoded = held(recode(published))
    span = max(offset + 1.5, 0.0) - min(offset, 0.0)

    assert np.abs(recoded.dequantize() - published.dequantize()).max() <= span / 255
    zeros = recoded.zero_points()
    assert zeros is None or np.allclose(-recoded.offsets, zeros * recoded.scales, atol=1e-6)
