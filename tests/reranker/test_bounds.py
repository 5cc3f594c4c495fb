"""What the reranker takes and what it refuses, and whose turn it is."""

import asyncio
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.lab import all_names
from support.lab import lab as lab
from support.present import present
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, Overloaded, TiebackError
from tieback.core.tenant import TENANT
from tieback.core.types.rerank import RerankCandidate, RerankRequest
from tieback.methods.reranking import PASSES, Checkpoint, rerankings
from tieback.reranker import Reranker
from tieback.reranker.comparison import CHUNK_PAIRS, PADDING, Comparison, compared
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.method_choice import MethodChoice
from tieback_contract.vectors import MultiVector, SpaceRef

SPACE = SpaceRef("here", "r", "f")
WIDTH = 8
MEGABYTE = 1 << 20
Make = Callable[..., Reranker]


def tokens(count: int, seed: int = 0) -> MultiVector:
    values = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    return MultiVector(values, SPACE, Locators.of(LocatorKind.BYTE_SPAN, [(n, n + 1) for n in range(count)]))


def candidates(*counts: int) -> list[RerankCandidate]:
    return [RerankCandidate(f"c{n}", tokens(count, n)) for n, count in enumerate(counts)]


def transport(iterations: int) -> MethodChoice:
    return MethodChoice("optimal_transport", {"iterations": iterations})


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[Reranker] = []
    nobody: Any = None  # nothing here is encoded

    def reranker(**limits: int) -> Reranker:
        made.append(Reranker(nobody, limits=Limits(**limits)))
        return made[-1]

    yield reranker
    for one in made:
        await one.close()


