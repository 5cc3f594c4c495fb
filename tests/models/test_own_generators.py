"""Language models that are folders of the user's: each architecture against torch, and how one is added."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from support.own_encoder import write_folder
from support.small_language_model import CHAT_TEMPLATE, CONTEXT, byte_tokenizer
from tieback.catalog.card import GeneratorCard
from tieback.core.errors import StartupError
from tieback.models.language.chat_template import Message
from tieback.models.language.decoder import Decoder, SoftTokens
from tieback.models.language.model import GRAPH, load_language_model
from tieback.models.store import Store
from tieback.recipes.export.causal_language_model import export
from tieback.recipes.networks import llama_graph
from tieback.recipes.networks.llama_files import ARCHITECTURES, read_transformers
from tieback.recipes.networks.llama_graph import write_graph
from tieback.recipes.networks.llama_weights import Bits, LlamaWeights, Plain, recode, recoded, to_state
from tieback.recipes.own.folder import FolderOptions
from tieback.recipes.own.model import inspect
from tieback.serving.commands.models import models
from tieback.serving.plan import Plan
from tieback.serving.settings import Settings
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedModel

SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "initializer_range": 0.3,
    "bos_token_id": None,
    "pad_token_id": None,
    "eos_token_id": 257,
}
OWN: dict[str, dict[str, Any]] = {
    "qwen2": {"tie_word_embeddings": True},
    "qwen3": {"head_dim": 32},
    "gemma": {"head_dim": 32},
    "mistral": {"sliding_window": None},
}
TOKENS = 24
TOLERANCE = 1e-4


def save(folder: Path, architecture: str, **changed: Any) -> PreTrainedModel:
    """A folder with a random model; biases and norms are random too, so that leaving one out shows."""
    folder.mkdir(exist_ok=True)
    tokenizer = byte_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    torch.manual_seed(7)
    sizes = SIZES | {"vocab_size": tokenizer.get_vocab_size()} | OWN.get(architecture, {}) | changed
    made: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]  # theirs
        CONFIG_MAPPING[architecture](**sizes)
    ).eval()
    for name, parameter in made.named_parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=float("norm" in name and architecture != "gemma"), std=0.2)
    made.save_pretrained(folder)
    return made


def card_of(folder: Path, *, bits: int = 8, **changed: Any) -> GeneratorCard:
    found = inspect(folder, "own", FolderOptions(bits=bits))
    assert not found.missing
    [fields] = found.cards
    return GeneratorCard(**fields | changed)


@pytest.mark.parametrize(
    ("architecture", "bits"),
    [*((one, 8) for one in ARCHITECTURES), ("qwen2", 4), ("gemma", 16), ("qwen3", 16)],
)
def test_greedy_answers_of_an_own_model_are_those_of_transformers(
    architecture: str, bits: Bits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama_graph, "WIDENED", 1 << 11)  # so that its small matrices are in pieces
    torch_model = save(tmp_path / "own", architecture)
    card = card_of(tmp_path / "own", bits=bits)
    out = tmp_path / "out"
    out.mkdir()
    metrics = export(card, tmp_path / "own", out, lambda _: None)
    held = recoded(read_transformers(tmp_path / "own"), bits)
    write_graph(held, out / GRAPH, arithmetic="float32")
    store = Store(tmp_path / "store")
    store.record_exported(card, out, {"metrics": dict(metrics)})
    served = load_language_model(card, store)
    state = {name: torch.from_numpy(value) for name, value in to_state(held).items()}
    torch_model.load_state_dict(state)  # as quantised: what the graph holds

    for question in ("hello", "is the bridge open on monday", "a" * 90):
        prompt = served.prompt([Message("user", question)])
        streams = served.open({"": prompt}, room=TOKENS)
        while not streams.read(32):
            pass
        written = [int(streams.logits[""][0].argmax())]
        while len(written) < TOKENS:
            written.append(int(streams.step(written[-1])[""][0].argmax()))
        generate: Any = torch_model.generate
        expected = generate(
            torch.tensor([prompt]), max_new_tokens=TOKENS, do_sample=False, eos_token_id=None
        )[0, len(prompt) :]

        assert written == expected.tolist()
    assert metrics["parity_logits"] < 1e-2
    assert metrics["parity_cached_logits"] < 1e-2


def test_weights_too_large_for_16_bits_are_refused_with_the_other_choices() -> None:
    with pytest.raises(StartupError, match="too large for floats of 16 bits; take 8, or 32"):
        recode(Plain(np.full((2, 32), 7e4, np.float32)), 16)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_states_and_soft_tokens_of_an_own_model_are_those_of_transformers(
    architecture: str, tmp_path: Path
) -> None:
    model: Any = save(tmp_path / "own", architecture)
    held = recoded(read_transformers(tmp_path / "own"))
    write_graph(held, tmp_path / GRAPH, arithmetic="float32")
    model.load_state_dict({name: torch.from_numpy(value) for name, value in to_state(held).items()})
    decoder = Decoder(tmp_path / GRAPH)
    tokens = np.random.default_rng(1).integers(0, 256, 90)
    soft = SoftTokens(
        np.array([3, 63, 64]), np.random.default_rng(2).normal(size=(3, decoder.width)).astype(np.float32)
    )
    with torch.inference_mode():
        embedded = model.get_input_embeddings()(torch.from_numpy(tokens[None])).clone()
        embedded[0, soft.places] = torch.from_numpy(soft.rows)
        expected = model(inputs_embeds=embedded, output_hidden_states=True)
        lower = [model.model.norm(state[0, -1]).numpy() for state in expected.hidden_states[:-1]]

    streams = decoder.open({"": tokens.tolist()}, room=0, soft={"": soft}, states=True)
    while not streams.read(64):
        pass
    states = decoder.states(tokens.tolist(), layers=range(decoder.layers + 1), soft=soft)

    assert streams.logits[""][0] == pytest.approx(expected.logits[0, -1].numpy(), abs=TOLERANCE)
    assert streams.states[""][0] == pytest.approx(expected.hidden_states[-1][0, -1].numpy(), abs=TOLERANCE)
    assert states == pytest.approx(np.stack([*lower, streams.states[""][0]]), abs=TOLERANCE)


def test_a_folder_of_a_language_model_becomes_a_card_that_says_where_answers_end(tmp_path: Path) -> None:
    save(tmp_path / "own", "qwen3", max_position_embeddings=40960)

    found = inspect(tmp_path / "own", "own", FolderOptions())

    [card] = found.cards
    assert card["role"] == "generator"
    assert card["context_tokens"] == 4096
    assert card["options"] == {"weights": "model.safetensors", "end_tokens": ["<|im_end|>"]}
    assert found.facts["architecture"] == "qwen3, 2 layers of width 64"
    assert not found.missing


def test_a_card_of_a_language_model_changes_what_writes_only_where_the_settings_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "aaa", "llama")
    (tmp_path / "cards").mkdir()
    monkeypatch.setenv("TIEBACK_CARDS", str(tmp_path / "cards"))

    added = CliRunner().invoke(models, ["add", str(tmp_path / "aaa")])

    plan = Plan(Settings(models=tmp_path))
    assert plan.generator is not None
    assert plan.generator.name == "smollm2-135m-instruct"
    assert "TIEBACK_GENERATOR=aaa" in added.stdout
    named = Plan(Settings(models=tmp_path, generator="aaa"))
    assert named.generator is not None
    assert named.generator.name == "aaa"


def test_four_bits_take_six_tenths_of_the_memory_of_the_layers(tmp_path: Path) -> None:
    save(tmp_path / "own", "llama", hidden_size=512, intermediate_size=1024)
    sizes, served = {}, {}
    for bits in (8, 4):
        out = tmp_path / str(bits)
        out.mkdir()
        metrics = export(card_of(tmp_path / "own", bits=bits), tmp_path / "own", out, lambda _: None)
        sizes[bits] = (out / f"{GRAPH}.data").stat().st_size
        served[bits] = metrics["drift_divergence"]

    layers = sum(matrix.values.size for matrix in matrices(read_transformers(tmp_path / "own")))
    # A scale of 4 bytes comes with each block of 32; in 4 bits half a byte for zero, and weights of sums.
    sums = 4 * 32 * (512 + 1024)  # which inputs belong to which sum, once for each width
    assert sizes[8] - sizes[4] == pytest.approx(0.4 * (1 + 1 / 8) * layers - sums, rel=0.05)
    assert served[8] < served[4]


def matrices(weights: LlamaWeights) -> Iterator[Plain]:
    for layer in weights.layers:
        yield from (one for field in fields(layer) if isinstance(one := getattr(layer, field.name), Plain))


def test_bits_are_asked_for_of_language_models_alone(tmp_path: Path) -> None:
    write_folder(tmp_path / "own")

    with pytest.raises(StartupError, match="--bits is for language models"):
        inspect(tmp_path / "own", "own", FolderOptions(pooling="mean", bits=4))


def test_what_the_folder_lacks_is_named(tmp_path: Path) -> None:
    save(tmp_path / "own", "llama")
    (tmp_path / "own/chat_template.jinja").unlink()

    missing = " ".join(inspect(tmp_path / "own", "own", FolderOptions()).missing)

    assert "chat_template.jinja" in missing


def test_a_window_that_slides_bounds_the_context(tmp_path: Path) -> None:
    save(tmp_path / "own", "mistral", sliding_window=128)

    assert card_of(tmp_path / "own").context_tokens == 128
    with pytest.raises(StartupError, match="has 200 context_tokens, and the model reads 128"):
        export(card_of(tmp_path / "own", context_tokens=200), tmp_path / "own", tmp_path, lambda _: None)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"model_type": "mixtral"}, "of type 'mixtral' cannot be exported; those can: gemma, llama"),
        ({"hidden_act": "relu"}, "the activation 'relu' cannot be exported"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, "rotary embeddings of type 'yarn'"),
        ({"intermediate_size": 90}, "no multiples of 32"),
    ],
)
def test_what_cannot_be_exported_is_refused_by_name(
    changed: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    save(tmp_path / "own", "llama")
    file = tmp_path / "own/config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))

    with pytest.raises(StartupError, match=reason):
        inspect(tmp_path / "own", "own", FolderOptions())


def test_weights_that_the_graph_would_leave_out_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "own", "llama", attention_bias=True)

    left_out = r"that a llama has not: model\.layers\.0\.self_attn\.o_proj\.bias"
    with pytest.raises(StartupError, match=left_out):
        read_transformers(tmp_path / "own")
