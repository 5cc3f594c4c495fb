"""A decoder's graph and its key-value caches: several streams of tokens, advanced together.

Decoding strategies compare the model's outputs for different prompts, so a generation has one or more named
streams, each with its own prompt and cache. Prompts are read one stream after another, in pieces; then every
chosen token is appended to all streams in one run of the graph, which for two streams costs a sixth more than
for one, because a step is bound by reading the weights. The same run gives logits after lower layers, and the
states that they are made of, where they are asked for. A prompt may hold soft tokens: embeddings that stand
in the place of a token's.

A decoder runs on the processor whatever the provider is: its caches are arrays that the graph extends in
place.
"""

from __future__ import annotations

import hashlib
import mmap
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.errors import StartupError
from tieback.models.session import Session

# Memory for the keys and values of several rows of tokens.
#
# Each row has an address for every place up to the capacity, but only the pages that were written take
# memory, and a row that ends gives its pages back at once: the processor's own page table is the table of
# the pages.
SPARE = 1
"""Places behind the last token: the graph writes one more where it runs a single row
(`recipes/networks/llama_graph.py`)."""


class RowCaches:
    """Arrays float32 `[rows, heads, capacity, width]` by the names of a decoder's caches. One thread."""

    def __init__(self, names: Sequence[str], *, rows: int, heads: int, capacity: int, width: int) -> None:
        shape = (rows, heads, capacity + SPARE, width)
        self._row_bytes = 4 * heads * (capacity + SPARE) * width
        self._maps = [mmap.mmap(-1, rows * self._row_bytes) for _ in names]
        self.arrays: dict[str, Array] = {
            name: np.frombuffer(memory, np.float32).reshape(shape)
            for name, memory in zip(names, self._maps, strict=True)
        }

    def move(self, source: int, target: int, length: int) -> None:
        """Copies the first `length` places of a row over another row."""
        for array in self.arrays.values():
            array[target, :, :length] = array[source, :, :length]

    def clear(self, row: int) -> None:
        """Gives the row's pages back; those that it shares with its neighbours stay."""
        page = mmap.PAGESIZE
        begin = -(-row * self._row_bytes // page) * page
        end = (row + 1) * self._row_bytes // page * page
        if begin < end:
            for memory in self._maps:
                memory.madvise(mmap.MADV_DONTNEED, begin, end - begin)

    def read(self, row: int, begin: int, end: int) -> Array:
        """A copy of some places of a row `[caches, heads, end - begin, width]`."""
        return np.stack([array[row, :, begin:end] for array in self.arrays.values()])

    def write(self, row: int, begin: int, values: Array) -> None:
        """Puts what `read` returned to a place of any row."""
        end = begin + values.shape[2]
        for array, value in zip(self.arrays.values(), values, strict=True):
            array[row, :, begin:end] = value


LOGITS, STATES = "logits", "states"
SOFT_PLACES, SOFT_ROWS = "soft_places", "soft_rows"
READ_TOKENS = 64
"""Of a prompt, in one run."""

N = TypeVar("N", bound=Hashable)
"""What streams are named by."""


@dataclass(frozen=True, slots=True)
class SoftTokens:
    """Embeddings in the place of tokens: `rows` float32 `[n, width]` at the `places` int64 `[n]` of a prompt.

    They are what the first layer reads. The prompt has a token in each place, which is not read.
    """

    places: Array
    rows: Array

    def within(self, begin: int, end: int) -> SoftTokens:
        """Those of a piece of the prompt, by their places in it."""
        inside = (self.places >= begin) & (self.places < end)
        return SoftTokens(self.places[inside] - begin, self.rows[inside])


class Decoder(Session):
    """A graph as `recipes/networks/llama_graph.py` writes it. Any number of threads may run streams of one
    decoder.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        outputs = {node.name: node.shape for node in self._session.get_outputs()}
        if STATES not in outputs:
            raise StartupError(
                f"{path} was exported by an earlier version; remove its folder from the store, and pull the "
                "model again"
            )
        self.vocabulary, self.width = int(outputs[LOGITS][-1]), int(outputs[STATES][-1])
        caches = [node for node in self._session.get_inputs() if node.name.startswith("past.")]
        self.cache_names = [node.name.removeprefix("past.") for node in caches]
        self.cache_heads, self.head_width = int(caches[0].shape[1]), int(caches[0].shape[3])
        self.layers = len(caches) // 2  # each has keys and values

    @property
    def token_bytes(self) -> int:
        """Bytes of one token's keys and values."""
        return 4 * len(self.cache_names) * self.cache_heads * self.head_width

    def caches(self, rows: int, capacity: int) -> RowCaches:
        """Memory for so many rows of at most `capacity` tokens."""
        return RowCaches(
            self.cache_names, rows=rows, heads=self.cache_heads, capacity=capacity, width=self.head_width
        )

    def open(
        self,
        prompts: Mapping[N, Sequence[int]],
        *,
        layers: Sequence[int] = (),
        room: int,
        soft: Mapping[N, SoftTokens] | None = None,
        states: bool = False,
    ) -> Streams[N]:
        """Streams that begin with these tokens, at least one each, and have room for so many more.

        Their logits are read after `layers`, 0 for the embedding; after the last alone where none is named.
        `soft` are soft tokens in the prompts; with `states` the logits' states are kept too.
        """
        return Streams(self, prompts, layers=layers, room=room, soft=soft, states=states)

    def states(
        self, tokens: Sequence[int], *, layers: Sequence[int] = (), soft: SoftTokens | None = None
    ) -> Array:
        """The states of a text's last token after `layers`, through the last norm: `[layers, width]`.

        Of the last layer alone where none is named: what the head makes logits of.
        """
        only = {} if soft is None else {"text": soft}
        streams = self.open({"text": tokens}, layers=layers, room=0, soft=only, states=True)
        while not streams.read(READ_TOKENS):
            pass
        return streams.states["text"]

    def last_states(self, tokens: Sequence[int], count: int, *, layer: int) -> Array:
        """The states of a text's last tokens after a layer, through the last norm: `[count, width]`."""
        streams = Streams(self, {"text": tokens}, layers=[layer], room=0)
        ids, before = np.array(tokens, np.int64)[None], len(tokens) - count
        for begin in range(0, before, READ_TOKENS):
            piece = ids[:, begin : min(begin + READ_TOKENS, before)]
            none = np.zeros((1, 1), np.int64)
            streams.run(slice(0, 1), piece, past=np.array([begin]), places=none)
        states = np.empty((1, count, 1, self.width), np.float32)
        every = np.arange(count)[None]
        streams.run(slice(0, 1), ids[:, before:], past=np.array([before]), places=every, states=states)
        return states[0, :, 0]

    def score(self, tokens: Array) -> Array:
        """Logits after each token of a text: `[n]` to `[n, vocabulary]`."""
        streams = Streams(self, {"text": tokens.tolist()}, room=0)
        every = np.arange(len(tokens))[None]
        logits = streams.run(slice(0, 1), tokens[None].astype(np.int64), past=np.zeros(1, int), places=every)
        return np.asarray(logits[0, :, 0])

    def advance(
        self,
        caches: RowCaches,
        rows: slice,
        tokens: Array,
        *,
        past: Array,
        places: Array,
        exits: Array,
        soft: SoftTokens | None = None,
        states: Array | None = None,
    ) -> Array:
        """Runs some rows on `tokens` `[rows, n]`, which come after `past` `[rows]` others.

        Returns logits `[rows, places, exits, vocabulary]` of the `places` `[rows, places]` among the tokens,
        after the layers `exits`. The graph writes keys and values into the caches. Either `rows` or `n` is 1.
        `soft` are soft tokens of a single row. `states` `[rows, places, exits, width]` is filled with the
        states of the logits, through the last norm.
        """
        last = (past + tokens.shape[1] - 1).astype(np.int32)
        inputs = {
            "input_ids": np.ascontiguousarray(tokens),
            "last": last,
            "total": np.array(last.max() + 1, np.int32),
            "positions": places.astype(np.int64),
            "exits": exits,
        }
        if soft is not None and len(soft.places):
            inputs[SOFT_PLACES] = np.stack([np.zeros_like(soft.places), soft.places], axis=1)
            inputs[SOFT_ROWS] = np.ascontiguousarray(soft.rows, np.float32)
        logits = np.empty((*places.shape, len(exits), self.vocabulary), np.float32)
        outputs = {LOGITS: logits} | ({} if states is None else {STATES: states})
        binding = self._session.io_binding()
        for name, value in inputs.items():
            binding.bind_input(name, "cpu", 0, value.dtype, value.shape, value.ctypes.data)
        for name, cache in caches.arrays.items():
            part = cache[rows]
            where = ("cpu", 0, np.float32, part.shape, part.ctypes.data)
            binding.bind_input(f"past.{name}", *where)
            binding.bind_output(f"present.{name}", *where)
        for name, found in outputs.items():
            binding.bind_output(name, "cpu", 0, np.float32, found.shape, found.ctypes.data)
        self._session.run_with_iobinding(binding)
        return logits


class Streams(Generic[N]):
    """The streams of one generation. One thread at a time.

    `logits` holds, once all prompts are read, the model's scores of each stream's next token: float32
    `[layers, vocabulary]`, in the order in which the layers were named; `states`, where they are kept, the
    states that these were made of `[layers, width]`.
    """

    def __init__(
        self,
        decoder: Decoder,
        prompts: Mapping[N, Sequence[int]],
        *,
        layers: Sequence[int] = (),
        room: int,
        soft: Mapping[N, SoftTokens] | None = None,
        states: bool = False,
    ) -> None:
        self.logits: dict[N, Array] = {}
        self.states: dict[N, Array] = {}
        self._soft = dict(soft or {})
        self._keeps_states = states
        self._decoder = decoder
        self._exits = np.array(layers or [decoder.layers], np.int64)
        self._names = list(prompts)
        self._waiting = [np.array(prompts[name], np.int64) for name in self._names]
        self._lengths = np.zeros(len(self._names), np.int64)
        self._caches = decoder.caches(len(self._names), max(map(len, self._waiting)) + room)

    @property
    def names(self) -> Sequence[N]:
        """The streams, in the order of their prompts."""
        return self._names

    def read(self, most: int) -> bool:
        """Reads up to so many tokens of the prompts; whether all are read now.

        A long prompt takes seconds, so it is read in pieces, between which a caller can give up.
        """
        for row, name in enumerate(self._names):
            tokens = self._waiting[row]
            if len(tokens) == 0:
                continue
            piece, self._waiting[row] = tokens[:most], tokens[most:]
            last = np.array([[len(piece) - 1]])
            past = self._lengths[row : row + 1]
            begin = int(past[0])
            soft = self._soft[name].within(begin, begin + len(piece)) if name in self._soft else None
            self._keep(slice(row, row + 1), piece[None], past=past, places=last, soft=soft)
            self._lengths[row] += len(piece)
            break
        return not any(len(tokens) for tokens in self._waiting)

    def step(self, token: int) -> Mapping[N, Array]:
        """Appends a token to every stream; the logits of the one after it."""
        count = len(self._names)
        tokens, places = np.full((count, 1), token, np.int64), np.zeros((count, 1), np.int64)
        self._keep(slice(0, count), tokens, past=self._lengths, places=places)
        self._lengths += 1
        return self.logits

    def run(
        self,
        rows: slice,
        tokens: Array,
        *,
        past: Array,
        places: Array,
        soft: SoftTokens | None = None,
        states: Array | None = None,
    ) -> Array:
        """Runs some rows on `tokens` `[rows, n]`, as `Decoder.advance` does, with these streams' layers."""
        how = {"past": past, "places": places, "exits": self._exits}
        return self._decoder.advance(self._caches, rows, tokens, **how, soft=soft, states=states)

    def _keep(
        self, rows: slice, tokens: Array, *, past: Array, places: Array, soft: SoftTokens | None = None
    ) -> None:
        states = None
        if self._keeps_states:
            states = np.empty((*places.shape, len(self._exits), self._decoder.width), np.float32)
        logits = self.run(rows, tokens, past=past, places=places, soft=soft, states=states)
        for row, name in enumerate(self._names[rows]):
            self.logits[name] = logits[row, 0]
            if states is not None:
                self.states[name] = states[row, 0]


# Keys and values of prompts that were read, to be used again where a prompt begins alike.
#
# A prompt is divided into blocks, and a block is named by a hash of all tokens up to its end (as in vLLM:
# Kwon et al., 2023, arXiv:2309.06180). So prompts with the same instruction share its blocks, those with
# the same evidence share more, and no search is needed.
BLOCK = 32
"""Tokens of a block: up to 31 tokens that were read before are read again."""


class PrefixCache:
    """Blocks of at most so many bytes in all; the least recently used are dropped. One thread at a time."""

    def __init__(self, most_bytes: int) -> None:
        self.bytes = 0
        self._most = most_bytes
        self._blocks: OrderedDict[bytes, Array] = OrderedDict()

    def fill(self, caches: RowCaches, row: int, tokens: Array, salt: bytes) -> int:
        """Copies the blocks that are there to the row's beginning; the number of its tokens that these are.

        The last token is left to be read, since its logits are needed. Prompts of another `salt` share no
        blocks, so that the time of an answer tells no tenant what another has asked.
        """
        filled = 0
        for name, end in _names(tokens[:-1], salt):
            block = self._blocks.get(name)
            if block is None:
                break
            self._blocks.move_to_end(name)
            caches.write(row, filled, block)
            filled = end
        return filled

    def keep(self, caches: RowCaches, row: int, tokens: Array, salt: bytes) -> None:
        """Keeps the blocks of a prompt that the row has read."""
        for name, end in _names(tokens, salt):
            if name in self._blocks:
                self._blocks.move_to_end(name)
                continue
            block = caches.read(row, end - BLOCK, end)
            if block.nbytes > self._most:
                return
            self._blocks[name] = block
            self.bytes += block.nbytes
        while self.bytes > self._most:
            _, dropped = self._blocks.popitem(last=False)
            self.bytes -= dropped.nbytes


def _names(tokens: Array, salt: bytes) -> Iterator[tuple[bytes, int]]:
    name = salt
    for end in range(BLOCK, len(tokens) + 1, BLOCK):
        part = np.ascontiguousarray(tokens[end - BLOCK : end], np.int64)
        name = hashlib.blake2b(name + part.tobytes(), digest_size=16).digest()
        yield name, end
