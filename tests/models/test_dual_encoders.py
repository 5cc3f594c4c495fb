"""CLIP-like folders: two towers, two cards, one space."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from support.own_encoder import TEXTS, encodings, served
from support.own_folders import IMAGE_SIDE, preprocessor, save_dual_encoder, tower_card, write_json
from support.present import present
from support.requests import searched
from support.sections import item, section
from tieback.core.errors import StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.encoder.shaping import accept
from tieback.index import Index
from tieback.models.pictures.fitting import PictureFitting
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import Vector
from tokenizers import Tokenizer
from transformers import CLIPImageProcessorPil, SiglipImageProcessorPil

WIDTHS = {"clip": 8, "siglip": 16}
PROCESSORS = {"clip": CLIPImageProcessorPil, "siglip": SiglipImageProcessorPil}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_dual_encoder(tmp_path / "own")
    return tmp_path / "own"


def unit(vectors: torch.Tensor) -> np.ndarray[Any, Any]:
    return torch.nn.functional.normalize(vectors, dim=-1).detach().numpy()


def picture(width: int, height: int, mode: str = "RGB") -> bytes:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).convert(mode).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("architecture", WIDTHS)
def test_the_text_tower_serves_what_transformers_computes(tmp_path: Path, architecture: str) -> None:
    model: Any = save_dual_encoder(tmp_path / "own", architecture)
    tokenizer = Tokenizer.from_file(str(tmp_path / "own/tokenizer.json"))

    card = tower_card(tmp_path / "own", "text", width=WIDTHS[architecture])
    found = encodings(served(card, tmp_path), TEXTS)

    for text, encoding in zip(TEXTS, found, strict=True):
        ids = tokenizer.encode(text).ids
        if architecture == "siglip":  # was trained on texts of one length
            ids += [1] * (12 - len(ids))
        expected = unit(model.get_text_features(input_ids=torch.tensor([ids])).pooler_output)[0]
        np.testing.assert_allclose(present(encoding.dense), expected, atol=1e-4)
        assert encoding.rows is None


@pytest.mark.parametrize("architecture", WIDTHS)
def test_the_image_tower_serves_what_transformers_computes(tmp_path: Path, architecture: str) -> None:
    model: Any = save_dual_encoder(tmp_path / "own", architecture)
    pictures = (picture(40, 23), picture(17, 64))
    processor = PROCESSORS[architecture](**preprocessor(architecture))

    card = tower_card(tmp_path / "own", "image", width=WIDTHS[architecture])
    found = encodings(served(card, tmp_path), pictures)

    for data, encoding in zip(pictures, found, strict=True):
        pixels = processor(Image.open(io.BytesIO(data)), return_tensors="pt")["pixel_values"]
        expected = unit(model.get_image_features(pixel_values=pixels).pooler_output)[0]
        np.testing.assert_allclose(present(encoding.dense), expected, atol=1e-4)


def test_both_towers_are_in_one_space_and_their_vectors_are_accepted_beside_each_other(folder: Path) -> None:
    text, image = tower_card(folder, "text"), tower_card(folder, "image")

    assert text.space == image.space
    assert text.space.name == "own"
    assert text.export != image.export
    vector = Vector(np.ones(8, np.float32), image.space)
    assert accept(vector, text.space, text.offered_widths, 8).shape == (8,)


@pytest.mark.parametrize(
    "changes",
    [{"shares": "other"}, {"shares": None}, {"options": {"weights": "other.safetensors"}}, {"width": 16}],
    ids=["name", "alone", "weights", "width"],
)
def test_towers_that_differ_in_what_they_share_are_in_two_spaces(
    folder: Path, changes: dict[str, Any]
) -> None:
    assert tower_card(folder, "text").space != tower_card(folder, "image", **changes).space


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kinds": ["dense", "multi_vector"]}, "'dense' alone"),
        ({"shares": "joint"}, "not the 'joint' one"),
        ({"joint": "class_names"}, "'labels'"),
        ({"joint": "terms"}, "'component', 'class_names' or 'pairs'"),
    ],
)
def test_a_tower_that_contradicts_itself_is_refused(folder: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(StartupError, match=said):
        tower_card(folder, "text", **changes)


def test_a_dual_encoder_has_no_other_tower(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="tower of text, image or audio"):
        tower_card(folder, "points")
    with pytest.raises(StartupError, match="which has no tower of audio"):
        served(tower_card(folder, "audio"), tmp_path)


@pytest.mark.parametrize(
    "size", [(40, 23), (23, 40), (16, 16), (5, 7), (300, 11), (1, 90), (90, 1), (203, 517)]
)
@pytest.mark.parametrize("architecture", WIDTHS)
def test_pictures_are_made_to_fit_as_transformers_does(
    tmp_path: Path, architecture: str, size: tuple[int, int]
) -> None:
    write_json(tmp_path / "p.json", preprocessor(architecture))
    image = Image.open(io.BytesIO(picture(*size)))
    fitting = PictureFitting.read(tmp_path / "p.json")

    found = fitting.scaled(fitting.pixels(image)[None])

    processor = PROCESSORS[architecture](**preprocessor(architecture))
    expected = processor(image, return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("size", [(5_000_000, 1), (1, 5_000_000)])
@pytest.mark.parametrize("architecture", WIDTHS)
def test_a_picture_as_thin_as_a_line_costs_no_more_than_another(
    tmp_path: Path, architecture: str, size: tuple[int, int]
) -> None:
    write_json(tmp_path / "p.json", preprocessor(architecture))
    fitting = PictureFitting.read(tmp_path / "p.json")
    begun = time.perf_counter()

    pixels = fitting.pixels(Image.new("RGB", size))  # 16 × 80,000,000 if it were resized whole

    assert pixels.shape == (IMAGE_SIDE, IMAGE_SIDE, 3)
    assert time.perf_counter() - begun < 2


def test_an_older_preprocessor_with_bare_numbers_is_read(tmp_path: Path) -> None:
    old = {"size": 16, "crop_size": 16, "do_center_crop": True, "resample": 3} | {
        key: preprocessor("clip")[key] for key in ("image_mean", "image_std")
    }
    write_json(tmp_path / "old.json", old)
    write_json(tmp_path / "new.json", preprocessor("clip"))

    assert PictureFitting.read(tmp_path / "old.json") == PictureFitting.read(tmp_path / "new.json")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"do_resize": False}, "do_resize"),
        ({"size": {"longest_edge": 16}}, "size is a number"),
        ({"size": {"shortest_edge": 100_000}}, "1 to 2048 pixels"),
        ({"size": {"shortest_edge": 8}}, "crop_size is at most size"),
        ({"do_center_crop": False}, "pictures of any shape"),
        ({"resample": 9}, "Pillow's filters"),
        ({"image_std": [0.5, 0, 0.5]}, "image_std is three numbers"),
        ({"image_mean": "grey"}, "image_mean is three numbers"),
        ({"rescale_factor": "1/255"}, "rescale_factor is a number"),
    ],
)
def test_a_preprocessor_that_cannot_be_followed_is_refused_with_its_key(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    write_json(tmp_path / "p.json", preprocessor("clip") | changes)

    with pytest.raises(StartupError, match=said):
        PictureFitting.read(tmp_path / "p.json")


def test_a_damaged_picture_is_refused_with_its_field(folder: Path, tmp_path: Path) -> None:
    from tieback.core.errors import InvalidInput

    model = served(tower_card(folder, "image"), tmp_path)

    with pytest.raises(InvalidInput, match="damaged or cut off") as caught:
        model.prepare(Content(Modality.IMAGE, picture(40, 23)[:200]), EncodePlan(), Limits())
    assert str(caught.value.field) == "image"


def drop_a_tensor(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    del state["visual_projection.weight"]
    save_file(state, folder / "model.safetensors")


def turn_a_tensor(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    state["text_projection.weight"] = state["text_projection.weight"].T.contiguous()
    save_file(state, folder / "model.safetensors")


def forget_the_end(folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = None
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize(
    ("modality", "harm", "changes", "said"),
    [
        ("text", drop_a_tensor, {}, r"lacks \['visual_projection.weight'\]"),
        ("text", turn_a_tensor, {}, r"text_projection.weight is \[16, 8\], and \[8, 16\]"),
        ("text", forget_the_end, {}, "ends a text"),
        ("text", None, {"width": 9}, "write width: 8"),
        ("image", None, {"width": 9}, "write width: 8"),
        ("text", None, {"max_tokens": 77}, "write max_tokens: 12"),
        (
            "image",
            lambda folder: write_json(
                folder / "preprocessor_config.json",
                preprocessor("clip") | {"size": 8, "crop_size": 8},
            ),
            {},
            "image tower takes 16 × 16",
        ),
    ],
    ids=["missing", "turned", "end", "text width", "image width", "tokens", "picture"],
)
def test_a_folder_whose_parts_are_not_of_one_model_is_refused(
    folder: Path,
    tmp_path: Path,
    modality: str,
    harm: Callable[[Path], None] | None,
    changes: dict[str, Any],
    said: str,
) -> None:
    if harm is not None:
        harm(folder)

    with pytest.raises(StartupError, match=said):
        served(tower_card(folder, modality, **changes), tmp_path)


def test_a_text_ranks_pictures_as_the_whole_model_does(tmp_path: Path) -> None:
    whole: Any = save_dual_encoder(tmp_path / "own")
    text = served(tower_card(tmp_path / "own", "text"), tmp_path)
    image = served(tower_card(tmp_path / "own", "image"), tmp_path)
    pictures = (picture(40, 23), picture(17, 64), picture(30, 30))
    ids = torch.tensor([Tokenizer.from_file(str(tmp_path / "own/tokenizer.json")).encode("owl flies").ids])
    opened: list[Image.Image] = [Image.open(io.BytesIO(data)) for data in pictures]
    processor = CLIPImageProcessorPil(**preprocessor("clip"))
    pixels = processor(opened, return_tensors="pt")["pixel_values"]

    query = encodings(text, ("owl flies",))[0].dense
    found = np.stack([present(one.dense) for one in encodings(image, pictures)]) @ present(query)

    expected = whole(input_ids=ids, pixel_values=pixels).logits_per_text[0] / whole.logit_scale.exp()
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-4)


async def test_a_collection_of_pictures_is_searched_with_a_texts_vector(folder: Path, tmp_path: Path) -> None:
    text = served(tower_card(folder, "text"), tmp_path)
    image = served(tower_card(folder, "image"), tmp_path)
    pictures = {f"{side}": picture(side, 30) for side in (20, 30, 40)}
    documents = [present(one.dense) for one in encodings(image, tuple(pictures.values()))]
    query = present(encodings(text, ("owl flies",))[0].dense)
    index = Index.open(tmp_path / "index")
    await index.create_collection("pictures", image.card.space, image.card.width)

    await index.upsert(
        "pictures",
        [
            item(name, section(Vector(row, image.card.space), modality=Modality.IMAGE))
            for name, row in zip(pictures, documents, strict=True)
        ],
    )
    reply = await searched(index, "pictures", vector=Vector(query, text.card.space))
    await index.close()

    nearest_first = sorted(pictures, key=lambda name: -documents[list(pictures).index(name)] @ query)
    assert [hit.item_id for hit in reply.hits] == nearest_first
