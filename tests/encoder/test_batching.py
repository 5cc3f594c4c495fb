"""Batches close when the worker is free, answers come in order, and nothing waits for nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from tieback.admission import Admission
from tieback.batching import Batcher, BatchReport
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, Overloaded, TiebackError, Unavailable


@dataclass(frozen=True)
class Word:
    tokens: int
    text: str = ""


class Worker:
    """Shouts each item's text; counts its batches; can be held, and fails on the text "poison"."""

    def __init__(self) -> None:
        self.batches: list[list[Word]] = []
        self.seconds = 0.0
        self.running, self.free = threading.Event(), threading.Event()
        self.free.set()

    def __call__(self, items: Sequence[Word], group: Hashable) -> list[str]:
        self.batches.append(list(items))
        self.running.set()
        self.free.wait()
        time.sleep(self.seconds)
        if any(item.text == "poison" for item in items):
            raise RuntimeError("the kernel fell over")
        if any(item.text == "refused" for item in items):
            raise InvalidInput("not this one")
        return [item.text.upper() for item in items]

    def hold(self) -> None:
        self.running.clear()
        self.free.clear()


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
async def batcher(worker: Worker) -> AsyncIterator[Batcher[Word, str]]:
    made = Batcher(worker, name="test", pads=True, budget=100, max_items=8)
    yield made
    worker.free.set()
    await made.close()


def submit(
    batcher: Batcher[Word, str], *words: Word, **options: Any
) -> asyncio.Task[list[str | TiebackError]]:
    async def answer() -> list[str | TiebackError]:
        return (await batcher.submit(words, **options)).results

    return asyncio.create_task(answer())


async def occupy(batcher: Batcher[Word, str], worker: Worker) -> asyncio.Task[list[str | TiebackError]]:
    """Has the worker busy until it is freed."""
    worker.hold()
    task = submit(batcher, Word(1, "first"))
    await asyncio.to_thread(worker.running.wait)
    return task


async def test_an_idle_worker_begins_at_once(batcher: Batcher[Word, str], worker: Worker) -> None:
    answer = await batcher.submit([Word(3, "a")])

    assert answer.results == ["A"]
    assert answer.batch_size == 1
    assert answer.queue < 0.05
    assert batcher.admission.load.queued_tokens == 0


async def test_what_waits_while_a_batch_runs_makes_the_next_one(
    batcher: Batcher[Word, str], worker: Worker
) -> None:
    first = await occupy(batcher, worker)
    others = [submit(batcher, Word(10, name)) for name in "abc"]
    await asyncio.sleep(0)
    worker.free.set()

    assert await asyncio.gather(first, *others) == [["FIRST"], ["A"], ["B"], ["C"]]
    assert [len(batch) for batch in worker.batches] == [1, 3]


async def test_answers_come_in_the_order_of_the_request_whatever_their_length(
    batcher: Batcher[Word, str],
) -> None:
    lengths = [50, 1, 30, 1, 99, 2, 250, 31]

    answer = await batcher.submit([Word(length, f"t{place}") for place, length in enumerate(lengths)])

    assert answer.results == [f"T{place}" for place in range(len(lengths))]


async def test_an_item_over_the_budget_runs_alone(batcher: Batcher[Word, str], worker: Worker) -> None:
    await batcher.submit([Word(10, "a"), Word(500, "huge"), Word(10, "b")])

    assert [sorted(word.text for word in batch) for batch in worker.batches] == [["a", "b"], ["huge"]]


async def test_items_without_tokens_are_computed_too(batcher: Batcher[Word, str]) -> None:
    answer = await batcher.submit([Word(0, "nothing"), Word(0, "")])

    assert answer.results == ["NOTHING", ""]


async def test_an_empty_request_is_answered_without_the_worker(
    batcher: Batcher[Word, str], worker: Worker
) -> None:
    assert (await batcher.submit([])).results == []
    assert worker.batches == []


async def test_a_huge_request_lets_small_ones_pass_between_its_parts(
    batcher: Batcher[Word, str], worker: Worker
) -> None:
    first = await occupy(batcher, worker)
    huge = submit(batcher, *(Word(50, "huge") for _ in range(20)))
    await asyncio.sleep(0)
    small = submit(batcher, Word(50, "small"))
    await asyncio.sleep(0)
    worker.free.set()
    await asyncio.gather(first, huge, small)

    place = next(i for i, batch in enumerate(worker.batches) if any(word.text == "small" for word in batch))
    assert place <= 2
    assert len(worker.batches) >= 10


