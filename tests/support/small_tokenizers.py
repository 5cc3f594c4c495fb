"""Tokenizers of the usual families made small: trained on a few lines, real in all else."""

from __future__ import annotations

from pathlib import Path

from tieback.models.text.tokenization import TextTokenizer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LINES = [
    "The lamp was lit at dusk, and ships saw it from afar.",
    "Nobody knew who had lit it; the keeper was gone, they said.",
    "Über den Wassern geht ein Licht. Naïve café déjà vu.",
]
SPECIAL = ["[UNK]", "[CLS]", "[SEP]"]


def word_piece() -> Tokenizer:
    """Lower case, without accents; a word of more than 100 characters is one unknown token."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return _trained(tokenizer, trainers.WordPieceTrainer(vocab_size=200, special_tokens=SPECIAL))


def byte_pairs() -> Tokenizer:
    """Bytes; a word's token takes the space before it along."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return _trained(
        tokenizer, trainers.BpeTrainer(vocab_size=330, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )


def unigrams() -> Tokenizer:
    """NFKC, which makes many characters of some; white space is a part of words."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return _trained(
        tokenizer, trainers.UnigramTrainer(vocab_size=120, special_tokens=SPECIAL, unk_token="[UNK]")
    )


FAMILIES = {"word pieces": word_piece, "byte pairs": byte_pairs, "unigrams": unigrams}


def text_tokenizer(family: str, folder: Path, max_tokens: int | None) -> TextTokenizer:
    """As the server reads it; two of the tokens are special ones."""
    path = folder / "tokenizer.json"
    FAMILIES[family]().save(str(path))
    return TextTokenizer(path, max_tokens=max_tokens, special_tokens=True)


def _trained(tokenizer: Tokenizer, trainer: trainers.Trainer) -> Tokenizer:
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, tokenizer.token_to_id(name)) for name in SPECIAL[1:]]
    )
    return tokenizer