async def test_a_long_candidate_among_many_short_ones_takes_little_memory(make: Make) -> None:
    reranker = make()
    tracemalloc.start()

    await reranker.rerank(
        RerankRequest(tokens(1000), candidates(*[1] * 511, 1000), method=transport(2)), NO_CALL
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 64 * MEGABYTE


@each("seed", range(5))
def test_chunks_hold_every_candidate_once_and_little_padding(seed: int) -> None:
    lengths = np.random.default_rng(seed).geometric(0.02, 300).tolist()
    nothing: Any = None  # nothing is compared
    offered = {place: tokens(n) for place, n in enumerate(lengths)}
    compared = Comparison(nothing, nothing, 5, tokens(64), offered, lambda: None, 0)

    chunks = compared.chunks(range(len(lengths)), explain=False)

    assert sorted(place for chunk in chunks for place in chunk.places) == list(range(len(lengths)))
    for chunk in chunks:
        of_chunk = [lengths[place] for place in chunk.places]
        padded = max(of_chunk) * len(of_chunk)
        assert padded <= PADDING * sum(of_chunk)
        assert len(of_chunk) == 1 or 64 * padded <= CHUNK_PAIRS


async def test_a_query_of_more_rows_than_the_limit_is_refused(make: Make) -> None:
    with pytest.raises(InvalidInput, match="compares 1024 at most") as refused:
        await make().rerank(RerankRequest(tokens(30_000), candidates(1, 1)), NO_CALL)

    assert str(refused.value.field) == "query.multi_vector.values"


@pytest.mark.parametrize(
    ("counts", "said", "field"),
    [
        ((2, 30_000, 1), "compares 1024 at most", "candidates[0].source.multi_vector.values"),
        ((1000, 1000, 3), "at most for one candidate", "candidates[0]"),
    ],
)
async def test_one_candidate_above_its_part_of_a_limit_fails_alone(
    make: Make, counts: tuple[int, int, int], said: str, field: str
) -> None:
    reply = await make().rerank(
        RerankRequest(tokens(counts[0]), candidates(*counts[1:]), method=transport(2000)), NO_CALL
    )

    (failure,) = reply.failures
    assert (failure.id, failure.first_rank, str(failure.error.field)) == ("c0", 0, field)
    assert said in failure.error.message
    assert [(one.id, one.first_rank) for one in reply.results] == [("c1", 1)]


async def test_a_candidate_that_a_method_fails_on_fails_alone_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def brittle(query: Array, rows: Array, mask: Array, checkpoint: Checkpoint) -> Array:
        if (rows == 7).any():
            raise RuntimeError("inside")
        return np.asarray(mask.sum(1), np.float32)

    nothing: Any = None  # nothing is explained
    bad = MultiVector(np.full((2, WIDTH), 7, np.float32), SPACE, tokens(2).locators)
    offered = {0: tokens(2), 3: bad, 4: tokens(3)}
    comparison = Comparison(brittle, nothing, 1, tokens(1), offered, lambda: None, 0)

    (chunk,) = comparison.chunks([0, 3, 4], explain=False)
    found = dict(zip(chunk.places, compared(chunk), strict=True))

    assert (found[0], found[4]) == (2.0, 3.0)
    assert type(found[3]) is TiebackError
    assert [str(one.exc_info[1]) for one in caplog.records if one.exc_info] == ["inside"]


async def test_a_request_above_the_whole_limit_is_told_to_shrink_and_not_to_wait(make: Make) -> None:
    with pytest.raises(InvalidInput, match="this server takes 20000000 at most") as refused:
        await make(rerank_steps=20_000_000).rerank(
            RerankRequest(tokens(50), candidates(*[50] * 100), method=transport(100)), NO_CALL
        )

    assert str(refused.value.field) == "candidates"


async def test_work_beyond_the_limit_is_refused_with_a_time_to_come_back(make: Make) -> None:
    reranker = make(rerank_steps=30_000_000)
    ask = [
        reranker.rerank(RerankRequest(tokens(30), candidates(*[60] * 40), method=transport(100)), NO_CALL)
        for _ in range(12)
    ]

    replies = await asyncio.gather(*ask, return_exceptions=True)

    refused = [reply for reply in replies if isinstance(reply, Overloaded)]
    assert refused
    assert len(refused) < len(replies)
    assert all(reply.retry_after > 0 for reply in refused)
    assert reranker.load.rejected == len(refused)
    assert reranker.load.queued_tokens == reranker.load.active_items == 0


async def test_a_deadline_is_looked_at_inside_a_long_comparison(make: Make) -> None:
    reranker = make(rerank_steps=10**11)
    begun = time.process_time()

    with pytest.raises(DeadlineExceeded):
        await reranker.rerank(
            RerankRequest(tokens(700), candidates(700), method=transport(2000)), Call(Deadline.after(0.2))
        )
    await reranker.rerank(RerankRequest(tokens(2), candidates(2)), NO_CALL)  # the thread is free again

    assert time.process_time() - begun < 1.5  # the whole would take more than two seconds


async def test_a_cancelled_comparison_ends_in_the_middle(make: Make) -> None:
    reranker = make(rerank_steps=10**11)
    task = asyncio.create_task(
        reranker.rerank(RerankRequest(tokens(700), candidates(700), method=transport(2000)), NO_CALL)
    )
    while not reranker.load.active_items:  # noqa: ASYNC110 - a count has no event
        await asyncio.sleep(0.01)
    begun = time.process_time()

    task.cancel()
    await asyncio.wait([task])
    await reranker.rerank(RerankRequest(tokens(2), candidates(2)), NO_CALL)

    assert time.process_time() - begun < 1.0
    assert reranker.load.active_items == 0


async def test_a_tenant_that_fills_the_queue_does_not_delay_another(make: Make) -> None:
    reranker = make()
    reached, let_go = threading.Event(), threading.Event()
    done: list[str] = []

    class Held(Deadline):
        def check(self, doing: str) -> None:
            if threading.current_thread() is not threading.main_thread():  # the reranker's own
                reached.set()
                let_go.wait(30)

    async def ask(tenant: str, number: int, deadline: Deadline = NO_DEADLINE) -> None:
        TENANT.set(tenant)
        await reranker.rerank(
            RerankRequest(tokens(100), candidates(*[100] * number), method=transport(50)), Call(deadline)
        )
        done.append(tenant)

    def chunks() -> int:
        return reranker.load.queued_items + reranker.load.active_items

    tasks = [asyncio.create_task(ask("busy", 20, Held()))]
    await asyncio.to_thread(reached.wait, 30)
    of_one = chunks()
    tasks += [asyncio.create_task(ask("busy", 20)) for _ in range(5)]
    tasks += [asyncio.create_task(ask("other", 1))]
    while chunks() != 6 * of_one + 1:  # noqa: ASYNC110 - until all wait behind the one that is held
        await asyncio.sleep(0.01)
    let_go.set()
    await asyncio.gather(*tasks)

    # Before it came what was being compared, and one more, since both tenants then began at the same time.
    assert done.index("other") <= 2


async def test_plans_that_would_not_fit_into_a_message_are_refused(make: Make) -> None:
    reranker = make(message_bytes=100_000)

    with pytest.raises(InvalidInput, match="100000 bytes of a message") as refused:
        await reranker.rerank(
            RerankRequest(tokens(100), candidates(*[100] * 3), method=transport(2), explain=True), NO_CALL
        )
    few = await reranker.rerank(
        RerankRequest(tokens(100), candidates(*[100] * 3), method=transport(2), explain=True, limit=2),
        NO_CALL,
    )

    assert str(refused.value.field) == "explain"
    plans = [present(present(result.alignment).plan) for result in few.results]
    assert [plan.shape for plan in plans] == [(100, 100)] * 2


@each("name", all_names(rerankings))
def test_every_method_says_what_it_costs(name: str) -> None:
    passes = rerankings.form(PASSES, name)

    assert passes(384) > 0
    assert passes(3840) > passes(384)


def test_more_iterations_cost_more() -> None:
    few, many = (rerankings.form(PASSES, "optimal_transport", {"iterations": n})(64) for n in (10, 500))

    assert many - few == 490