async def test_small_requests_that_keep_coming_do_not_starve_a_huge_one(
    batcher: Batcher[Word, str], worker: Worker
) -> None:
    worker.seconds = 0.005  # time enough for the next small one to be there before the batch ends
    first = await occupy(batcher, worker)
    huge = submit(batcher, *(Word(50, "huge") for _ in range(10)))
    await asyncio.sleep(0)
    smalls = [submit(batcher, Word(50, "small")) for _ in range(4)]
    await asyncio.sleep(0)
    worker.free.set()
    answered = 0
    while not huge.done():  # as soon as one is answered, the next is there: always four wait
        done, pending = await asyncio.wait(smalls, return_when=asyncio.FIRST_COMPLETED)
        answered += len(done)
        smalls = [*pending, *(submit(batcher, Word(50, "small")) for _ in done)]
        assert answered < 100
    await asyncio.gather(first, *smalls)


async def test_a_long_text_among_a_stream_of_short_ones_gets_its_turn(
    batcher: Batcher[Word, str], worker: Worker
) -> None:
    first = await occupy(batcher, worker)
    shorts = [submit(batcher, Word(5, "short")) for _ in range(6)]
    long = submit(batcher, Word(90, "long"))
    await asyncio.sleep(0)
    later = [submit(batcher, Word(5, "later")) for _ in range(30)]
    await asyncio.sleep(0)
    worker.free.set()
    await asyncio.gather(first, *shorts, long, *later)

    place = next(i for i, batch in enumerate(worker.batches) if batch[0].text == "long")
    assert place <= 2


async def test_a_cancelled_request_leaves_at_once_and_is_not_computed(
    batcher: Batcher[Word, str], worker: Worker
) -> None:
    first = await occupy(batcher, worker)
    given_up = submit(batcher, Word(10, "given up"), Word(10, "given up"))
    await asyncio.sleep(0)
    before = batcher.admission.load
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    after = batcher.admission.load
    worker.free.set()
    await first
    await batcher.submit([Word(1, "last")])

    assert (before.queued_items, after.queued_items) == (2, 0)
    assert after.queued_tokens == 0
    assert after.dropped_cancelled == 2
    assert [word.text for batch in worker.batches for word in batch] == ["first", "last"]


async def test_a_request_whose_deadline_passes_is_answered_then_and_never_computed(
    batcher: Batcher[Word, str], worker: Worker
) -> None:
    first = await occupy(batcher, worker)
    begun = time.monotonic()

    with pytest.raises(DeadlineExceeded):
        await batcher.submit([Word(10, "late")], deadline=Deadline.after(0.05))

    waited = time.monotonic() - begun
    worker.free.set()
    await first
    await batcher.submit([Word(1, "last")])
    assert 0.04 < waited < 1.0
    assert batcher.admission.load.dropped_deadline == 1
    assert [word.text for batch in worker.batches for word in batch] == ["first", "last"]


async def test_a_request_that_cannot_be_done_in_time_is_dropped_before_it_is_computed() -> None:
    batches: list[Sequence[Word]] = []

    def run(items: Sequence[Word], group: Hashable) -> list[str]:
        batches.append(items)
        time.sleep(0.001 * sum(item.tokens for item in items))
        return ["" for _ in items]

    batcher = Batcher(run, name="slow", pads=True, budget=100)
    await batcher.calibrate([Word(90)])
    batches.clear()
    begun = time.monotonic()

    with pytest.raises(DeadlineExceeded):
        await batcher.submit([Word(90, "x")] * 10, deadline=Deadline.after(0.3))

    assert time.monotonic() - begun < 0.25
    assert batches == []
    assert batcher.admission.load.dropped_deadline == 10
    await batcher.close()


async def test_a_deadline_that_can_be_met_is_met(batcher: Batcher[Word, str]) -> None:
    answer = await batcher.submit([Word(1, "a")], deadline=Deadline.after(5.0))

    assert answer.results == ["A"]


async def test_a_poison_item_fails_alone_and_its_neighbours_are_computed_again(
    batcher: Batcher[Word, str], worker: Worker
) -> None:
    first = await occupy(batcher, worker)
    tasks = [submit(batcher, Word(5, name)) for name in ("a", "poison", "b")]
    await asyncio.sleep(0)
    worker.free.set()
    await first
    good, bad, other = await asyncio.gather(*tasks)

    assert (good, other) == (["A"], ["B"])
    assert isinstance(bad[0], TiebackError)
    assert "kernel" not in bad[0].message  # what fell over is for the log, not for the caller
    assert [len(batch) for batch in worker.batches] == [1, 3, 1, 1, 1]
    assert (await batcher.submit([Word(1, "after")])).results == ["AFTER"]


