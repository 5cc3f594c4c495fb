"""Folders of picture models: networks without a text tower, and pairs beside CLIP and SigLIP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.own_encoder import TEXTS, encodings, served
from support.own_folders import write_json
from support.own_pictures import (
    EXACT,
    NETWORKS,
    PAIRS,
    PATCHES,
    PICTURES,
    SIDE,
    TEXT,
    TOKENS,
    fitted,
    opened,
    own_card,
    processor_fields,
    processor_of,
    save_network,
    save_pair,
    unit,
    vectors_of_network,
    vectors_of_pair,
)
from support.present import present
from tieback.core.errors import StartupError
from tieback.models.pictures.fitting import PictureFitting
from tieback.recipes.own.folder import FolderOptions
from tieback.recipes.own.model import inspect
from tokenizers import Tokenizer
from transformers import (
    Siglip2Config,
    Siglip2Model,
    ViTConfig,
    ViTForImageClassification,
)

PREPROCESSOR = "preprocessor_config.json"


def vectors_of(folder: Path, tmp_path: Path, place: int, data: tuple[str | bytes, ...]) -> Any:
    """Vectors as they are served, of one batch."""
    found = encodings(served(own_card(folder, place), tmp_path), data)
    return np.stack([present(one.dense) for one in found])


@pytest.mark.parametrize("architecture", NETWORKS)
def test_a_network_of_pictures_serves_what_transformers_computes(tmp_path: Path, architecture: str) -> None:
    model: Any = save_network(tmp_path / "own", architecture)
    found = inspect(tmp_path / "own", "own", FolderOptions())
    pooled, expected = vectors_of_network(tmp_path / "own", model)

    vectors = vectors_of(tmp_path / "own", tmp_path, 0, PICTURES)

    assert found.facts["pooling"] == ("pooler_output" if pooled else "class token")
    assert not found.missing
    assert (expected[0] @ expected[1:].T).max() < 0.9999  # the network tells pictures apart
    np.testing.assert_allclose(vectors, expected, atol=1e-4)


@pytest.mark.parametrize("architecture", PAIRS)
def test_a_pair_serves_what_transformers_computes(tmp_path: Path, architecture: str) -> None:
    model: Any = save_pair(tmp_path / "own", architecture)
    texts, pictures = vectors_of_pair(tmp_path / "own", model)

    np.testing.assert_allclose(vectors_of(tmp_path / "own", tmp_path, 0, TEXTS), texts, atol=1e-4)
    np.testing.assert_allclose(vectors_of(tmp_path / "own", tmp_path, 1, PICTURES), pictures, atol=1e-4)
    assert own_card(tmp_path / "own", 0).space == own_card(tmp_path / "own", 1).space


def test_texts_are_filled_up_with_the_tokenizers_own_padding(tmp_path: Path) -> None:
    model: Any = save_pair(tmp_path / "own", "siglip")  # SigLIP 2: its configuration says 1, its tokenizer 0
    write_json(tmp_path / "own/tokenizer_config.json", {"pad_token": "[PAD]"})
    ids = Tokenizer.from_file(str(tmp_path / "own/tokenizer.json")).encode(TEXTS[1]).ids
    with torch.no_grad():
        filled = torch.tensor([ids + [0] * (TOKENS - len(ids))])
        expected = unit(model.get_text_features(input_ids=filled).pooler_output)

    np.testing.assert_allclose(vectors_of(tmp_path / "own", tmp_path, 0, TEXTS[1:]), expected, atol=1e-4)


def test_siglip_2_of_any_shape_is_refused_with_the_one_to_take(tmp_path: Path) -> None:
    vision = {key: value for key, value in PATCHES.items() if key != "image_size"}
    Siglip2Model(Siglip2Config(text_config=TEXT, vision_config=vision)).save_pretrained(tmp_path)

    with pytest.raises(StartupError, match=r"NaFlex.*siglip2-base-patch16-224.*says siglip"):
        inspect(tmp_path, "own", FolderOptions())


def test_a_classifier_without_a_pooler_gives_its_class_token(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model: Any = ViTForImageClassification(ViTConfig(**PATCHES))
    model.eval().save_pretrained(tmp_path / "own")
    write_json(tmp_path / "own" / PREPROCESSOR, processor_fields("ViT", EXACT))
    with torch.no_grad():
        states = model.vit(pixel_values=fitted(tmp_path / "own")).last_hidden_state

    vectors = vectors_of(tmp_path / "own", tmp_path, 0, PICTURES)

    np.testing.assert_allclose(vectors, unit(states[:, 0]), atol=1e-4)


def test_a_processor_that_is_saved_beside_a_tokenizers_is_read(tmp_path: Path) -> None:
    save_network(tmp_path / "own", "vit")
    fields = json.loads((tmp_path / "own" / PREPROCESSOR).read_text())
    expected = PictureFitting.read(tmp_path / "own" / PREPROCESSOR)
    (tmp_path / "own" / PREPROCESSOR).unlink()
    write_json(tmp_path / "own/processor_config.json", {"image_processor": fields, "processor_class": "Own"})

    card = own_card(tmp_path / "own")

    assert card.options.model_dump()["preprocessor"] == "processor_config.json"
    assert PictureFitting.read(tmp_path / "own/processor_config.json") == expected


FAST = {"crop_size": None, "data_format": "channels_first", "device": None, "do_center_crop": None}
FAST |= {"do_pad": None, "pad_size": None, "input_data_format": None, "return_tensors": None}
FORMS: dict[str, dict[str, Any]] = {
    "exact": processor_fields("ViT", EXACT),
    "fast": processor_fields("ViT", EXACT | FAST) | {"image_processor_type": "ViTImageProcessorFast"},
    "no filter": {k: v for k, v in processor_fields("ViT", EXACT).items() if k != "resample"},
    "share": processor_fields("ConvNext", {"size": {"shortest_edge": 48}, "crop_pct": 0.7}),
    "a share of a number": processor_fields("ConvNext", {"size": 48, "crop_pct": 0.875}),
    "warped": processor_fields("ConvNext", {"size": {"shortest_edge": 384}, "crop_pct": 0.875}),
    "cut by edge": processor_fields(
        "Bit", {"size": {"shortest_edge": 40}, "crop_size": 32} | {"do_center_crop": True}
    ),
    "cut of exact": processor_fields("DeiT", {"size": 40, "crop_size": 32, "do_center_crop": True}),
    "not cut": processor_fields("Beit", {"size": 32, "crop_size": 24, "do_center_crop": False}),
    "scaled": processor_fields("ViT", EXACT | {"rescale_factor": 1 / 127.5, "resample": 1}),
    "unscaled": processor_fields("ViT", EXACT | {"do_rescale": False, "do_normalize": False}),
    "mobile": processor_fields(
        "MobileNetV2", {"size": {"shortest_edge": 40}, "crop_size": 32, "do_center_crop": True}
    ),
    "blip": processor_fields("Blip", EXACT),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_files_of_processors_are_followed(tmp_path: Path, form: str) -> None:
    write_json(tmp_path / PREPROCESSOR, FORMS[form])
    fitting = PictureFitting.read(tmp_path / PREPROCESSOR)
    pixels = np.stack([fitting.pixels(opened(data).convert("RGB")) for data in PICTURES[:5]])

    processor = processor_of(tmp_path)
    expected = processor([opened(data) for data in PICTURES[:5]], return_tensors="np")["pixel_values"]

    np.testing.assert_allclose(fitting.scaled(pixels), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"image_processor_type": "LevitImageProcessor"}, "rules are not followed here"),
        ({"do_pad": True}, "do_pad"),
        ({"crop_pct": 1.5}, "crop_pct is above 0"),
        ({"crop_pct": 0.9, "size": EXACT["size"]}, "of size.shortest_edge"),
        ({"crop_pct": 0.9, "do_center_crop": True, "crop_size": 16}, "do_center_crop beside crop_pct"),
    ],
)
def test_a_processor_that_does_something_else_is_refused(
    tmp_path: Path, fields: dict[str, Any], said: str
) -> None:
    write_json(
        tmp_path / PREPROCESSOR, processor_fields("ConvNext", {"size": {"shortest_edge": SIDE}}) | fields
    )

    with pytest.raises(StartupError, match=said):
        PictureFitting.read(tmp_path / PREPROCESSOR)


def test_a_folder_without_a_preprocessor_says_that_it_is_missing(tmp_path: Path) -> None:
    save_network(tmp_path / "own", "vit")
    (tmp_path / "own" / PREPROCESSOR).unlink()

    assert (
        "preprocessor_config.json, which says" in inspect(tmp_path / "own", "own", FolderOptions()).missing[0]
    )


def too_large(folder: Path) -> None:
    write_json(folder / PREPROCESSOR, processor_fields("ViT", {"size": {"height": 64, "width": 64}}))


def grey_alone(folder: Path) -> None:
    save_network(folder, "vit", num_channels=1)


def of_another_width(folder: Path) -> None:
    fields = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", fields | {"hidden_size": 48})


def without_a_vector(folder: Path) -> None:
    fields = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", fields | {"model_type": "ijepa"})


def hiding(folder: Path) -> None:
    save_network(folder, "vit_mae", mask_ratio=0.75)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (hiding, r"hides a part of each picture at random.*mask_ratio: 0"),
        (too_large, r"64 × 64.*image_size: 32.*does not take them"),
        (grey_alone, r"3 channels"),
        (of_another_width, r"does not fit config.json"),
        (without_a_vector, r"ijepa gives no vector of a picture"),
    ],
)
def test_a_network_whose_parts_are_not_of_one_model_is_refused(
    tmp_path: Path, harm: Callable[[Path], None], said: str
) -> None:
    save_network(tmp_path / "own", "vit")
    harm(tmp_path / "own")

    with pytest.raises(StartupError, match=said):
        served(own_card(tmp_path / "own"), tmp_path)
