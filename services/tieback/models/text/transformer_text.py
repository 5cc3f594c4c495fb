"""Transformer text encoders: one graph from token numbers to a pooled, normalised vector."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.vectors import VectorKind

from tieback.catalog.card import EncoderCard
from tieback.catalog.precision import Precision
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import StartupError
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.adapters import Adapters
from tieback.models.content import read_text
from tieback.models.encoder_model import Prepared, RawEncoding, unit_rows
from tieback.models.reference import DENSE, IDS, MASK, Reference
from tieback.models.session import PROCESSOR, Graph, Hardware, open_graph
from tieback.models.store import ServedModel
from tieback.models.text.tokenization import TextTokenizer, TokenizedText
from tieback.models.text.working_memory import WorkingMemory

GRAPH, TOKENIZER, REFERENCE = "model.onnx", "tokenizer.json", "reference.safetensors"
GRAPHS: Mapping[Precision, str] = {
    "float32": GRAPH,
    "float16": "model.float16.onnx",
    "int8": "model.int8.onnx",
}
Run = Callable[[Sequence[str], Mapping[str, Array]], list[Any]]
TOKENS = "token_states"
IN_MEMORY = ", for more of which this machine has not the memory"
SHORTEST = 8  # tokens of the shortest text whose cost is measured
UNBOUNDED_TOKENS = 512  # of the longest, where the card names no limit


class TransformerTextModel:
    """Runs the graph of the card's precision: `IDS` and `MASK` `[batch, tokens]` to `DENSE` and `TOKENS`.

    The experts of a merged model have a graph of their own, in float32.
    StartupError where a lower precision is further from float32 on this machine than its card allows.
    """

    pads = True

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self._prompt = card.options.prefix if isinstance(card.options, TransformerText) else ""
        self._most = _most_tokens(card, served, hardware)
        self._tokenizer = TextTokenizer(
            served.path(TOKENIZER),
            max_tokens=self._most,
            special_tokens=True,
            why="" if self._most == card.max_tokens else IN_MEMORY,
        )
        self._check_prompt()
        # A GPU plans each shape anew, so it gets few of them; on a processor padding costs more than that.
        self._in_steps = hardware.provider == "cuda"
        self._session = self._opened(served, hardware)
        self.adapters = Adapters(card, served, hardware) if card.adapters else None
        check_precision(card, served, self._session)

    @property
    def sizes(self) -> Sequence[int]:
        """Powers of two, and the most that is read: attention makes a long text dearer by the token."""
        most = self._most or UNBOUNDED_TOKENS
        return sorted({min(SHORTEST << power, most) for power in range(most.bit_length())})

    def sample(self, tokens: int) -> Prepared:
        """A text of that many tokens, whichever."""
        return Prepared(tokens, TokenizedText(np.arange(tokens, dtype=np.int64) % self._tokenizer.vocabulary))

    @property
    def window(self) -> int | None:
        """Tokens of a text that are read at most: those of the prompt are taken off."""
        room = self._tokenizer.room
        return room if room is None else room - len(self._tokenizer.starts(self._prompt))

    def starts(self, text: str) -> Array:
        """The characters at which the tokens of a text begin `[tokens]`."""
        return self._tokenizer.starts(text)

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        """Tokenises a text, behind the card's prompt where the caller did not tokenise it."""
        if self._prompt and not isinstance(content.data, TokenNumbers):
            text, cut = self._tokenizer(self._prompt + read_text(content, limits), plan.truncation)
        else:
            text, cut = self._tokenizer.read(content, limits, plan.truncation)
        return Prepared(len(text.ids), text, cut)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Encodes a batch, padded to its longest text."""
        texts: list[TokenizedText] = [prepared.payload for prepared in batch]
        inputs = self.inputs(texts)
        run: Run = self._session.run
        if plan.adapter:
            if self.adapters is None:
                raise ValueError(f"{self.card.name} keeps no adapters")
            run = functools.partial(self.adapters.run, plan.adapter, mixture=plan.mixture)
        vectors, tokens = self.outputs(plan)
        if VectorKind.MULTI_VECTOR not in plan.kinds:
            (dense,) = run([vectors], inputs)
            return [RawEncoding(row) for row in dense[: len(texts)]]
        dense, states = run([vectors, tokens], inputs)
        return [
            RawEncoding(
                row if VectorKind.DENSE in plan.kinds else None,
                *self._rows(text, state),
            )
            for text, row, state in zip(texts, dense, states, strict=False)  # steps add rows behind
        ]

    def inputs(self, texts: Sequence[TokenizedText]) -> dict[str, Array]:
        """Inputs of a graph for a batch: token numbers and mask."""
        ids, mask = padded([text.ids for text in texts])
        if self._in_steps:
            ids, mask = in_steps(ids, mask, self.sizes)
        return {IDS: ids, MASK: mask}

    def outputs(self, plan: EncodePlan) -> tuple[str, str]:  # noqa: ARG002 - for graphs that have several
        """The outputs of the graph that have the vectors of a plan, and the states of tokens."""
        return DENSE, TOKENS

    def _opened(self, served: ServedModel, hardware: Hardware) -> Graph:
        return open_graph(served, GRAPHS[self.card.precision], hardware, recurring_shapes=self._in_steps)

    def _check_prompt(self) -> None:
        """StartupError where the prompt leaves no room for a token of a text."""
        if not self._prompt.strip() or self.card.max_tokens is None:
            return
        text, cut = self._tokenizer(self._prompt, Truncation.END)
        if cut or len(text.ids) >= self.card.max_tokens:
            prompt = self.card.options_for(TransformerText).prompt
            tokens = int(text.words.sum()) + cut
            raise StartupError(
                f"the prompt {prompt!r} has {tokens} tokens, and {self.card.name} reads "
                f"{self.card.max_tokens} in all; take a shorter one"
            )

    def _rows(self, text: TokenizedText, state: Array) -> tuple[Array, Locators]:
        """The words' vectors `[words, width]`, and their byte ranges in the text that the caller sent."""
        vectors, spans = unit_rows(state[: len(text.ids)][text.words]), text.spans
        if begin := len(self._prompt.encode()):
            own = spans[:, 1] > begin
            vectors, spans = vectors[own], np.maximum(spans[own] - begin, 0)
        return vectors, Locators(LocatorKind.BYTE_SPAN, spans)

    def warm_up(self) -> None:
        """Encodes a word."""
        plan = EncodePlan(kinds=self.card.kinds, truncation=Truncation.END)
        self.run([self.prepare(Content(self.card.modality, "warm"), plan, Limits())], plan)


