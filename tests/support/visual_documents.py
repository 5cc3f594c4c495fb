"""A ColPali made small: random weights and a few words, saved as transformers saves model and processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from tieback.catalog.catalog import read_card
from tieback.models.store import Store
from tieback.recipes.own.folder import FolderOptions
from tieback.recipes.own.model import inspect
from tieback.recipes.pull import pull
from tieback_contract.arrays import Array
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import ColPaliConfig, ColPaliForRetrieval, ColPaliProcessor, PreTrainedTokenizerFast
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from support.own_encoder import Silent
from support.own_pictures import opened

SIDE, CELL, WIDTH = 56, 14, 16
PATCHES = (SIDE // CELL) ** 2
WORDS = [
    "<pad>", "<eos>", "<bos>", "<unk>", "<image>", "Question", ":", "Describe", "the", "image", ".", "\n",
    "owl", "wren", "flies", "at", "night", "?",
]  # fmt: skip
LAYER: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4,
    "initializer_range": 0.3,
}  # fmt: skip
QUERIES = ("owl", "the owl flies at night ?", "wren at night")


def save_pages(folder: Path) -> tuple[Any, Any]:
    """A folder of ColPali as its makers save it; the model and its processor."""
    torch.manual_seed(0)
    vision = LAYER | {
        "model_type": "siglip_vision_model", "image_size": SIDE, "patch_size": CELL, "vision_use_head": False,
    }  # fmt: skip
    text = LAYER | {
        "model_type": "gemma", "num_key_value_heads": 1, "head_dim": 8, "vocab_size": 1200, "pad_token_id": 0,
    }  # fmt: skip
    config = ColPaliConfig(
        vlm_config={
            "model_type": "paligemma", "vision_config": vision, "text_config": text, "image_token_id": 4,
            "projection_dim": 32,
        },
        embedding_dim=WIDTH,
    )  # fmt: skip
    model = ColPaliForRetrieval(config).eval()  # type: ignore[no-untyped-call]  # theirs
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, "<unk>"))
    words, lines = pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Split("\n", "isolated")
    cuts = pre_tokenizers.Sequence([words, pre_tokenizers.Punctuation(), lines])
    tokenizer.pre_tokenizer = cuts
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # theirs
        tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>",
        unk_token="<unk>", extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
    pictures = SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_seq_length=PATCHES)
    processor = ColPaliProcessor(image_processor=pictures, tokenizer=fast)
    processor.save_pretrained(folder)
    return model, processor


def sides(folder: Path, **changes: Any) -> tuple[Any, Any]:
    """The cards that `models add` writes, for queries and for pages."""
    found = inspect(folder, "pages", FolderOptions(licence="MIT"))
    assert found.missing == []
    cards = []
    for fields in found.cards:
        path = folder.parent / f"{fields['name']}.yaml"
        path.write_text(yaml.safe_dump(fields | (changes if fields["modality"] == "text" else {})))
        cards.append(read_card(path))
    return cards[0], cards[1]


class Saved:
    """A folder with its model, both cards, and the store that they were pulled into."""

    def __init__(self, place: Path) -> None:
        self.folder = place / "pages"
        self.model, self.processor = save_pages(self.folder)
        self.query, self.page = sides(self.folder)
        self.store = Store(place / "store")
        assert pull([self.query, self.page], [], self.store, Silent()) == []

    def rows(self, inputs: Any) -> list[Array]:
        """The vectors of transformers' own model, without those of padding."""
        with torch.no_grad():
            found = self.model(**inputs).embeddings.numpy()
        masks = inputs["attention_mask"].bool().numpy()
        return [one[mask] for one, mask in zip(found, masks, strict=True)]

    def scores(self, queries: tuple[str, ...], pictures: tuple[bytes, ...]) -> Array:
        """MaxSim of queries and pages `[queries, pages]`, by transformers' processor."""
        shown = [opened(data).convert("RGB") for data in pictures]
        with torch.no_grad():
            asked = self.model(**self.processor.process_queries(list(queries))).embeddings
            pages = self.model(**self.processor.process_images(shown)).embeddings
        found: Array = self.processor.score_retrieval(asked, pages).numpy()
        return found
