"""Language models that read pages as pictures: one side in one graph, a vector for each patch and token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tieback_contract.modality import Modality
from torch import Tensor
from torch.nn.functional import normalize

from tieback.catalog.card import EncoderCard
from tieback.catalog.own_directory import LARGEST_TOKENIZER, own_file
from tieback.catalog.runtimes.visual_document import VisualDocument
from tieback.core.errors import StartupError
from tieback.models.pictures.fitting import CHANNELS
from tieback.models.pictures.image_encoder import GRAPH, PIXELS
from tieback.models.pictures.visual_document import PATCHES
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.store.manifest import link_or_copy
from tieback.models.text.card_inputs import CardInputs
from tieback.models.text.transformer_text import TOKENIZER, TOKENS
from tieback.recipes.export.image_encoder import check_width, keep_fitting
from tieback.recipes.export.transformer_text import BY_TOKEN, example, vocabulary_of
from tieback.recipes.graphs.backbone import load_model, read_config
from tieback.recipes.graphs.torch_export import export_network

ARCHITECTURE = "colpali"
SAMPLE_TOKENS = 11


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the side's graph and what prepares its inputs; returns the parity with torch."""
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    options = card.options_for(VisualDocument)
    config = read_pages(weights, options.config)
    link_or_copy(own_file(weights, options.tokenizer, largest=LARGEST_TOKENIZER), out / TOKENIZER)
    vocabulary = vocabulary_of(out / TOKENIZER)
    if vocabulary > (most := config.vlm_config.text_config.vocab_size):
        raise StartupError(
            f"the tokenizer has {vocabulary} tokens and the model {most}; they are not of one model"
        )
    model = load_model(weights, options.weights, config, options.config, head="pages")
    if card.modality is Modality.IMAGE:
        return _export_pages(card, options, model, weights, out, report)
    sample = torch.arange(SAMPLE_TOKENS) % vocabulary
    report("exporting from torch, and checking parity")
    each = [example(2, sample[: len(sample) // 2]), example(3, sample), example(1, sample)]
    network = QueryTower(model)
    check_width(card, network, *each[0])
    axes = dict.fromkeys([IDS, MASK], BY_TOKEN)
    named = [{IDS: ids, MASK: mask} for ids, mask in each]
    return export_network(network, named, out / GRAPH, outputs=[DENSE, TOKENS], dynamic=axes)


def read_pages(folder: Path, name: str) -> Any:
    """The configuration of a model that reads pages. StartupError where they are not served as such."""
    config = read_config(folder, name, (ARCHITECTURE,), head="pages")
    if patches_of(config) != round(patches_of(config) ** 0.5) ** 2:
        raise StartupError(f"{name}: a picture has {patches_of(config)} patches, which are no square")
    return config


def patches_of(config: Any) -> int:
    """The patches of a picture."""
    vision = config.vlm_config.vision_config
    return int((vision.image_size // vision.patch_size) ** 2)


def _export_pages(
    card: EncoderCard,
    options: VisualDocument,
    model: Any,
    weights: Path,
    out: Path,
    report: Callable[[str], None],
) -> dict[str, Any]:
    fitting, side = keep_fitting(weights, options.preprocessor, out), _vision(model).image_size
    if (fitting.height, fitting.width) != (side, side):
        raise StartupError(
            f"{options.preprocessor} makes pictures {fitting.height} × {fitting.width}, and the model takes "
            f"{side} × {side}; they are not of one model"
        )
    words = CardInputs.read(out / TOKENIZER).alone(options.page, {"query": ""})
    network = PageTower(model, torch.from_numpy(words))
    random = torch.Generator().manual_seed(0)
    pixels = torch.randn(3, CHANNELS, side, side, generator=random)
    check_width(card, network, pixels[:1])
    report("exporting from torch, and checking parity")
    examples = [{PIXELS: pixels[:2]}, {PIXELS: pixels[2:]}, {PIXELS: pixels}]
    axes = {PIXELS: {0: "batch"}}
    metrics = export_network(network, examples, out / GRAPH, outputs=[DENSE, TOKENS], dynamic=axes)
    return {**metrics, PATCHES: patches_of(model.config)}


def _vision(model: Any) -> Any:
    return model.config.vlm_config.vision_config


class Sides(torch.nn.Module):
    """A model of transformers, from embeddings of tokens to their vectors."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def vectors(self, embedded: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """`[batch, tokens, inner]` and `[batch, tokens]` to the means `[batch, width]`, and each token's."""
        # All tokens are of the prefix, whose tokens see each other both ways: type 0, as the processor says.
        types = torch.zeros_like(mask)
        read = self.model.vlm(
            inputs_embeds=embedded, attention_mask=mask, token_type_ids=types, use_cache=False
        )
        rows = normalize(self.model.embedding_proj_layer(read.last_hidden_state), dim=-1)
        kept = mask.to(rows.dtype)[..., None]
        return normalize((rows * kept).sum(1), dim=-1), rows


class QueryTower(Sides):
    """Token numbers and mask to the mean of the tokens' vectors, and to these."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """`[batch, tokens]` twice to `[batch, width]` and `[batch, tokens, width]`."""
        return self.vectors(self.model.vlm.get_input_embeddings()(input_ids), attention_mask)


class PageTower(Sides):
    """Pixels to the mean of the vectors of patches and words, and to these.

    Patches are put before the words, where the model's own class puts them in the place of tokens: the
    tracer has no ONNX for its check of their number.
    """

    def __init__(self, model: Any, words: Tensor) -> None:
        super().__init__(model)
        self.register_buffer("words", words[None])

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """`[batch, 3, side, side]` to `[batch, width]` and `[batch, patches + words, width]`."""
        vlm = self.model.vlm
        seen = vlm.get_image_features(pixel_values=pixels).pooler_output
        words = vlm.get_input_embeddings()(self.words.expand(pixels.shape[0], -1))  # type: ignore[operator]  # a buffer is a tensor
        embedded = torch.cat([seen, words], dim=1)
        return self.vectors(embedded, torch.ones(embedded.shape[:2], dtype=torch.long))
