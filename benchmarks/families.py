"""Encoders of newer architectures at their makers' width, served in batches, against the best bare loop.

A model of random weights is saved as its makers save theirs, exported as `tieback models pull` does, and
asked by callers of its encoder service in this process: what is measured is the batching, without a wire.
The bare loop (benchmarks/speed/limit.py) runs the same graph on the same texts by its best policy, one half
before the callers and one behind them. Tokens are those of the default encoder's tokenizer.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tieback.batching import BatchReport
from tieback.catalog.card import EncoderCard
from tieback.core.call import NO_CALL
from tieback.core.errors import TiebackError
from tieback.core.types.content import Content
from tieback.core.types.encoding import CachePolicy, EncodePlan, EncodeRequest, Truncation
from tieback.encoder import Encoder
from tieback.encoder.cache.encodings import CacheOptions
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.models.text.transformer_text import TOKENIZER
from tieback_contract.modality import Modality

from benchmarks import corpus
from benchmarks.architectures import TESTS
from benchmarks.corpus import Corpus
from benchmarks.load import loops
from benchmarks.load.disturbance import Disturbance, mark_children
from benchmarks.load.tieback import TEXT_SPACE
from benchmarks.report import BOOTSTRAP, Report
from benchmarks.speed.cells import Cell, draw
from benchmarks.speed.claims import CELLS, PADDING, SHARES, SOURCE, Found, cell_row, said
from benchmarks.speed.fidelity import smallest_cosine
from benchmarks.speed.limit import ONE_BY_ONE, BareTexts, Limit, Policy, card_of
from benchmarks.speed.rounds import Sample, sample
from benchmarks.speed.sides import LOCAL

SAME, CHECKED = 0.9999, 8
TRIED = 24  # texts that the policies are tried with
MOST_TOKENS = 512
ALONE = 0.95
"""Share of the bare loop that one text at a time should have, at least."""
TABLE = (Cell("short", 1, 1), Cell("short", 1, 32), Cell("mixed", 1, 32))


@dataclass(frozen=True)
class Family:
    """An architecture with its makers' sizes; `note` says what they are of, and what differs."""

    architecture: str
    sizes: Mapping[str, Any]
    note: str


