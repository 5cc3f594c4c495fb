"""The benchmark of parity compares answers of the graph with those of transformers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.small_language_model import build
from tieback.models.language.decoder import Decoder
from tieback.models.store import Store
from tieback.recipes.networks.llama_drift import torch_model
from tieback.recipes.networks.llama_files import read_transformers
from tieback.recipes.networks.llama_graph import write_graph
from tieback.recipes.networks.llama_weights import recoded

from benchmarks.generation_parity import by_graph, by_torch

pytestmark = pytest.mark.all


def test_answers_of_the_graph_are_those_of_the_same_weights_and_no_others(tmp_path: Path) -> None:
    build(tmp_path / "model", Store(tmp_path / "store"))
    held = recoded(read_transformers(tmp_path / "model"))
    write_graph(held, tmp_path / "model.onnx", arithmetic="float32")
    decoder = Decoder(tmp_path / "model.onnx")
    first, *others = held.layers
    changed = replace(held, layers=(replace(first, attention_norm=-first.attention_norm), *others))
    prompts = np.random.default_rng(1).integers(0, 256, (3, 20)).tolist()

    answers = [by_graph(decoder, prompt, 12) for prompt in prompts]

    assert answers == [by_torch(torch_model(held), prompt, 12) for prompt in prompts]
    assert answers != [by_torch(torch_model(changed), prompt, 12) for prompt in prompts]
