"""The tokenizer that a GGUF file carries, as a `tokenizers` one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from tieback.core.errors import StartupError

CONTROL, USER_DEFINED = 3, 4
"""GGUF's types of tokens that are matched whole; a control token is no text."""

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
    """A byte-level BPE tokenizer from GGUF metadata. StartupError where the file's is of another kind."""
    kind, splitting = metadata["tokenizer.ggml.model"], metadata.get("tokenizer.ggml.pre", "default")
    if kind != "gpt2" or splitting not in ONE_DIGIT_A_TOKEN | AS_GPT2 | BY_WORDS.keys():
        raise StartupError(f"a tokenizer of kind {kind!r} that splits as {splitting!r} cannot be converted")
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    whole_words = splitting == "llama-bpe"
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=whole_words))
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
    types = metadata["tokenizer.ggml.token_type"]
    for token, type_ in zip(tokens, types, strict=True):
        if type_ in (CONTROL, USER_DEFINED):
            tokenizer.add_tokens([AddedToken(token, special=type_ == CONTROL, normalized=False)])
    return tokenizer
