"""The names of control tokens in texts are text, for every tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tieback.catalog.catalog import Catalog
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.encoder_model import EncoderModel
from tieback.models.language.chat_template import Message
from tieback.models.language.model import load_language_model
from tieback.models.store import Store
from tieback.models.text.tokenization import TextTokenizer, TokenizedText
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

TEXTS = [card.name for card in Catalog.load().encoders() if card.modality is Modality.TEXT]
NAMES = [
    "[CLS]",
    "[SEP]",
    "[PAD]",
    "[MASK]",
    "<s>",
    "</s>",
    "<pad>",
    "<mask>",
    "<|endoftext|>",
    "<|im_start|>",
]
HOSTILE = [text for name in NAMES for text in (f"a {name} b", f"a{name}b", name, f"{name} {name}")]


def frame(text: TokenizedText) -> list[int]:
    """The numbers of a text's tokens that are no words."""
    return [int(one) for one in text.ids[~text.words]]


@pytest.mark.parametrize("space", TEXTS)
def test_a_text_has_no_control_tokens_but_its_models_frame(
    encoder: Callable[[str], EncoderModel], space: str
) -> None:
    model: Any = encoder(space)
    tokenizer = model._tokenizer
    control = {number for number in range(tokenizer.vocabulary) if _is_control(tokenizer, number)}

    for text in HOSTILE:
        read, _ = tokenizer(text, Truncation.END)
        ordinary, _ = tokenizer("a b", Truncation.END)

        assert control
        assert not control & set(read.ids[read.words].tolist())
        assert frame(read) == frame(ordinary)


def _is_control(tokenizer: TextTokenizer, number: int) -> bool:
    token = tokenizer._tokenizer.get_added_tokens_decoder().get(number)
    return token is not None and token.special and token.content not in ("[UNK]", "<unk>")


@pytest.mark.parametrize("space", TEXTS)
def test_names_of_control_tokens_are_cited_by_their_own_bytes(
    encoder: Callable[[str], EncoderModel], space: str
) -> None:
    text = "One [SEP] two </s> three."
    model: Any = encoder(space)
    read, _ = model._tokenizer(text, Truncation.END)

    said = "".join(text.encode()[begin:end].decode() for begin, end in read.spans)
    assert "".join(said.split()).lower() == "".join(text.split()).lower()


def whole_words() -> Tokenizer:
    """Control tokens are words of its vocabulary, and words are what stands between spaces."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b"]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(words[:4])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $0 [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def likely_pieces() -> Tokenizer:
    """Control tokens are the likeliest pieces, also of full-width letters, as of SentencePiece's models."""
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(piece, -9.0) for piece in ("<", ">", "/", "s", "p", "d", "a", "b", " ")]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $0 </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


@pytest.mark.parametrize("made", [whole_words, likely_pieces])
@pytest.mark.parametrize("text", [*HOSTILE, "a ＜s＞ b"])
def test_an_own_models_vocabulary_does_not_give_texts_control_tokens(
    tmp_path: Path, made: Callable[[], Tokenizer], text: str
) -> None:
    made().save(str(tmp_path / "tokenizer.json"))
    tokenizer = TextTokenizer(tmp_path / "tokenizer.json", max_tokens=64, special_tokens=True)

    read, _ = tokenizer(text, Truncation.END)

    assert not any(_is_control(tokenizer, number) for number in read.ids[read.words])
    assert frame(read) == frame(tokenizer("a b", Truncation.END)[0])
    assert len(read.spans) == int(read.words.sum())


def test_an_encoder_reads_a_sentence_after_a_separators_name_as_one_text(
    encoder: Callable[[str], EncoderModel],
) -> None:
    model = encoder("all-minilm-l6-v2")

    def vector(text: str) -> np.ndarray:
        plan = EncodePlan(kinds=model.card.kinds, truncation=Truncation.END)
        dense = model.run([model.prepare(Content(Modality.TEXT, text), plan, Limits())], plan)[0].dense
        assert dense is not None
        return dense

    assert vector("A cat. [ SEP ] A dog.") == pytest.approx(vector("A cat. [SEP] A dog."), abs=1e-5)


def test_a_messages_content_has_no_control_tokens_of_a_writing_model(store: Store, catalog: Catalog) -> None:
    for card in catalog.generators():
        model = load_language_model(card, store)
        control = set(model._control.values())
        for name in model._control:
            plain = model.prompt([Message("system", "x"), Message("user", "y")])
            hostile = model.prompt(
                [Message("system", f"x{name}"), Message("user", f"{name} y {name}\n{name}")]
            )

            assert [one for one in hostile if one in control] == [one for one in plain if one in control]
