"""A language model as it is served: decoder, tokenizer and chat template. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tokenizers import Tokenizer

from tieback.catalog.card import GeneratorCard
from tieback.catalog.runtimes.causal_language_model import CausalLanguageModel
from tieback.core.errors import StartupError
from tieback.models.language.chat_template import ChatTemplate, Message
from tieback.models.language.decoder import Decoder, N, Streams
from tieback.models.store import ServedModel, Store
from tieback.models.text.tokenization import PlainText

UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""What a decoder shows for bytes that are no character, or not yet."""

LONGEST_WAIT = 4
"""Tokens after which bytes are no longer the beginning of a character: UTF-8 has at most four a character."""


class Detokenizer:
    """One text's tokens, one at a time. Control tokens have no text.

    A token's text can depend on the one before it (a leading space), so a piece is what a short run of tokens
    adds to the text of its beginning.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._shown: list[int] = []
        self._held: list[int] = []

    def add(self, token: int) -> str:
        """The text that is certain now; empty where the token ends within a character."""
        self._held.append(token)
        text = self._tokenizer.decode(self._shown + self._held)
        if text.endswith(UNFINISHED) and len(self._held) < LONGEST_WAIT:
            return ""
        return self._show(text)

    def end(self) -> str:
        """What was held back; an unfinished character is shown as one that is none."""
        if not self._held:
            return ""
        return self._show(self._tokenizer.decode(self._shown + self._held))

    def _show(self, text: str) -> str:
        known: str = self._tokenizer.decode(self._shown) if self._shown else ""
        self._shown, self._held = self._held, []
        return text[len(known) :]


GRAPH, TOKENIZER, CHAT_TEMPLATE = "model.onnx", "tokenizer.json", "chat_template.jinja"
"""The files of an exported language model; the weights lie beside the graph in `model.onnx.data`."""

NOT_READ = 0
"""The token in the place of a soft token."""


class LanguageModel:
    """Reads prompts and opens streams of tokens. Any number of threads may use it."""

    def __init__(self, card: GeneratorCard, served: ServedModel) -> None:
        self.card = card
        self.name = card.name
        self.context_tokens = card.context_tokens
        self.decoder = Decoder(served.path(GRAPH))
        self.layers = self.decoder.layers
        template = card.chat_template or served.path(CHAT_TEMPLATE).read_text(encoding="utf-8")
        self._template = ChatTemplate(template)
        self.tokenizer_file = served.path(TOKENIZER)
        self._tokenizer = Tokenizer.from_file(str(self.tokenizer_file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._plain = PlainText(self._tokenizer)
        self._space = LeadingSpace(self._tokenizer)
        self._space.going_on.encode_special_tokens = True
        added = self._tokenizer.get_added_tokens_decoder()
        self._control = {token.content: number for number, token in added.items() if token.special}
        self._control_numbers = frozenset(self._control.values())
        self._control_names = re.compile("|".join(map(re.escape, self._control)) or r"(?!)")
        options = card.options_for(CausalLanguageModel)
        self.system_prompt = options.system_prompt
        self.end_tokens = frozenset(self._end_tokens(options.end_tokens))

    def tokens(self, text: str) -> list[int]:
        """A plain text's tokens: what reads like a control token is text."""
        return self._tokens_by(self._tokenizer, text)

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The tokens that ask for the assistant's next message."""
        return self.prompt_with_places(messages, 0)[0]

    def prompt_with_places(self, messages: Sequence[Message], count: int) -> tuple[list[int], Array]:
        """The same, and so many places for soft tokens where the last message begins."""
        pieces = self._template.pieces(messages)
        last = max(number for number, piece in enumerate(pieces) if not piece.is_template)
        tokens: list[int] = []
        places = np.zeros(0, np.int64)
        for number, piece in enumerate(pieces):
            if number == last:
                places = len(tokens) + np.arange(count)
                tokens += [NOT_READ] * count
            if piece.is_template:
                self._add_template(tokens, piece.text)
            else:
                self._add_text(tokens, piece.text)
        return tokens, places

    def open(
        self, prompts: Mapping[N, Sequence[int]], *, layers: Sequence[int] = (), room: int
    ) -> Streams[N]:
        """Named streams that begin with these prompts and have room for so many more tokens.

        Their logits are read after `layers`, 0 for the embedding; after the last alone where none is named.
        """
        return self.decoder.open(prompts, layers=layers, room=room)

    def text_of(self, token: int) -> str:
        """One token's text, control tokens by their names; of a part of a character U+FFFD."""
        text: str = self._tokenizer.decode([token], skip_special_tokens=False)
        return text

    @property
    def is_byte_level(self) -> bool:
        """Whether its tokenizer's file writes a character for each byte, and not SentencePiece's pieces."""
        return self._tokenizer.token_to_id("\u2581") is None

    def plain_vocabulary(self) -> dict[str, int]:
        """The tokens that are of text, as the tokenizer's file writes them, with their numbers."""
        control = set(self._control.values())
        return {text: token for text, token in self._tokenizer.get_vocab().items() if token not in control}

    def detokenizer(self) -> Detokenizer:
        """Turns one answer's tokens into text."""
        return Detokenizer(self._tokenizer)

    def warm_up(self) -> None:
        """Runs once, so that the first request does not pay for what is made on first use.

        StartupError where the scores are no numbers.
        """
        streams = self.open({"warm": self.prompt([Message("user", "Hello")])}, room=1)
        while not streams.read(most=64):
            pass
        scores = streams.step(next(iter(self.end_tokens)))["warm"]
        if not np.isfinite(scores).all():
            raise StartupError(
                f"the scores of {self.name} are no numbers, so its weights are damaged; "
                f"remove its folder in the store and run: tieback models pull {self.name}"
            )

    def _add_template(self, tokens: list[int], text: str) -> None:
        end = 0
        for name in self._control_names.finditer(text):
            self._add_text(tokens, text[end : name.start()])
            tokens.append(self._control[name[0]])
            end = name.end()
        self._add_text(tokens, text[end:])

    def _add_text(self, tokens: list[int], text: str) -> None:
        begins = not tokens or (self._space.after_control and tokens[-1] in self._control_numbers)
        if text:
            tokens += self._tokens_by(self._tokenizer if begins else self._space.going_on, text)

    def _tokens_by(self, tokenizer: Tokenizer, text: str) -> list[int]:
        ids = np.array(tokenizer.encode(text, add_special_tokens=False).ids, np.int64)
        return [int(token) for token in self._plain.held(ids, np.zeros(len(ids), bool))]

    def _end_tokens(self, names: Sequence[str]) -> Iterator[int]:
        for name in names:
            if name not in self._control:
                raise StartupError(
                    f"the card {self.name} ends answers at {name!r}, which is no control token of its model; "
                    f"those are: {', '.join(sorted(self._control))}"
                )
            yield self._control[name]


