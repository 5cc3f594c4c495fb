"""CUDA: the options that sessions get anywhere, and what they compute where there is a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from support.each import each
from support.own_encoder import Silent, card_for, write_folder
from tieback.catalog.card import EncoderCard
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import EncoderModel
from tieback.models.loading import load_encoder
from tieback.models.session import Hardware
from tieback.models.store import Store
from tieback.models.text.transformer_text import in_steps, padded
from tieback.recipes.pull import pull
from tieback_contract.arrays import Array

BATCHES = ([5], [9, 2, 16], [5], [3] * 5, [9, 2, 16])  # tokens of the texts of each

on_gpu = pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="this build of ONNX Runtime has no CUDA provider: it takes a GPU and onnxruntime-gpu",
)


def test_the_memory_of_a_gpu_grows_by_what_is_asked_and_factors_keep_their_bits() -> None:
    found = Hardware("cuda").providers(recurring_shapes=True)

    options = {
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",
        "use_tf32": "0",
    }
    assert found == [("CUDAExecutionProvider", options), "CPUExecutionProvider"]


def options_of(hardware: Hardware, *, recurring_shapes: bool) -> dict[str, str]:
    first = hardware.providers(recurring_shapes=recurring_shapes)[0]
    assert isinstance(first, tuple)
    return first[1]


def test_graphs_of_kernels_are_recorded_where_shapes_recur_and_the_settings_ask() -> None:
    hardware = Hardware("cuda", cuda_graphs=True, tf32=True)

    recurring, passing = (options_of(hardware, recurring_shapes=one) for one in (True, False))

    assert recurring["enable_cuda_graph"] == "1"
    assert "enable_cuda_graph" not in passing
    assert recurring["use_tf32"] == "1"


@each("lengths", [[3], [1], [4, 4], [2, 5, 1]])
def test_rows_are_padded_with_zeros_that_the_mask_leaves_out(lengths: list[int]) -> None:
    rows = [np.arange(1, length + 1, dtype=np.int64) for length in lengths]

    ids, mask = padded(rows)

    assert ids.shape == mask.shape == (len(rows), max(lengths))
    assert ids.dtype == mask.dtype == np.int64
    for row, one, there in zip(rows, ids, mask, strict=True):
        assert one.tolist() == [*row, *[0] * (len(one) - len(row))]
        assert there.tolist() == [1] * len(row) + [0] * (len(one) - len(row))


@each("lengths, shape", [([3], (1, 8)), ([8, 8], (2, 8)), ([2, 9, 4], (4, 16)), ([40] * 5, (8, 40))])
def test_a_gpu_gets_few_shapes_and_no_text_without_tokens(lengths: list[int], shape: tuple[int, int]) -> None:
    ids, mask = padded([np.arange(1, length + 1, dtype=np.int64) for length in lengths])

    more_ids, more_mask = in_steps(ids, mask, sizes=(8, 16, 32))

    assert more_ids.shape == more_mask.shape == shape
    np.testing.assert_array_equal(more_ids[: len(lengths), : max(lengths)], ids)
    np.testing.assert_array_equal(more_mask[: len(lengths), : max(lengths)], mask)
    assert more_mask.sum(axis=1).tolist() == [*lengths, *[1] * (shape[0] - len(lengths))]


@pytest.fixture
def own(tmp_path: Path) -> tuple[EncoderCard, Store]:
    card, store = card_for(write_folder(tmp_path / "own")), Store(tmp_path / "store")
    pull([card], [card], store, Silent())
    return card, store


def vectors(model: EncoderModel, lengths: Sequence[int]) -> Array:
    found = model.run([model.sample(tokens) for tokens in lengths], EncodePlan())
    return np.stack([one.dense for one in found if one.dense is not None])


@on_gpu
@pytest.mark.parametrize("graphs", [False, True], ids=["launched", "recorded"])
def test_a_gpu_computes_what_a_processor_computes_in_shapes_that_come_again(
    own: tuple[EncoderCard, Store], graphs: bool
) -> None:
    processor, gpu = load_encoder(*own), load_encoder(*own, Hardware("cuda", cuda_graphs=graphs))

    for lengths in BATCHES:
        np.testing.assert_allclose(vectors(gpu, lengths), vectors(processor, lengths), atol=1e-4)


@on_gpu
def test_token_vectors_come_off_a_gpu_as_off_a_processor(own: tuple[EncoderCard, Store]) -> None:
    processor, gpu = load_encoder(*own), load_encoder(*own, Hardware("cuda", cuda_graphs=True))
    batch = [processor.sample(tokens) for tokens in (5, 9, 2)]

    plan = EncodePlan(kinds=processor.card.kinds)
    for one, other in zip(*(model.run(batch, plan) for model in (processor, gpu)), strict=True):
        np.testing.assert_allclose(one.rows, other.rows, atol=1e-4)
