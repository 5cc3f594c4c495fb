"""The tokenizer that a GGUF file carries, as a `tokenizers` one.

Two kinds: byte-level BPE, as GPT-2 has it, and BPE of SentencePiece (kind "llama": Llama 2, Mistral), of
which a file has no merges but the pieces with their scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from tieback.core.errors import StartupError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED = 1, 2, 3, 4
"""GGUF's types of tokens. User-defined ones are matched whole; unknown and control ones are no text."""

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
"""What SentencePiece writes for a space."""

ONE_DIGIT_A_TOKEN = {"smollm", "smaug-bpe", "starcoder", "refact", "command-r"}
"""Names of pre-tokenizers that split numbers into digits, then split as GPT-2 does."""

AS_GPT2 = {"gpt-2", "default"}

WORDS = "|".join(
    [
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
        r"[^\r\n\p{L}\p{N}]?\p{L}+",
        "NUMBER",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
BY_WORDS = {"qwen2": r"\p{N}", "llama-bpe": r"\p{N}{1,3}"}
"""Names of pre-tokenizers that split as GPT-4 does, with what they take of a number at once."""


def tokenizer_of(metadata: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer by GGUF metadata. StartupError where the file's is of another kind."""
    kind, splitting = metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre", "default")
    if kind == "llama":
        tokenizer = _sentencepiece(metadata)
    elif kind == "gpt2" and splitting in ONE_DIGIT_A_TOKEN | AS_GPT2 | BY_WORDS.keys():
        tokenizer = _byte_level(metadata, splitting)
    else:
        raise StartupError(f"a tokenizer of kind {kind!r} that splits as {splitting!r} cannot be converted")
    for token, type_ in _types(metadata):
        if type_ in (UNKNOWN, CONTROL, USER_DEFINED):
            special = type_ != USER_DEFINED
            tokenizer.add_tokens([AddedToken(token, special=special, normalized=False)])
    return tokenizer


def _byte_level(metadata: Mapping[str, Any], splitting: str) -> Tokenizer:
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    whole_words = splitting == "llama-bpe"
    tokenizer = Tokenizer(models.BPE(vocab=_vocabulary(metadata), merges=merges, ignore_merges=whole_words))
    bytes_as_letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if splitting in ONE_DIGIT_A_TOKEN:
        digits = pre_tokenizers.Digits(individual_digits=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_as_letters])
    elif splitting in BY_WORDS:
        words = pre_tokenizers.Split(Regex(WORDS.replace("NUMBER", BY_WORDS[splitting])), behavior="isolated")
        as_letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, as_letters])
        if splitting == "qwen2":
            tokenizer.normalizer = normalizers.NFC()
    else:
        tokenizer.pre_tokenizer = bytes_as_letters
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _sentencepiece(metadata: Mapping[str, Any]) -> Tokenizer:
    """As llama.cpp reads it: the pair that makes the piece of the highest score is merged first, and what no
    piece has becomes bytes. A text gets a space in front unless the file says otherwise.
    """
    prefixed = bool(metadata.get("tokenizer.ggml.add_space_prefix", True))
    unknown = next((token for token, type_ in _types(metadata) if type_ == UNKNOWN), None)
    tokenizer = Tokenizer(
        models.BPE(
            vocab=_vocabulary(metadata), merges=_merges(metadata),
            unk_token=unknown, fuse_unk=True, byte_fallback=True,
        )
    )  # fmt: skip
    spaces = normalizers.Replace(" ", SPACE)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), spaces]) if prefixed else spaces
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefixed else steps)
    return tokenizer


def _merges(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The pairs of pieces that make a piece of text, those of the highest score first."""
    scores = metadata["tokenizer.ggml.scores"]
    pieces = {
        token: score
        for (token, type_), score in zip(_types(metadata), scores, strict=True)
        if type_ in (NORMAL, USER_DEFINED)
    }
    pairs = [
        (score, piece[:cut], piece[cut:])
        for piece, score in pieces.items()
        for cut in range(1, len(piece))
        if piece[:cut] in pieces and piece[cut:] in pieces
    ]
    return [(left, right) for _, left, right in sorted(pairs, key=lambda pair: -pair[0])]


def _vocabulary(metadata: Mapping[str, Any]) -> dict[str, int]:
    return {token: number for number, token in enumerate(metadata["tokenizer.ggml.tokens"])}


def _types(metadata: Mapping[str, Any]) -> list[tuple[str, int]]:
    """All tokens with their types."""
    tokens = metadata["tokenizer.ggml.tokens"]
    return list(zip(tokens, metadata["tokenizer.ggml.token_type"], strict=True))
