"""GGUF files: read as the same model in safetensors is, with their tokenizers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from models.test_own_generators import save
from numpy.typing import NDArray
from support.each import each
from support.small_language_model import CHAT_TEMPLATE, CONTEXT, CONTROL
from tieback.catalog.card import GeneratorCard
from tieback.core.errors import StartupError
from tieback.recipes.export.causal_language_model import export
from tieback.recipes.networks.gguf_tokenizer import CONTROL as CONTROL_TYPE
from tieback.recipes.networks.gguf_tokenizer import tokenizer_of
from tieback.recipes.networks.llama_files import (
    GGUF_ARCHITECTURES,
    GGUF_NAMES,
    GGUF_OPTIONAL,
    read_gguf,
    read_transformers,
)
from tieback.recipes.networks.llama_weights import STATE_NAMES, to_state
from tokenizers import pre_tokenizers
from transformers import PreTrainedModel, Qwen2Tokenizer

TOKENS = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "he", "Ġt", *CONTROL]
MERGES = ["h e", "Ġ t"]
TYPES = [CONTROL_TYPE if token in CONTROL else 1 for token in TOKENS]
NAMES = {STATE_NAMES[field]: f"{name}.weight" for field, name in GGUF_NAMES.items()} | {
    STATE_NAMES[field]: name for field, name in GGUF_OPTIONAL.items()
}
OUTER = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def written(
    path: Path,
    model: PreTrainedModel,
    architecture: str,
    *,
    pieces: tuple[list[str], list[float], list[int]] | None = None,
    template: str = CHAT_TEMPLATE,
    blocks: Mapping[str, tuple[NDArray[np.uint8], gguf.GGMLQuantizationType]] | None = None,
    **more: Any,
) -> Path:
    """The model as llama.cpp's converter writes it, in float32 but for the tensors in `blocks`.

    By `pieces`, tokens with scores and types, its tokenizer is of SentencePiece.
    """
    writer, config = gguf.GGUFWriter(str(path), architecture), model.config
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_context_length(CONTEXT)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    head_width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_key_length(head_width)
    if pieces is None:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("qwen2" if architecture.startswith("qwen") else "llama-bpe")
        writer.add_token_list(TOKENS)
        writer.add_token_types(TYPES)
        writer.add_token_merges(MERGES)
    else:
        writer.add_tokenizer_model("llama")
        writer.add_token_list(pieces[0])
        writer.add_token_scores(pieces[1])
        writer.add_token_types(pieces[2])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
    writer.add_chat_template(template)
    for key, value in more.items():
        writer.add_string(key.replace("__", "."), value)
    tied = bool(config.tie_word_embeddings)
    for name, value in model.state_dict().items():
        if tied and name == "lm_head.weight":
            continue
        array = value.float().numpy()
        if architecture == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
            halves = array.reshape(-1, 2, head_width // 2, array.shape[1])
            array = np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(array.shape)
        if name.startswith("model.layers."):
            number, rest = name.removeprefix("model.layers.").split(".", 1)
            own = f"blk.{number}.{NAMES[rest]}"
            if blocks and own in blocks:
                writer.add_tensor(own, blocks[own][0], raw_dtype=blocks[own][1])
            else:
                writer.add_tensor(own, array)
        else:
            writer.add_tensor(OUTER[name], array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def saved(folder: Path, architecture: str) -> PreTrainedModel:
    return save(folder, architecture, vocab_size=len(TOKENS))


@pytest.mark.parametrize("architecture", GGUF_ARCHITECTURES)
def test_a_gguf_file_is_read_as_the_same_model_in_safetensors(architecture: str, tmp_path: Path) -> None:
    model = saved(tmp_path / "own", architecture)

    weights, _ = read_gguf(written(tmp_path / "own.gguf", model, architecture))

    expected = read_transformers(tmp_path / "own")
    assert weights.shape.norm_epsilon == pytest.approx(expected.shape.norm_epsilon)  # float32 in the file
    assert replace(weights.shape, norm_epsilon=expected.shape.norm_epsilon) == expected.shape
    found, wanted = to_state(weights), to_state(expected)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_a_gguf_file_of_another_family_than_llama_is_exported_and_agrees_with_torch(tmp_path: Path) -> None:
    folder, out = tmp_path / "own", tmp_path / "out"
    out.mkdir()
    written(folder.with_suffix(".gguf"), saved(folder, "qwen3"), "qwen3")
    card = GeneratorCard(
        name="own",
        role="generator",
        runtime="causal_language_model",
        description="Noise.",
        license="Apache-2.0",
        upstream="this file",
        directory=folder,
        context_tokens=CONTEXT,
        options={"weights": "own.gguf", "end_tokens": ("<|im_end|>",)},
    )

    metrics = export(card, tmp_path, out, lambda _: None)

    assert metrics["parity_logits"] < 1e-2
    assert metrics["parity_cached_logits"] < 1e-2


@each(
    "text",
    [
        "the 1234 theses, then",
        "It's HE'LL we've",
        "a  b\n\n\tc \r\n d   ",
        "e\u0301te\u0301 12,5 €  \u00a0x",
        "水は100度\U0001f600で…!!\n",
        "",
    ],
)
def test_a_tokenizer_of_qwen_in_a_gguf_file_is_that_of_transformers(text: str) -> None:
    metadata = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.merges": MERGES,
        "tokenizer.ggml.token_type": TYPES,
    }
    vocabulary = {token: number for number, token in enumerate(TOKENS)}
    merges = [tuple(one.split()) for one in MERGES]
    made: Any = Qwen2Tokenizer
    theirs = made(vocab=vocabulary, merges=merges, unk_token=None, eos_token="<|im_end|>", pad_token=None)

    found = tokenizer_of(metadata)

    assert found.encode(text).ids == theirs(text)["input_ids"]
    assert found.encode("<|im_end|>").ids == [vocabulary["<|im_end|>"]]


@pytest.mark.parametrize(
    ("architecture", "more", "reason"),
    [
        ("qwen2", {"qwen2__rope__scaling__type": "yarn"}, "rotary embeddings of type 'yarn'"),
        ("gemma3", {}, "of architecture 'gemma3'; those can be exported: llama, qwen2, qwen3"),
    ],
)
def test_what_a_gguf_file_has_and_cannot_be_exported_is_refused_by_name(
    architecture: str, more: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    model = saved(tmp_path / "own", "qwen2")

    with pytest.raises(StartupError, match=reason):
        read_gguf(written(tmp_path / "own.gguf", model, architecture, **more))


def test_a_gguf_file_with_weights_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "own.gguf", saved(tmp_path / "own", "qwen3"), "qwen3")
    path.write_bytes(
        path.read_bytes().replace(b"blk.1.attn_q_norm.weight", b"blk.1.attn_q_other.weight"[:24])
    )

    with pytest.raises(StartupError, match=r"weights that cannot be exported: blk\.1\.attn_q_other"):
        read_gguf(path)