FAMILIES: Mapping[str, Family] = {
    "modernbert": Family("modernbert", {
        "hidden_size": 768, "num_hidden_layers": 22, "num_attention_heads": 12, "intermediate_size": 1152,
        "local_attention": 128, "max_position_embeddings": 8192,
    }, "ModernBERT-base: 22 layers, two of three attend within 128 tokens"),
    "qwen3": Family("qwen3", {
        "hidden_size": 1024, "num_hidden_layers": 8, "num_attention_heads": 16, "num_key_value_heads": 8,
        "head_dim": 128, "intermediate_size": 3072, "max_position_embeddings": 32768,
    }, "Qwen3-Embedding-0.6B with 8 of its 28 layers: causal, last token"),
    "deberta": Family("deberta-v2", {
        "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
        "position_buckets": 256, "max_position_embeddings": 512,
    }, "DeBERTa-v3-base: 12 layers, relative positions"),
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    corpus.add_argument(parser)
    parser.add_argument("family", choices=sorted(FAMILIES), help="the architecture")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of every cell (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn at the limit's rate (2)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keeps the model there, for the next run")


def run(options: argparse.Namespace) -> Report:
    """Makes the model and measures it."""
    mark_children()
    texts, family = corpus.chosen(options), FAMILIES[options.family]
    with tempfile.TemporaryDirectory() as there:
        folder = options.keep or Path(there)
        card, store = made(family, folder)
        return asyncio.run(
            measured(family, card, store, texts, rounds=options.rounds, seconds=options.seconds)
        )


def made(family: Family, folder: Path) -> tuple[EncoderCard, Store]:
    """The card of the family's model, and the store in the folder that it is ready in."""
    sys.path.insert(0, str(TESTS))  # the writers of such folders are those of the tests
    from support.own_encoder import Silent, card_for
    from support.text_architectures import TEXT_ARCHITECTURES
    from tieback.recipes.export.transformer_text import vocabulary_of
    from tieback.recipes.pull import pull

    folder.mkdir(parents=True, exist_ok=True)
    own, writer = folder / "own", TEXT_ARCHITECTURES[family.architecture]
    if not own.exists():
        tokenizer = Store().open(card_of(TEXT_SPACE)).path(TOKENIZER)
        sizes = {"vocab_size": vocabulary_of(tokenizer), "initializer_range": 0.02, **family.sizes}
        writer.save(own, **sizes)
        shutil.copyfile(tokenizer, own / TOKENIZER)
    width = family.sizes["hidden_size"]
    fields = {"name": family.architecture, "width": width, "max_tokens": MOST_TOKENS}
    card = card_for(own, **fields, pooling={"name": writer.pooling})
    store = Store(folder / "store")
    pull([card], [card], store, Silent())
    return card, store


class Served:
    """The encoder service of a card, as a target of loads in this process, without caches."""

    def __init__(self, card: EncoderCard, store: Store) -> None:
        self.tokens = self.padding = 0
        self._space = card.name
        self._encoder = Encoder(
            [load_encoder(card, store)], cache=CacheOptions(0), on_batch=lambda _, report: self._count(report)
        )

    async def open(self) -> None:
        """Measures what batches cost, as a server does when it starts."""
        await self._encoder.warm_up()

    async def close(self) -> None:
        """Ends the batcher."""
        await self._encoder.close()

    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The texts' vectors `[n, width]`."""
        contents = [Content(Modality.TEXT, text) for text in texts]
        plan = EncodePlan(truncation=Truncation.END)
        request = EncodeRequest(self._space, contents, plan, CachePolicy.BYPASS)
        reply = await self._encoder.encode(request, NO_CALL)
        rows = []
        for one in reply.results:
            if isinstance(one, TiebackError):
                raise one
            assert one.vector is not None  # all spaces have one
            rows.append(one.vector.values)
        return np.array(rows, np.float32)

    def _count(self, report: BatchReport) -> None:
        self.tokens += report.tokens
        self.padding += report.padding_tokens


async def measured(
    family: Family, card: EncoderCard, store: Store, texts: Corpus, *, rounds: int, seconds: float
) -> Report:
    """The report of the model: shares of the limit in each cell, and padding."""
    report, limit = Report(), Limit(texts=BareTexts(card, store))
    served, found = Served(card, store), Found(texts.source)
    await served.open()
    checked = draw(texts, "mixed", CHECKED, 0)
    cosine = smallest_cosine(await served.encode(checked), limit, checked)
    if not cosine >= SAME:
        raise RuntimeError(f"the service computes something else: cosine {cosine:.5f} to the bare session")
    for mix in dict.fromkeys(cell.mix for cell in TABLE):
        limit.find(mix, draw(texts, mix, TRIED, 1), rounds=1)
    for number in range(rounds):
        for cell in TABLE:
            policy = ONE_BY_ONE if cell.one_at_a_time else limit.best[cell.mix]
            items = seconds * limit.rates[cell.mix][policy.name]
            work = cell.work(texts, items, number, steady=False)
            found.samples.append(await turn(served, limit, cell, policy, work))
    await served.close()
    conclude(report, family, found, limit)
    return report


async def turn(
    served: Served, limit: Limit, cell: Cell, policy: Policy, work: Sequence[tuple[str, ...]]
) -> Sample:
    """One turn of the callers between the halves of the bare loop.

    All of it counts: the texts of a steady part alone may be longer than those that the loop runs.
    """
    loop = limit.loop(cell.mix, [text for request in work for text in request], policy)
    others = Disturbance()
    loop.run_half()
    tokens, padding = served.tokens, served.padding
    done = await loops.closed(served, work, in_flight=cell.in_flight)
    tokens, padding = served.tokens - tokens, served.padding - padding
    loop.run_half()
    whole = replace(done, steady=None)
    return sample(LOCAL, cell, whole, padding / (padding + tokens), loop.turn(), others.cores())


def conclude(report: Report, family: Family, found: Found, limit: Limit) -> None:
    """Writes the tables and the claims, met or not."""
    report.table("model", [{"architecture": family.architecture, "sizes": family.note, **family.sizes}])
    report.table(SOURCE, [{"source": found.source, "most tokens": MOST_TOKENS}])
    report.table(
        "the best bare loop by policy, items/s",
        [
            {"mix": mix, "policy": policy, "items/s": rate, "best": policy == limit.best[mix].name}
            for mix, rates in limit.rates.items()
            for policy, rate in rates.items()
        ],
    )
    report.table(CELLS, [cell_row(found, LOCAL, cell) for cell in TABLE])
    for cell in TABLE:
        share = found.interval(LOCAL, cell.key, lambda one: one.ratio)
        rate = found.interval(LOCAL, cell.key, lambda one: one.rate)
        bare = found.interval(LOCAL, cell.key, lambda one: one.limit_rate)
        if share is None or rate is None or bare is None:
            continue
        report.claim(
            f"share of the best bare loop, {said(cell.key)}",
            share,
            "",
            f">= {SHARES.get((LOCAL, cell.key), ALONE):g}",
            note=f"{rate.value:.1f} of {bare.value:.1f} texts/s",
            interval=BOOTSTRAP,
        )
    for cell in TABLE:
        if cell.one_at_a_time:
            continue
        padding = found.interval(LOCAL, cell.key, lambda one: 100.0 * (one.padding or 0.0))
        report.claim(f"padding, {said(cell.key)}", padding, "%", f"< {PADDING:g}", interval=BOOTSTRAP)
