"""The states of a frozen backbone's layers for many texts, as a layer pooling reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.encoding import Truncation
from tieback.models.store import Store
from tieback.models.text.tokenization import TextTokenizer
from tieback.models.text.transformer_text import padded
from tieback.recipes.graphs.architectures import BACKBONES
from tieback.recipes.graphs.backbone import LayeredBackbone, load_model, read_config
from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath
from tieback_contract.vectors import VectorKind
from tokenizers import Tokenizer
from torch import Tensor

from tieback_lab.methods.layer_pooling import Reads

AT_ONCE = 32
"""Texts of a batch, which are about equally long."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerStates:
    """States `[layers, tokens of all texts, width]` in float16, of texts of so many tokens each `[texts]`."""

    flat: Array
    lengths: Array

    def __len__(self) -> int:
        return len(self.lengths)

    def of(self, texts: Sequence[int] | Array) -> tuple[list[Tensor], Tensor]:
        """The states `[texts, longest, width]` of each layer, and the sizes, of those texts."""
        lengths, ends = self.lengths[texts], np.cumsum(self.lengths)[texts]
        places = np.arange(lengths.max())
        there = places < lengths[:, None]
        rows = np.where(there, (ends - lengths)[:, None] + places, 0)
        states = self.flat[:, rows] * there[..., None]
        return list(torch.from_numpy(states).float()), torch.from_numpy(there.astype(np.float32))


def backbone_of(card: EncoderCard, store: Store, *, field: FieldPath) -> LayeredBackbone:
    """The card's transformer in torch, in float32.

    InvalidInput, with the reason, where the card is of none whose layers are known; StartupError where its
    weights are not in the store.
    """
    check_layered(card, field=field)
    if not store.has_weights(card):
        raise StartupError(
            f"the weights of {card.name} are not in the store; run: tieback models pull {card.name}"
        )
    options, folder = card.options_for(TransformerText), store.weights(card)
    config = read_config(folder, options.config, BACKBONES)
    return LayeredBackbone(load_model(folder, options.weights, config, options.config))


def check_layered(card: EncoderCard, *, field: FieldPath) -> None:
    """InvalidInput, with the reason, where the layers of the card's encoder are not known, or others' too."""
    reason, options = "", card.options
    if not isinstance(options, TransformerText) or VectorKind.DENSE not in card.kinds:
        reason = "it is no transformer text encoder with dense vectors"
    elif options.weights.endswith(".onnx"):
        reason = "its weights are an ONNX graph, which does not say where its layers are"
    elif card.shares is not None:
        reason = f"other encoders share its space {card.shares!r}, and their vectors would not compare"
    elif options.prompt:
        reason = f"it puts the prompt {options.prompt!r} before texts, which training does not"
    if reason:
        raise InvalidInput(f"the layers of {card.name} cannot be trained with: {reason}", field=field)


def token_numbers(card: EncoderCard, store: Store, texts: Sequence[str], most: int) -> list[Array]:
    """The numbers of each text's tokens, cut to `most`; a text without one has those of the model's own."""
    limit = min(most, card.max_tokens or most)
    tokenizer = TextTokenizer(
        store.weights(card) / card.options_for(TransformerText).tokenizer,
        max_tokens=limit,
        special_tokens=True,
    )
    return [tokenizer(text if text.strip() else ".", Truncation.END)[0].ids for text in texts]


def no_words(card: EncoderCard, store: Store, rows: int) -> list[int]:
    """Of so many rows of embeddings, those of no word: special tokens, and what is beyond the tokenizer."""
    file = Tokenizer.from_file(str(store.weights(card) / card.options_for(TransformerText).tokenizer))
    special = [number for number, token in file.get_added_tokens_decoder().items() if token.special]
    return sorted({*special, *range(file.get_vocab_size(), rows)})


def word_embeddings(backbone: LayeredBackbone) -> Tensor:
    """The embeddings of the vocabulary `[vocabulary, width]`, which nothing is to change."""
    weights: Tensor = backbone.model.get_input_embeddings().weight
    return weights.detach()


def read_states(
    backbone: LayeredBackbone,
    ids: Sequence[Array],
    reads: Reads,
    done: Callable[[float], None] = lambda _share: None,
) -> LayerStates:
    """What `reads` leaves of the states of the texts with those token numbers."""
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    rows: dict[int, Array] = {}
    for begin in range(0, len(order), AT_ONCE):
        places = order[begin : begin + AT_ONCE]
        with torch.no_grad():
            batch, mask = map(torch.from_numpy, padded([ids[place] for place in places]))
            states, sizes = reads(backbone(batch, mask), mask.float())
        kept = torch.stack(states).half().numpy()
        for row, place in enumerate(places):
            rows[place] = kept[:, row, : int(sizes[row].sum())]
        done((begin + len(places)) / len(order))
    lengths = np.array([rows[place].shape[1] for place in range(len(ids))], np.int64)
    return LayerStates(np.concatenate([rows[place] for place in range(len(ids))], axis=1), lengths)
