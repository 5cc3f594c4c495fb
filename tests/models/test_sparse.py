"""SPLADE: what is served is the paper's formula, term by term."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.own_encoder import TEXTS, WORDS, card_for, encodings, served, tiny_bert, write_tokenizer
from tieback.core.errors import StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.encoder_model import EncoderModel, NamesTerms, RawEncoding
from tieback.models.store import Store
from tieback.models.text.sparse_text import TOKENS_AT_ONCE
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind
from tokenizers import Tokenizer
from transformers import AutoModelForMaskedLM, DistilBertConfig, PretrainedConfig

SPLADE = "splade-tiny"
SPARSE = EncodePlan(kinds=frozenset({VectorKind.SPARSE}))

DISTILBERT = DistilBertConfig(
    vocab_size=len(WORDS),
    dim=16,
    n_layers=1,
    n_heads=2,
    hidden_dim=32,
    max_position_embeddings=16,
    initializer_range=0.3,
)


def language_model(config: PretrainedConfig) -> Any:
    torch.manual_seed(0)
    model = AutoModelForMaskedLM.from_config(config, attn_implementation="eager").eval()  # type: ignore[no-untyped-call]  # theirs
    head = model.get_output_embeddings()
    torch.nn.init.normal_(head.bias)  # zero when new, and then nobody would miss it
    return model


def write_folder(folder: Path, model: Any, rename: Callable[[str], str] = str) -> Path:
    folder.mkdir()
    write_tokenizer(folder)
    model.config.save_pretrained(folder)
    # As checkpoints come: a tied weight once, under the embeddings' name.
    tied = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias", "vocab_projector.weight"}
    state = {rename(name): value.clone() for name, value in model.state_dict().items() if name not in tied}
    save_file(state, folder / "model.safetensors")
    return folder


def sparse_card(folder: Path, **changes: Any) -> Any:
    facts = {"runtime": "sparse_text", "kinds": ["sparse"], "width": len(WORDS), "pooling": None}
    return card_for(folder, **(facts | changes))


def formula(model: Any, folder: Path, text: str) -> np.ndarray[Any, Any]:
    """The paper's, of one text without padding."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    with torch.no_grad():
        logits = model(torch.tensor([tokenizer.encode(text).ids])).logits[0]
    return torch.log1p(torch.relu(logits)).max(dim=0).values.numpy()


def spread(encoding: RawEncoding, width: int) -> np.ndarray[Any, Any]:
    """The sparse vector with its zeros."""
    assert encoding.sparse is not None
    indices, weights = encoding.sparse
    assert (indices.dtype, weights.dtype) == (np.dtype(np.int32), np.dtype(np.float32))
    assert (np.diff(indices) > 0).all()
    assert (weights > 0).all()
    full = np.zeros(width, np.float32)
    full[indices] = weights
    return full


def old_name(name: str) -> str:
    """BERT's first checkpoints named the parts of a layer norm so."""
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


@pytest.mark.parametrize(
    ("config", "rename"),
    [(tiny_bert().config, str), (tiny_bert().config, old_name), (DISTILBERT, str)],
    ids=["bert", "old names", "distilbert"],
)
def test_a_folder_with_a_language_model_serves_the_papers_formula(
    tmp_path: Path, config: PretrainedConfig, rename: Callable[[str], str]
) -> None:
    model = language_model(config)
    folder = write_folder(tmp_path / "own", model, rename)

    found = encodings(served(sparse_card(folder), tmp_path), TEXTS)

    for encoding, text in zip(found, TEXTS, strict=True):
        expected = formula(model, folder, text)
        assert 0 < (expected > 0).sum() < len(expected)
        np.testing.assert_allclose(spread(encoding, len(WORDS)), expected, atol=1e-5)


def test_a_width_that_is_not_the_vocabulary_is_refused_by_the_export(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own", language_model(tiny_bert().config))

    with pytest.raises(StartupError, match=f"has {len(WORDS)} terms and the card's width is 8"):
        served(sparse_card(folder, width=8), tmp_path)


def test_weights_without_their_head_are_refused_by_the_names_that_are_missing(tmp_path: Path) -> None:
    model = language_model(tiny_bert().config)
    folder = write_folder(tmp_path / "own", model)
    save_file(
        {name: value.clone() for name, value in model.state_dict().items() if name.startswith("bert.")},
        folder / "model.safetensors",
    )

    with pytest.raises(StartupError, match=r"it lacks \['cls\.predictions"):
        served(sparse_card(folder), tmp_path)


def encode(model: EncoderModel, *texts: str) -> list[RawEncoding]:
    prepared = [
        model.prepare(Content(Modality.TEXT, text), EncodePlan(truncation=Truncation.END), Limits())
        for text in texts
    ]
    return model.run(prepared, SPARSE)


def heaviest(model: EncoderModel, text: str, count: int) -> list[str]:
    (encoding,) = encode(model, text)
    assert encoding.sparse is not None
    assert isinstance(model, NamesTerms)
    indices, weights = encoding.sparse
    return [model.terms[index] for index in indices[np.argsort(-weights)[:count]]]


def test_the_served_graph_differs_from_torch_by_less_than_rounding_shows(catalog: Any, store: Store) -> None:
    differences = store.open(catalog.get(SPLADE)).manifest.metrics["largest_difference"]

    assert 0 < differences["term_weights"] < 1e-4


def test_a_text_weighs_its_own_words_and_adds_words_of_their_meaning(
    encoder: Callable[[str], EncoderModel],
) -> None:
    terms = heaviest(encoder(SPLADE), "A cat sleeps on the sofa", 8)

    assert {"cat", "sleeps", "sofa"} <= set(terms[:4])
    assert {"sleeping", "couch"} <= set(terms)


def test_a_query_finds_the_text_that_says_it_in_other_words(
    encoder: Callable[[str], EncoderModel],
) -> None:
    model = encoder(SPLADE)
    query, couch, market = (
        spread(one, model.card.width)
        for one in encode(model, "sleeping kitten", "The cats sleep on a couch.", "The stock market fell.")
    )

    assert query @ couch > query @ market + 1


def test_texts_of_all_lengths_say_the_same_alone_and_in_parts_of_a_batch(
    encoder: Callable[[str], EncoderModel],
) -> None:
    model = encoder(SPLADE)
    texts = ["owl", "wind over the harbour " * 60, "a boat at night", "rain " * 400]
    assert len(texts) * 400 > TOKENS_AT_ONCE  # padded, they are more than one run takes

    together = encode(model, *texts)

    for text, encoding in zip(texts, together, strict=True):
        (alone,) = encode(model, text)
        np.testing.assert_allclose(
            spread(encoding, model.card.width), spread(alone, model.card.width), atol=1e-4
        )
