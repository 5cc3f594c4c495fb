"""`tieback models add` says what a folder will need before it is exported, and why one cannot be."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from support import own_pictures, own_sounds
from support.late_folders import save_pylate
from support.own_classifier import save_classifier
from support.own_folders import save_sentence_model
from support.own_reranker import save_cross_encoder
from support.text_architectures import PLACES, TEXT_ARCHITECTURES
from tieback.core.errors import StartupError
from tieback.models.text.working_memory import WorkingMemory
from tieback.recipes.graphs.backbone import read_text_config
from tieback.recipes.graphs.checkpoint import Checkpoint
from tieback.recipes.graphs.torch_export import export_network
from tieback.recipes.own.dry_run import DryRun
from tieback.recipes.own.expected import TransformerSize, expected, size_of
from tieback.recipes.own.folder import FolderOptions, OwnFolder
from tieback.recipes.own.model import inspect
from tieback.serving.commands.models import models


def test_a_folder_is_told_its_export_its_memory_its_speed_and_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEBACK_CARDS", str(tmp_path / "cards"))
    (tmp_path / "cards").mkdir()
    save_sentence_model(tmp_path / "mine")

    added = CliRunner().invoke(models, ["add", str(tmp_path / "mine")])

    assert added.exit_code == 0, added.output
    assert "exports: BertModel of transformers, by torch.export, to ONNX in float32" in added.stderr
    assert "for a text of 20 tokens, 0.7 MB for 25 of them in a batch" in added.stderr
    assert "tokens a second in texts of 20, by one thread here" in added.stderr
    assert added.stdout.splitlines()[-1] == "next: tieback models pull mine"


def test_another_architecture_is_refused_with_its_name_and_the_way_by_endpoint(tmp_path: Path) -> None:
    save_sentence_model(tmp_path / "mine")
    config = tmp_path / "mine/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "hyena"}))

    refused = CliRunner().invoke(models, ["add", str(tmp_path / "mine")])

    assert refused.exit_code == 1
    assert "of the architecture 'hyena', which is not exported here" in refused.output
    assert "tieback models add-endpoint URL" in refused.output


@pytest.mark.parametrize("name", TEXT_ARCHITECTURES)
def test_the_size_of_every_architecture_is_that_of_its_model(tmp_path: Path, name: str) -> None:
    model = TEXT_ARCHITECTURES[name].save(tmp_path / "own")

    size = size_of(
        read_text_config(tmp_path / "own", "config.json"),
        Checkpoint.open(tmp_path / "own", "model.safetensors"),
    )

    assert size is not None
    assert (size.memory.width, size.memory.heads) == (32, 4)
    assert size.values == sum(one.numel() for one in model.parameters())
    assert 0 < size.products < size.values


def test_attention_takes_memory_by_the_square_of_a_text() -> None:
    memory = WorkingMemory(heads=12, width=768, inner=3072)
    size = TransformerSize(layers=12, memory=memory, values=110_000_000, products=85_000_000)

    assert memory.bytes(1, 8192) == 4 * 8192 * (6 * 768 + 2 * 3072) + 4 * (3 * 12 + 4) * 8192**2
    blocks = replace(memory, blocks=768)
    assert blocks.bytes(1, 32_768) < 4 * blocks.bytes(1, 8192) < memory.bytes(1, 8192)
    assert memory.bytes(4, 512) == 4 * memory.bytes(1, 512)
    assert (size.weights(), size.weights(int8=True)) == (440_000_000, 185_000_000)
    assert size.operations(PLACES) == 2 * 85_000_000 + 4 * PLACES * 768 * 12


def told(folder: Path) -> dict[str, str]:
    """The expectations of a folder."""
    options = FolderOptions()
    return expected(OwnFolder(folder, "own", options), inspect(folder, "own", options).cards)


@pytest.mark.parametrize(
    ("save", "said"),
    [
        (save_sentence_model, "precisions: {int8: {}}"),
        (save_pylate, "precisions: {int8: {}}"),
        (save_classifier, "options: {precision: int8}"),
        (save_cross_encoder, "options: {precision: int8}"),
    ],
)
def test_the_words_that_ask_for_int8_are_said(tmp_path: Path, save: Any, said: str) -> None:
    (tmp_path / "own").mkdir()
    save(tmp_path / "own")

    found = told(tmp_path / "own")

    assert found["exports"].endswith(f"to ONNX in float32; in int8 where the card says {said}")


@pytest.mark.parametrize("name", own_pictures.NETWORKS)
def test_the_needs_of_every_network_of_pictures_are_said(tmp_path: Path, name: str) -> None:
    own_pictures.save_network(tmp_path / "own", name)

    found = told(tmp_path / "own")

    assert found["exports"].endswith("Model of transformers, by torch.export, to ONNX in float32")
    assert re.fullmatch(r"weights [\d.]+ MB, and beside them about [\d.]+ MB for a picture", found["memory"])
    assert re.match(r"at most about [\d,]+ pictures a second, by one thread here", found["speed"])


@pytest.mark.parametrize("name", [*own_pictures.PAIRS, "clap"])
def test_the_needs_of_both_towers_are_said(tmp_path: Path, name: str) -> None:
    if name == "clap":
        own_sounds.save_pair(tmp_path / "own")
    else:
        own_pictures.save_pair(tmp_path / "own", name)

    text, other = told(tmp_path / "own")["memory"].split("; ")

    assert re.search(r"for a text of \d+ tokens$", text)
    assert other.endswith(" s" if name == "clap" else "for a picture")


@pytest.mark.parametrize("name", own_sounds.NETWORKS)
def test_the_needs_of_every_network_of_sounds_are_said(tmp_path: Path, name: str) -> None:
    own_sounds.save_sounds(tmp_path / "own", name)

    found = told(tmp_path / "own")

    assert re.fullmatch(
        r"weights .* MB, and beside them about .* MB for a window of [\d.]+ s", found["memory"]
    )
    assert re.match(r"at most about [\d,]+ seconds of sound a second", found["speed"])


def test_a_dry_run_counts_weights_that_are_read_products_and_states_that_are_there_together() -> None:
    with torch.device("meta"):
        network = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Linear(16, 4), torch.nn.Linear(4, 2))
        given = torch.zeros(3, 8)

    run = DryRun.of(network, lambda: network[1](network[0](given)))

    assert run.weights == 4 * (8 * 16 + 16 + 16 * 4 + 4)
    assert run.operations == 2 * 3 * (8 * 16 + 16 * 4)
    assert run.states == 4 * 3 * (16 + 4)


class WithoutOnnx(torch.nn.Module):
    """A module with an operator that ONNX has not."""

    def forward(self, given: torch.Tensor) -> tuple[torch.Tensor]:
        return (torch.special.bessel_j0(given),)


def test_a_model_with_an_operator_that_onnx_has_not_names_it_and_the_way_on(tmp_path: Path) -> None:
    given = [{"given": torch.rand(2, 3)}]

    with pytest.raises(StartupError, match=r"no ONNX for prims\.bessel_j0.*add-endpoint URL"):
        export_network(WithoutOnnx(), given, tmp_path / "model.onnx", outputs=["found"], dynamic={})