async def test_an_error_for_the_caller_is_kept_as_it_is(batcher: Batcher[Word, str]) -> None:
    answer = await batcher.submit([Word(1, "refused")])

    assert isinstance(answer.results[0], InvalidInput)


async def test_a_run_that_returns_too_few_results_is_a_failure_and_not_a_mixup() -> None:
    batcher: Batcher[Word, str] = Batcher(lambda items, group: ["one"], name="short", pads=True, budget=100)

    answer = await batcher.submit([Word(1, "a"), Word(1, "b")])

    assert answer.results == ["one", "one"]  # each alone gave one result
    await batcher.close()


async def test_groups_do_not_share_a_batch(batcher: Batcher[Word, str], worker: Worker) -> None:
    first = await occupy(batcher, worker)
    tasks = [submit(batcher, Word(5, name), group=group) for name, group in ("ax", "by", "cx")]
    await asyncio.sleep(0)
    worker.free.set()
    await asyncio.gather(first, *tasks)

    assert [[word.text for word in batch] for batch in worker.batches] == [["first"], ["a", "c"], ["b"]]


async def test_the_answer_says_where_the_time_went_and_what_was_padded() -> None:
    reports: list[BatchReport] = []

    def run(items: Sequence[Word], group: Hashable) -> list[str]:
        time.sleep(0.02)
        return [item.text for item in items]

    batcher = Batcher(run, name="slow", pads=True, budget=100, on_batch=reports.append)
    begun = time.monotonic()
    answer = await batcher.submit([Word(9, "a"), Word(10, "b"), Word(50, "c")])
    elapsed = time.monotonic() - begun
    await batcher.close()

    assert [(report.items, report.tokens, report.padding_tokens) for report in reports] == [
        (2, 19, 1),
        (1, 50, 0),
    ]
    assert (answer.batch_size, answer.padding_tokens) == (2, 1)
    assert answer.compute == pytest.approx(sum(report.seconds for report in reports))
    assert answer.compute >= 0.04
    assert 0.0 <= answer.queue <= elapsed - answer.compute
    assert batcher.admission.tokens_per_second == pytest.approx(69 / answer.compute, rel=0.01)


async def test_a_listener_that_raises_does_not_stop_the_worker() -> None:
    def listen(report: BatchReport) -> None:
        raise ValueError("a broken listener")

    batcher: Batcher[Word, int] = Batcher(
        lambda items, group: [1] * len(items), name="heard", pads=True, budget=9, on_batch=listen
    )

    assert (await batcher.submit([Word(1)])).results == [1]
    assert (await batcher.submit([Word(1)])).results == [1]
    await batcher.close()


async def test_too_much_waiting_is_refused_with_a_delay_that_followed_succeeds() -> None:
    def run(items: Sequence[Word], group: Hashable) -> list[str]:
        time.sleep(0.001 * sum(item.tokens for item in items))
        return ["" for _ in items]

    batcher = Batcher(run, name="busy", pads=True, budget=20, admission=Admission(100))
    await batcher.submit([Word(20)])
    while not batcher.admission.tokens_per_second:  # noqa: ASYNC110 - measured after the answer, on a thread
        await asyncio.sleep(0.001)
    waiting = [asyncio.create_task(batcher.submit([Word(20)])) for _ in range(5)]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded) as refused:
        await batcher.submit([Word(20)])
    await asyncio.sleep(refused.value.retry_after)
    again = await batcher.submit([Word(20)])

    assert again.results == [""]
    assert refused.value.retry_after < 1.0
    await asyncio.gather(*waiting)
    assert batcher.admission.load.rejected == 1
    await batcher.close()


async def test_closing_finishes_what_runs_and_fails_what_waits(worker: Worker) -> None:
    batcher = Batcher(worker, name="closing", pads=True, budget=100)
    first = await occupy(batcher, worker)
    waiting = submit(batcher, Word(5, "a"), Word(5, "b"))
    await asyncio.sleep(0)
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0.01)
    worker.free.set()
    await closing

    assert await first == ["FIRST"]
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        await batcher.submit([Word(1)])
    assert batcher.admission.load.queued_tokens == 0
