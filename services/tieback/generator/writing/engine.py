"""Writes many answers with one model at the same time (continuous batching).

One thread runs the model. In each step it reads a piece of one prompt, if one waits, and writes a token of
every answer that is in, whatever their lengths and strategies, in one run of the graph (Orca, Yu et al., OSDI
2022). Answers join and leave between steps. An answer that is alone is drafted (`prompt_lookup`). What its
reader has not read yet waits outside, so no reader holds others up.

An answer has a row of the caches for each of its prompts. The rows of answers that are written come first,
then those of the one that is read: a run takes rows that lie together. Where one leaves, the last moves into
its place.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import suppress

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback.core.errors import InvalidInput, TiebackError, Unavailable
from tieback.generator.writing.jobs import Job
from tieback.generator.writing.slots import Written
from tieback.methods.decoding import PromptForm
from tieback.models.language.decoder import PrefixCache, SoftTokens
from tieback.models.language.model import LanguageModel

READ_TOKENS, READ_TOKENS_BESIDE = 64, 32
"""Tokens of a prompt that are read in a step: some 90 ms, in which others wait; half where there are
others."""

MOST_ROWS_OF_ONE = 3
"""Prompts that one strategy reads at most."""


class Engine:
    """Writes answers with a model: up to `answers` at a time, in caches of `cache_bytes`.

    `prefix_bytes` bound what is kept of prompts for later ones that begin alike.
    """

    def __init__(self, model: LanguageModel, *, answers: int, cache_bytes: int, prefix_bytes: int) -> None:
        self._decoder = model.decoder
        self._count = max(2 * answers, MOST_ROWS_OF_ONE)
        self._caches = self._decoder.caches(self._count, model.context_tokens)
        self._lengths = np.zeros(self._count, np.int64)
        self._rows: list[tuple[Job, PromptForm]] = []
        self._written_rows = 0
        self._reading: Job | None = None
        self._waiting: deque[Job] = deque()
        self._prefixes = PrefixCache(prefix_bytes)
        self.most_tokens = cache_bytes // self._decoder.token_bytes
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def reserved_tokens(self) -> int:
        """Places of the caches that the answers in progress may need."""
        return sum(job.tokens for job in self._jobs())

    def check(self, tokens: int) -> None:
        """InvalidInput where an answer may need more tokens than the caches ever hold."""
        if tokens > self.most_tokens:
            raise InvalidInput(
                f"prompts and answer may need {tokens} tokens of the key-value cache, and it holds "
                f"{self.most_tokens}; ask in fewer words, lower max_tokens, or take another strategy",
                field=at("prompt"),
                reason="PROMPT_TOO_LONG",
            )

    async def write(self, job: Job) -> AsyncGenerator[Written, None]:
        """What the answer consists of, as it comes. Leaving ends it, and frees its caches after the step."""
        loop, written = asyncio.get_running_loop(), asyncio.Queue[Written | BaseException]()

        def deliver(one: Written | BaseException) -> None:
            with suppress(RuntimeError):  # the loop is closed, so nobody reads
                loop.call_soon_threadsafe(written.put_nowait, one)

        job.deliver = deliver
        self._submit(job)
        try:
            reason = None
            while reason is None:
                one = await written.get()
                if isinstance(one, BaseException):
                    raise one
                reason = one.reason
                yield one
        finally:
            job.left = True

    def close(self) -> None:
        """Ends the thread after its step; answers in progress are not finished."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _submit(self, job: Job) -> None:
        with self._changed:
            if self._closed:
                raise Unavailable("the server is closing")
            self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="generate", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._closed or self._waiting or self._rows):
                    self._changed.wait()
                if self._closed:
                    break
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - of the graph; it is raised where answers are read
                self._fail(list(self._jobs()), error)
        self._fail([*self._jobs(), *self._waiting], Unavailable("the server is closing"))

    def _step(self) -> None:
        self._drop()
        self._admit()
        if self._reading is not None:
            self._read(self._reading)
        if self._written_rows:
            self._write()

    def _jobs(self) -> Iterable[Job]:
        """Those that have rows, each once, those that are written first."""
        return {id(job): job for job, _ in self._rows}.values()

    def _drop(self) -> None:
        """Ends what nobody waits for any more."""
        for job in [*self._jobs(), *self._waiting]:
            if job.left:
                self._release(job)
                continue
            try:
                job.deadline.check("the answer was finished")
            except TiebackError as error:
                self._fail([job], error)

    def _admit(self) -> None:
        """Gives the next answer its rows, once those before it leave enough of the caches."""
        if self._reading is not None or not self._waiting:
            return
        job = self._waiting[0]
        free = self._count - len(self._rows)
        if len(job.prompts) > free or (self._rows and job.tokens > self.most_tokens - self.reserved_tokens):
            return
        self._waiting.popleft()
        job.waited = time.monotonic() - job.arrived
        for form, prompt in job.prompts.items():
            row, tokens = len(self._rows), np.array(prompt, np.int64)
            reused = self._prefixes.fill(self._caches, row, tokens, job.salt)
            self._rows.append((job, form))
            self._lengths[row] = reused
            job.reused += reused
            job.unread[form] = tokens[reused:]
        self._reading = job

    def _read(self, job: Job) -> None:
        """Reads a piece of its prompts; once they are read, its first token follows."""
        form, tokens = next((form, tokens) for form, tokens in job.unread.items() if len(tokens))
        most = READ_TOKENS_BESIDE if self._written_rows else READ_TOKENS
        piece, job.unread[form] = tokens[:most], tokens[most:]
        row = self._rows.index((job, form))
        begin = int(self._lengths[row])
        soft = None if job.soft is None else job.soft.within(begin, begin + len(piece))
        logits = self._advance(row, row + 1, piece[None], [len(piece) - 1], job.layers, [job], soft)
        self._lengths[row] += len(piece)
        if len(job.unread[form]):
            return
        job.logits[form] = logits[0, 0]
        self._prefixes.keep(self._caches, row, np.array(job.prompts[form]), job.salt)
        if not any(map(len, job.unread.values())):
            self._reading = None
            self._written_rows = len(self._rows)
            if self._take(job, [], [job.logits]):
                self._release(job)

    def _write(self) -> None:
        """Writes a token of every answer, or several of one that is alone."""
        rows = self._rows[: self._written_rows]
        jobs = list({id(job): job for job, _ in rows}.values())
        draft = self._draft(jobs)
        tokens = np.array([[job.writer.last, *draft] for job, _ in rows], np.int64)
        layers = sorted({layer for job in jobs for layer in self._exits(job)})
        logits = self._advance(0, len(rows), tokens, list(range(len(draft) + 1)), layers, jobs)
        by_job: dict[int, list[dict[PromptForm, Array]]] = {}
        for row, (job, form) in enumerate(rows):
            own = [layers.index(layer) for layer in self._exits(job)]
            places = by_job.setdefault(id(job), [{} for _ in range(len(draft) + 1)])
            for place, found in enumerate(places):
                found[form] = logits[row, place] if len(own) == len(layers) else logits[row, place, own]
        ended = [job for job in jobs if self._take(job, [job.writer.last, *draft], by_job[id(job)])]
        for job in ended:  # only now: rows move, with as many places as all have by then
            self._release(job)

    def _draft(self, jobs: Sequence[Job]) -> list[int]:
        """Of one answer alone, by one prompt: the graph runs either several rows or several tokens."""
        [job, *others] = jobs
        if others or job.lookup is None or len(job.prompts) > 1:
            return []
        return job.lookup.draft(job.room - job.writer.written - 1)

    def _advance(
        self,
        begin: int,
        end: int,
        tokens: Array,
        places: Sequence[int],
        layers: Sequence[int],
        jobs: Sequence[Job],
        soft: SoftTokens | None = None,
    ) -> Array:
        began = time.monotonic()
        logits = self._decoder.advance(
            self._caches,
            slice(begin, end),
            tokens,
            past=self._lengths[begin:end],
            places=np.tile(np.array(places, np.int64), (end - begin, 1)),
            exits=np.array(layers or [self._decoder.layers], np.int64),
            soft=soft,
        )
        for job in jobs:
            job.busy += time.monotonic() - began
        return logits

    def _take(
        self, job: Job, run: Sequence[int | None], logits: Sequence[Mapping[PromptForm, Array]]
    ) -> bool:
        """Writes by the logits at each place of a run, for as long as it went on as the answer does.

        Whether the answer has ended.
        """
        kept, ended = 0, False
        try:
            while kept < len(logits):
                piece = job.writer.take(logits[kept])
                job.deliver(job.finish(piece))
                kept += 1
                ended = piece.reason is not None
                if job.lookup is not None and job.writer.last is not None:
                    job.lookup.add(job.writer.last)
                if ended or kept >= len(run) or run[kept] != job.writer.last:
                    break
        except Exception as error:  # noqa: BLE001 - of its strategy or grammar; raised where it is read
            job.deliver(error)
            return True
        if job.lookup is not None and len(run) > 1:
            job.lookup.learn(len(run) - 1, kept - 1)
        for row in range(self._written_rows):
            if run and self._rows[row][0] is job:
                self._lengths[row] += kept
        return ended

    def _exits(self, job: Job) -> Sequence[int]:
        return job.layers or [self._decoder.layers]

    def _fail(self, jobs: Iterable[Job], error: BaseException) -> None:
        for job in jobs:
            job.deliver(error)
            self._release(job)

    def _release(self, job: Job) -> None:
        """Frees what it holds."""
        with suppress(ValueError):
            self._waiting.remove(job)
        if self._reading is job:
            self._reading = None
        for row in reversed(range(len(self._rows))):
            if self._rows[row][0] is job:
                self._remove(row)

    def _remove(self, row: int) -> None:
        last = len(self._rows) - 1
        if row < self._written_rows:  # those that are written stay before those that are read
            self._written_rows -= 1
            self._move(self._written_rows, row)
            row = self._written_rows
        self._move(last, row)
        self._rows.pop()
        self._caches.clear(last)

    def _move(self, source: int, target: int) -> None:
        if source != target:
            self._caches.move(source, target, int(self._lengths[source]))
            self._rows[target], self._lengths[target] = self._rows[source], self._lengths[source]
