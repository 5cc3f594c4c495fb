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

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.errors import StartupError
from tieback.models.row_caches import RowCaches
from tieback.models.session import Session

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
    """A graph as `recipes/llama_graph.py` writes it. Any number of threads may run streams of one decoder."""

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