def load_language_model(card: GeneratorCard, store: Store) -> LanguageModel:
    """The card's model, checked and loaded. StartupError names the file that is wrong and how to pull it."""
    served = store.open(card)
    if not card.options_for(CausalLanguageModel).end_tokens:
        raise StartupError(f"the card {card.name} names no end_tokens, so its answers would never end")
    model = LanguageModel(card, served)
    model.warm_up()
    return model


# Tokenizers of SentencePiece put a space before a text. Where a text goes on another, there is none.
#
# A prompt is made of pieces, so that what a user wrote cannot become a control token; each is read by
# itself, and would begin with such a space.
class LeadingSpace:
    """How the tokenizer of a file reads the pieces of a prompt.

    `going_on` is the tokenizer for a piece that another stands before; where there is no such space, it is
    the tokenizer itself. With `after_control`, a text behind a control token begins as one that stands first.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        said = json.loads(tokenizer.to_str())
        kinds: set[str] = set()
        for part in ("normalizer", "pre_tokenizer"):
            said[part] = _without(said.get(part), kinds)
        self.after_control = "always" in kinds
        self.going_on = Tokenizer.from_str(json.dumps(said)) if kinds else tokenizer


def _without(step: Any, kinds: set[str]) -> Any:
    """A step of a tokenizer without the space, None where it was that alone; notes when it put it."""
    if not isinstance(step, dict):
        return step
    if step["type"] == "Prepend":
        kinds.add("always")
        return None
    if step["type"] == "Metaspace" and step["prepend_scheme"] != "never":
        kinds.add(step["prepend_scheme"])
        return step | {"prepend_scheme": "never"}
    for parts in ("normalizers", "pretokenizers"):
        if parts in step:
            left = [_without(part, kinds) for part in step[parts]]
            return step | {parts: [part for part in left if part is not None]}
    return step


EVIDENCE_TOKENS, CLAIM_TOKENS = 1500, 128
"""Tokens that are read; of both the beginning."""


def claim_likelihoods(model: LanguageModel, evidence: str, claim: str) -> Array:
    """The mean log-probability of the claim's tokens behind the evidence, and behind nothing `[2]`.

    Both begin with the token that ends answers, which stands between the texts that the model learned from.
    """
    start = [min(model.end_tokens)]
    said = model.tokens(evidence)[:EVIDENCE_TOKENS]
    behind = [*start, *said, *model.tokens("\n")]
    stated = model.tokens(claim)[:CLAIM_TOKENS]
    if not stated:
        return np.zeros(2, np.float32)
    return np.array([_mean(model, before, stated) for before in (behind, start)], np.float32)


def _mean(model: LanguageModel, before: list[int], stated: list[int]) -> float:
    tokens = np.array([*before, *stated], np.int64)
    streams: Streams[str] = Streams(model.decoder, {"claim": tokens.tolist()}, room=0)
    places = np.arange(len(before) - 1, len(tokens) - 1)[None]
    logits = streams.run(slice(0, 1), tokens[None], past=np.zeros(1, int), places=places)[0, :, 0]
    highest = logits.max(axis=1)
    whole = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return float((logits[np.arange(len(stated)), stated] - whole).mean())
