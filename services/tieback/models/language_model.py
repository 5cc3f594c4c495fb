"""A language model as it is served: decoder, tokenizer and chat template. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from tieback_contract.arrays import Array
from tokenizers import Tokenizer

from tieback.catalog.card import GeneratorCard
from tieback.catalog.options import CausalLanguageModel
from tieback.core.errors import StartupError
from tieback.models.chat_template import ChatTemplate, Message
from tieback.models.decoder import Decoder, N, Streams
from tieback.models.detokenization import Detokenizer
from tieback.models.leading_space import LeadingSpace
from tieback.models.plain_text import PlainText
from tieback.models.store import ServedModel, Store

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