def padded(rows: Sequence[Array]) -> tuple[Array, Array]:
    """The rows `[n]` as one array `[batch, longest]`, zeros behind the shorter ones, and the mask of both."""
    if len(rows) == 1:
        return rows[0][None], np.ones((1, len(rows[0])), np.int64)
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    there = np.arange(lengths.max()) < lengths[:, None]
    ids = np.zeros(there.shape, np.int64)
    ids[there] = np.concatenate(rows)
    return ids, there.astype(np.int64)


def in_steps(ids: Array, mask: Array, sizes: Sequence[int]) -> tuple[Array, Array]:
    """`padded` on to a power of two of texts, and to the next of the `sizes`."""
    texts, longest = ids.shape
    tokens = next((size for size in sizes if size >= longest), longest)
    more = ((0, (1 << (texts - 1).bit_length()) - texts), (0, tokens - longest))
    ids, mask = np.pad(ids, more), np.pad(mask, more)
    mask[texts:, 0] = 1  # a text without tokens has no mean
    return ids, mask


def _most_tokens(card: EncoderCard, served: ServedModel, hardware: Hardware) -> int | None:
    """Those that the card says, or fewer where a text of so many would take more memory than it may."""
    memory = WorkingMemory.read(served.manifest.metrics)
    if memory is None or not hardware.working_bytes:
        return card.max_tokens
    fits = memory.tokens_within(hardware.working_bytes)
    return fits if card.max_tokens is None else min(card.max_tokens, fits)


def check_precision(card: EncoderCard, served: ServedModel, graph: Graph) -> None:
    """StartupError where the graph of a lower precision is further from float32 than its card allows."""
    if card.precision not in card.precisions:
        return
    cosines = Reference.load(served.path(REFERENCE)).cosines(graph)
    floor = card.precisions[card.precision].smallest_cosine
    if not cosines.min() >= floor:
        raise StartupError(
            f"{card.name} in {card.precision} is not what it should be on this machine: sample texts have a "
            f"cosine of {cosines.min():.3f} to float32, and the card asks for {floor}. The processor may "
            f"lack the instructions (VNNI): set TIEBACK_PRECISION={card.name}=float32"
        )
