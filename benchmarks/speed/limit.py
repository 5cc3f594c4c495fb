"""The best bare loop, one thread: ONNX Runtime with nothing around it, the limit that sides are held to.

The session is made as the product makes its own. Inputs are tokenised or decoded, grouped and padded before
the clock starts; what is timed is `session.run` alone. How many inputs a batch should hold depends on their
lengths, so each policy is tried on each mix and the best of them is the limit. Beside it stand two other
loops by the same policy: `FUSED`, in which one thread tokenises, groups, pads and runs while the clock runs,
as the fastest program without a server would; and `INT8`, the int8 graph, on the same inputs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.core.types.content import Content
from tieback.models.pictures.decoding import central_square
from tieback.models.session import Session
from tieback.models.store import Store
from tieback.models.text.transformer_text import GRAPH, TOKENIZER
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tokenizers import Tokenizer

from benchmarks.load.tieback import PHOTO_SPACE, TEXT_SPACE
from benchmarks.speed.cells import Mix

Feed = dict[str, NDArray[Any]]
BEST, FUSED, INT8 = "best bare loop, one thread", "fused with tokenising, one thread", "int8, one thread"
HOPELESS = 0.6  # of the best policy's rate
WHOLE = 2**31 - 1  # tokens, where a model reads any number


@dataclass(frozen=True)
class Policy:
    """Batches of inputs: at most `items`, and at most `tokens` with the padding, where it is set."""

    name: str
    items: int
    sorted: bool = True
    tokens: int | None = None

    def batches(self, sizes: Sequence[int]) -> list[list[int]]:
        """The places of the inputs in each batch; `sizes` are their tokens."""
        order = sorted(range(len(sizes)), key=lambda at: sizes[at]) if self.sorted else range(len(sizes))
        batches: list[list[int]] = []
        for at in order:
            if not batches or self._is_full(batches[-1], sizes, at):
                batches.append([])
            batches[-1].append(at)
        return batches

    def _is_full(self, batch: Sequence[int], sizes: Sequence[int], further: int) -> bool:
        padded = (len(batch) + 1) * max(sizes[further], max(sizes[at] for at in batch))
        return len(batch) >= self.items or (self.tokens is not None and padded > self.tokens)


ONE_BY_ONE = Policy("one by one", 1, sorted=False)
POLICIES = (
    ONE_BY_ONE,
    *(Policy(f"sorted by length, {items} a batch", items) for items in (2, 4, 8, 16, 32)),
    *(Policy(f"sorted by length, {tokens} tokens a batch", 64, tokens=tokens) for tokens in (128, 256, 512)),
    Policy("in order of arrival, 32 a batch", 32, sorted=False),
)


@dataclass(frozen=True)
class LimitTurn:
    """Items a second, and the median seconds of a batch."""

    rate: float
    p50: float


class Bare(Protocol):
    """A graph and how to feed it."""

    output: str
    session: Session

    def read(self, inputs: Sequence[Any]) -> tuple[list[Any], list[int]]:
        """The inputs made ready, and the tokens of each."""

    def feed(self, ready: Sequence[Any]) -> Feed:
        """A batch as the graph takes it."""


class BareTexts:
    """A text encoder's graph, the default encoder's unless another card and its store are given."""

    output = "dense"

    def __init__(
        self, card: EncoderCard | None = None, store: Store | None = None, *, graph: str = GRAPH
    ) -> None:
        card = card or card_of(TEXT_SPACE)
        model = (store or Store()).open(card)
        self._tokenizer = Tokenizer.from_file(str(model.path(TOKENIZER)))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(card.max_tokens or WHOLE)
        self.session = Session(model.path(graph))

    def read(self, inputs: Sequence[str]) -> tuple[list[Any], list[int]]:
        """Token numbers, cut off where the model's window ends."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(inputs))]
        return ids, [len(one) for one in ids]

    def feed(self, ready: Sequence[Any]) -> Feed:
        """Padded to the longest."""
        ids = np.zeros((len(ready), max(len(one) for one in ready)), np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(ready):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        return {"input_ids": ids, "attention_mask": mask}


class BarePhotos:
    """The picture encoder's graph."""

    output = "features"

    def __init__(self) -> None:
        card = card_of(PHOTO_SPACE)
        self._options = card.options_for(ImageClassifier)
        self.session = Session(Store().open(card).path("model.onnx"))

    def read(self, inputs: Sequence[bytes]) -> tuple[list[Any], list[int]]:
        """Pixels."""
        side, view = self._options.crop, self._options.crop / self._options.size
        return [
            central_square(Content(Modality.IMAGE, one), Limits(), field_of_view=view, side=side)
            for one in inputs
        ], [1] * len(inputs)

    def feed(self, ready: Sequence[Any]) -> Feed:
        """Scaled as the network takes them."""
        pixels = np.stack(ready).transpose(0, 3, 1, 2).astype(np.float32)
        return {"pixels": (pixels - self._options.mean) / self._options.scale}


class BareLoop:
    """Batches that are ready, run in two halves of like batches: others can have a turn in between."""

    def __init__(self, session: Session, output: str, feeds: Sequence[Feed], inputs: int) -> None:
        self._session, self._output, self._inputs = session, output, inputs
        self._halves = [feeds[0::2], feeds[1::2]]
        self._times: list[float] = []

    def run_half(self) -> None:
        """Runs the half whose turn it is."""
        for feed in self._halves.pop(0):
            begun = time.perf_counter()
            self._session.run([self._output], feed)
            self._times.append(time.perf_counter() - begun)

    def whole(self) -> LimitTurn:
        """Runs both halves, one after the other."""
        self.run_half()
        self.run_half()
        return self.turn()

    def turn(self) -> LimitTurn:
        """Results of both halves."""
        return LimitTurn(self._inputs / sum(self._times), float(np.median(self._times)))


@dataclass
class Limit:
    """The bare loops. `best` is the policy of each mix, once it was found."""

    best: dict[Mix, Policy] = field(default_factory=dict)
    rates: dict[Mix, dict[str, float]] = field(default_factory=dict)
    others: dict[Mix, dict[str, float]] = field(default_factory=dict)
    """Items a second of the other loops, of texts."""
    texts: BareTexts = field(default_factory=BareTexts)
    _int8: BareTexts | None = None
    _photos: BarePhotos | None = None

    def find(self, mix: Mix, inputs: Sequence[Any], *, rounds: int) -> None:
        """Tries the policies on the inputs in alternating rounds, and keeps the one with the best median.

        What is hopeless in the first round is not tried again.
        """
        rates: Mapping[str, list[float]] = {policy.name: [] for policy in POLICIES}
        for _ in range(rounds):
            best = max((found[0] for found in rates.values() if found), default=0.0)
            for policy in POLICIES:
                if not rates[policy.name] or rates[policy.name][0] >= HOPELESS * best:
                    rates[policy.name].append(self.turn(mix, inputs, policy).rate)
        self.rates[mix] = {name: float(np.median(found)) for name, found in rates.items()}
        self.best[mix] = max(POLICIES, key=lambda policy: self.rates[mix][policy.name])

    def find_others(self, mix: Mix, inputs: Sequence[str], *, rounds: int) -> None:
        """Speed of the other loops with the inputs, in alternating rounds with the limit."""
        if self._int8 is None:
            self._int8 = BareTexts(graph="model.int8.onnx")
        rates: Mapping[str, list[float]] = {BEST: [], FUSED: [], INT8: []}
        for _ in range(rounds):
            rates[BEST].append(self.turn(mix, inputs).rate)
            rates[FUSED].append(self._fused(mix, inputs))
            rates[INT8].append(self._loop(self._int8, inputs, self.best[mix]).whole().rate)
        self.others[mix] = {name: float(np.median(found)) for name, found in rates.items()}

    def _fused(self, mix: Mix, inputs: Sequence[str]) -> float:
        """Items a second of one thread that does all of it."""
        begun = time.perf_counter()
        ready, sizes = self.texts.read(inputs)
        for batch in self.best[mix].batches(sizes):
            self.texts.session.run([self.texts.output], self.texts.feed([ready[at] for at in batch]))
        return len(inputs) / (time.perf_counter() - begun)

    def turn(self, mix: Mix, inputs: Sequence[Any], policy: Policy | None = None) -> LimitTurn:
        """Runs the inputs once, by the mix's best policy unless another is named."""
        return self.loop(mix, inputs, policy).whole()

    def loop(self, mix: Mix, inputs: Sequence[Any], policy: Policy | None = None) -> BareLoop:
        """The inputs ready to run, by the mix's best policy unless another is named."""
        bare: Bare = self._of_photos() if mix == "photos" else self.texts
        return self._loop(bare, inputs, policy or self.best[mix])

    @staticmethod
    def _loop(bare: Bare, inputs: Sequence[Any], policy: Policy) -> BareLoop:
        ready, sizes = bare.read(inputs)
        batches = policy.batches(sizes)
        feeds = [bare.feed([ready[at] for at in batch]) for batch in batches]
        return BareLoop(bare.session, bare.output, feeds, len(inputs))

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The texts' vectors, each computed alone, [n, width]."""
        ready, _ = self.texts.read(texts)
        rows = [self.texts.session.run(["dense"], self.texts.feed([one]))[0][0] for one in ready]
        return np.array(rows, np.float32)

    def _of_photos(self) -> BarePhotos:
        if self._photos is None:
            self._photos = BarePhotos()
        return self._photos


def card_of(name: str) -> EncoderCard:
    """An encoder of the catalogue."""
    return next(card for card in Catalog.load().encoders() if card.name == name)
