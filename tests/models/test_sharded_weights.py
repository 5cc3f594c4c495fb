"""Weights in several files: an index says where each tensor is, and is held against what the files hold."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file, save_file
from support.own_encoder import TEXTS, encodings, served
from support.own_folders import save_dual_encoder, save_sentence_model, tower_card
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.core.errors import StartupError
from tieback.recipes.graphs.checkpoint import Checkpoint
from tieback.serving.commands.models import models

INDEX = "model.safetensors.index.json"
ONE = "model.safetensors"
WITH_INDEX = {"options": {"weights": INDEX}}


def in_parts(folder: Path, parts: int = 3) -> None:
    """As transformers saves a model that is too large for one file; the one file goes."""
    state = load_file(folder / ONE)
    names = list(state)
    weight_map: dict[str, str] = {}
    for part in range(parts):
        file = f"model-{part + 1:05}-of-{parts:05}.safetensors"
        mine = names[part::parts]
        save_file({name: state[name] for name in mine}, folder / file)
        weight_map |= dict.fromkeys(mine, file)
    size = sum(tensor.nbytes for tensor in state.values())
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": weight_map}))
    (folder / ONE).unlink()


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    index = json.loads((folder / INDEX).read_text())
    change(index)
    (folder / INDEX).write_text(json.dumps(index))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A CLIP's folder with its weights in three files."""
    save_dual_encoder(tmp_path / "own")
    in_parts(tmp_path / "own")
    return tmp_path / "own"


def picture() -> bytes:
    values = np.random.default_rng(0).integers(0, 256, (23, 40, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(("modality", "content"), [("text", TEXTS[0]), ("image", picture())])
def test_a_dual_encoder_in_parts_serves_what_it_does_in_one_file(
    folder: Path, tmp_path: Path, modality: str, content: Any
) -> None:
    (tmp_path / "whole").mkdir()
    save_dual_encoder(tmp_path / "whole/own")
    whole = served(tower_card(tmp_path / "whole/own", modality), tmp_path / "whole")

    parted = served(tower_card(folder, modality, **WITH_INDEX), tmp_path)

    (expected,), (found,) = (encodings(model, (content,)) for model in (whole, parted))
    np.testing.assert_array_equal(found.dense, expected.dense)


def test_a_sentence_model_in_parts_is_added_and_served(tmp_path: Path) -> None:
    save_sentence_model(tmp_path / "own")
    in_parts(tmp_path / "own", 2)

    printed = CliRunner().invoke(models, ["add", str(tmp_path / "own"), "--print"])
    (tmp_path / "card.yaml").write_text(printed.stdout)
    card: Any = read_card(tmp_path / "card.yaml")

    assert printed.exit_code == 0, printed.output
    assert f"{INDEX}, 2 parts" in printed.stderr
    assert card.options.weights == INDEX
    assert len([name for name in card.hashes if name.endswith(".safetensors")]) == 2
    assert len(encodings(served(card, tmp_path), TEXTS)) == len(TEXTS)


def test_the_cards_of_a_dual_encoder_in_parts_name_its_index(folder: Path) -> None:
    printed = CliRunner().invoke(models, ["add", str(folder), "--print"])

    cards = list(yaml.safe_load_all(printed.stdout))
    assert [card["options"] for card in cards] == [{"weights": INDEX}] * 2


def test_a_part_that_changed_is_another_revision_and_not_what_the_card_was_written_for(
    folder: Path, tmp_path: Path
) -> None:
    printed = CliRunner().invoke(models, ["add", str(folder), "--print"])
    card = next(yaml.safe_load_all(printed.stdout))
    changed = shutil.copytree(folder, tmp_path / "changed")
    part = next(changed.glob("model-*.safetensors"))
    save_file({name: tensor + 1 for name, tensor in load_file(part).items()}, part)
    card["directory"] = str(changed)
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))

    with pytest.raises(StartupError, match=f"{part.name} differs from the one the card was written for"):
        read = read_card(tmp_path / "card.yaml")
        assert isinstance(read, EncoderCard)
        served(read, tmp_path)


def test_a_card_that_names_one_file_of_a_folder_in_parts_is_told_the_index(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(StartupError, match=f"write weights: {INDEX}"):
        served(tower_card(folder, "text"), tmp_path)


def drop_a_part(folder: Path) -> None:
    next(folder.glob("model-00002*")).unlink()


def cut_a_part(folder: Path) -> None:
    part = next(folder.glob("model-00002*"))
    part.write_bytes(part.read_bytes()[:-10])


def move_a_tensor(index: dict[str, Any]) -> None:
    name = list(index["weight_map"])[-1]
    index["weight_map"][name] = "model-00001-of-00003.safetensors"


def forget_a_tensor(index: dict[str, Any]) -> None:
    del index["weight_map"][next(iter(index["weight_map"]))]


def name_a_file(name: str) -> Callable[[dict[str, Any]], None]:
    def change(index: dict[str, Any]) -> None:
        index["weight_map"][next(iter(index["weight_map"]))] = name

    return change


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (drop_a_part, "no file model-00002-of-00003.safetensors"),
        (cut_a_part, "model-00002-of-00003.safetensors is not a safetensors file that can be read"),
        (lambda folder: rewrite(folder, move_a_tensor), "and it does not"),
        (lambda folder: rewrite(folder, forget_a_tensor), f"which {INDEX} does not say"),
        (
            lambda folder: rewrite(folder, name_a_file("../../etc/x.safetensors")),
            "no safetensors file beside",
        ),
        (lambda folder: rewrite(folder, name_a_file("pytorch_model.bin")), "no safetensors file beside"),
        (lambda folder: rewrite(folder, name_a_file(7)), "no weight_map"),  # type: ignore[arg-type]  # is no name
        (lambda folder: rewrite(folder, lambda index: index.pop("weight_map")), "no weight_map"),
        (lambda folder: (folder / INDEX).write_text("[]"), "where a JSON object is expected"),
    ],
    ids=["missing", "cut", "moved", "forgotten", "outside", "pickle", "number", "no map", "no object"],
)
def test_an_index_that_is_not_of_its_files_is_refused(
    folder: Path, tmp_path: Path, harm: Callable[[Path], Any], said: str
) -> None:
    harm(folder)

    with pytest.raises(StartupError, match=said):
        served(tower_card(folder, "text", **WITH_INDEX), tmp_path)


def test_a_tensor_of_another_shape_in_a_part_is_refused_with_its_name(folder: Path, tmp_path: Path) -> None:
    for part in folder.glob("model-*.safetensors"):
        state = load_file(part)
        if "text_projection.weight" in state:
            state["text_projection.weight"] = state["text_projection.weight"].T.contiguous()
            save_file(state, part)

    with pytest.raises(StartupError, match=r"text_projection.weight is \[16, 8\], and \[8, 16\]"):
        served(tower_card(folder, "text", **WITH_INDEX), tmp_path)


def test_a_checkpoint_reads_the_tensors_it_is_asked_for_and_no_others(folder: Path) -> None:
    checkpoint = Checkpoint.open(folder, INDEX)

    found = dict(checkpoint.read(["text_projection.weight", "visual_projection.weight"]))

    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == {
        "text_projection.weight": (8, 16),
        "visual_projection.weight": (8, 16),
    }
