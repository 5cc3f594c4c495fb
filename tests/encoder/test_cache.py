"""What is cached in memory: how much, for how long, and for whom it answers."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.asking import encodings, error, texts, vector
from support.bag_of_words import POISON, WIDTH, BagOfWords, card
from support.each import each
from tieback.core.call import NO_CALL
from tieback.core.errors import Overloaded
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import CachePolicy, EncodePlan, EncodeRequest, Truncation
from tieback.encoder import CacheOptions, Encoder
from tieback.encoder.cache import Computed, MemoryCache, bytes_of
from tieback_contract.encodings import Encoding, EncodingSource, Label
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.modality import Modality
from tieback_contract.vectors import DType, VectorKind

SPACE = "bag-of-words"
TOKENS = EncodePlan(kinds=frozenset({VectorKind.MULTI_VECTOR}))
INVARIANT = EncodePlan(batch_invariant=True)
CUT = EncodePlan(truncation=Truncation.END)
MEMORY, COMPUTED = EncodingSource.MEMORY, EncodingSource.COMPUTED


@pytest.fixture
def model(tmp_path: Path) -> BagOfWords:
    return BagOfWords(card(tmp_path))


@pytest.fixture
async def encoder(model: BagOfWords) -> AsyncIterator[Encoder]:
    made = Encoder([model], limits=Limits(queued_tokens=1000), batch_tokens=100)
    yield made
    await made.close()


def sources(found: list[Encoding]) -> list[EncodingSource]:
    return [encoding.source for encoding in found]


def entry(width: int = 8, tokens: int = 0, *, labels: int = 0, invariant: bool = False) -> Computed:
    rows = np.ones((tokens, width), np.float32) if tokens else None
    begins = np.arange(1000, 1000 + tokens)
    spans = Locators(LocatorKind.BYTE_SPAN, np.stack((begins, begins + 300), axis=1)) if tokens else None
    names = tuple(Label(f"a name of a class {place}", 1000 + place, place / 7) for place in range(labels))
    return Computed(np.ones(width, np.float32), rows, spans, names, tokens, 0, invariant)


def pictured(regions: int) -> Computed:
    """A result with region vectors."""
    boxes = Locators.of(LocatorKind.BOX, np.ones((regions, 4), np.float32))
    return entry()._replace(rows=np.ones((regions, 8), np.float32), locators=boxes)


async def test_what_was_computed_answers_again(encoder: Encoder, model: BagOfWords) -> None:
    first = await encoder.encode(EncodeRequest(SPACE, texts("tea", "milk")), NO_CALL)
    computed = len(model.batches)

    again = await encoder.encode(EncodeRequest(SPACE, texts("milk", "bread", "tea")), NO_CALL)

    assert sources(encodings(first)) == [COMPUTED, COMPUTED]
    assert sources(encodings(again)) == [MEMORY, COMPUTED, MEMORY]
    assert (again.cost.cached_items, again.cost.shared_items, again.cost.tokens) == (2, 0, 1)
    assert model.batches[computed:] == [["bread"]]
    np.testing.assert_array_equal(
        vector(encodings(first)[0]).values, vector(encodings(again)[2]).values, strict=True
    )


async def test_a_request_that_is_known_is_answered_though_the_queue_is_full(
    encoder: Encoder, model: BagOfWords
) -> None:
    await encoder.encode(EncodeRequest(SPACE, texts("tea", "milk")), NO_CALL)
    with model.paused():
        running = asyncio.create_task(encoder.encode(EncodeRequest(SPACE, texts("running")), NO_CALL))
        await asyncio.to_thread(model.running.wait)
        full = [
            asyncio.create_task(encoder.encode(EncodeRequest(SPACE, texts(f"{n} " * 250)), NO_CALL))
            for n in range(4)
        ]
        while encoder.load(SPACE).queued_tokens < 1000:  # noqa: ASYNC110 - a load is a number, no event
            await asyncio.sleep(0.001)

        known = await encoder.encode(EncodeRequest(SPACE, texts("milk", "tea", "milk")), NO_CALL)
        with pytest.raises(Overloaded):
            await encoder.encode(EncodeRequest(SPACE, texts("new")), NO_CALL)
    await asyncio.gather(running, *full)

    assert sources(encodings(known)) == [MEMORY] * 3
    assert (known.cost.cached_items, known.cost.tokens, known.cost.batch_size) == (3, 0, 0)
    assert known.timing.queue == known.timing.compute == 0


@pytest.mark.parametrize("dtype", list(DType))
@pytest.mark.parametrize("width", [8, 16, WIDTH])
async def test_every_width_and_type_of_one_entry_is_bit_for_bit_what_is_computed(
    encoder: Encoder, model: BagOfWords, width: int, dtype: DType
) -> None:
    plan = EncodePlan(width, dtype)
    given = texts("tea and milk", "bread", "a long text about boats")
    direct = encodings(
        await encoder.encode(EncodeRequest(SPACE, given, plan, cache=CachePolicy.BYPASS), NO_CALL)
    )
    await encoder.encode(EncodeRequest(SPACE, given), NO_CALL)
    computed = len(model.batches)

    cached = encodings(await encoder.encode(EncodeRequest(SPACE, given, plan), NO_CALL))

    assert sources(cached) == [MEMORY] * 3
    assert len(model.batches) == computed
    for one, other in zip(cached, direct, strict=True):
        np.testing.assert_array_equal(vector(one).values, vector(other).values, strict=True)
        assert vector(one).scale == vector(other).scale
        assert (one.token_count, one.space, one.modality) == (other.token_count, other.space, other.modality)


async def test_all_kinds_come_back_as_they_were(encoder: Encoder) -> None:
    plan = EncodePlan(width=16, kinds=frozenset(VectorKind))

    (first,) = encodings(await encoder.encode(EncodeRequest(SPACE, texts("tea and milk"), plan), NO_CALL))
    (again,) = encodings(await encoder.encode(EncodeRequest(SPACE, texts("tea and milk"), plan), NO_CALL))

    assert again.source is MEMORY
    assert first.multi_vector is not None
    assert again.multi_vector is not None
    assert again.multi_vector.values.shape == (3, 16)
    np.testing.assert_array_equal(again.multi_vector.values, first.multi_vector.values, strict=True)
    ours, theirs = again.multi_vector.locators, first.multi_vector.locators
    assert (ours.kind, ours.places.tolist(), again.labels) == (
        theirs.kind,
        theirs.places.tolist(),
        first.labels,
    )
    assert first.sparse is not None
    assert again.sparse is not None
    assert again.sparse.indices.tolist() == first.sparse.indices.tolist() != []
    assert again.sparse.weights.tolist() == first.sparse.weights.tolist()


async def test_other_kinds_and_another_truncation_are_computed_anew(encoder: Encoder) -> None:
    await encoder.encode(EncodeRequest(SPACE, texts("tea")), NO_CALL)

    tokens = encodings(await encoder.encode(EncodeRequest(SPACE, texts("tea"), TOKENS), NO_CALL))
    cut = encodings(await encoder.encode(EncodeRequest(SPACE, texts("tea"), CUT), NO_CALL))

    assert sources(tokens + cut) == [COMPUTED, COMPUTED]


async def test_a_text_that_was_cut_does_not_answer_one_that_may_not_be(encoder: Encoder) -> None:
    long = "word " * 300
    for _ in range(2):
        (cut,) = encodings(await encoder.encode(EncodeRequest(SPACE, texts(long), CUT), NO_CALL))
        refused = await encoder.encode(EncodeRequest(SPACE, texts(long)), NO_CALL)

        assert (cut.token_count, cut.truncated_tokens) == (256, 44)
        assert "300 tokens" in error(refused, 0).message


async def test_a_vector_computed_alone_answers_everybody_and_one_of_a_batch_only_requests_that_allow_it(
    encoder: Encoder, model: BagOfWords
) -> None:
    await encoder.encode(EncodeRequest(SPACE, texts("tea", "milk")), NO_CALL)
    computed = len(model.batches)

    alone = encodings(await encoder.encode(EncodeRequest(SPACE, texts("tea", "milk"), INVARIANT), NO_CALL))
    alone_again = encodings(
        await encoder.encode(EncodeRequest(SPACE, texts("tea", "milk"), INVARIANT), NO_CALL)
    )
    ordinary = encodings(await encoder.encode(EncodeRequest(SPACE, texts("milk")), NO_CALL))

    assert sources(alone) == [COMPUTED, COMPUTED]
    assert sorted(model.batches[computed:]) == [["milk"], ["tea"]]
    assert sources(alone_again + ordinary) == [MEMORY] * 3


async def test_errors_are_not_kept(encoder: Encoder, model: BagOfWords) -> None:
    for _ in range(2):
        reply = await encoder.encode(EncodeRequest(SPACE, texts(POISON, "\0")), NO_CALL)

        assert str(error(reply, 1).field) == "contents[1].text"
        assert "kernel" not in error(reply, 0).message

    assert [POISON] in model.batches[1:]
    assert encoder.cache_state(SPACE).entries == 0


async def test_bypassing_computes_everything_and_keeps_nothing(encoder: Encoder, model: BagOfWords) -> None:
    await encoder.encode(EncodeRequest(SPACE, texts("tea")), NO_CALL)

    past = await encoder.encode(
        EncodeRequest(SPACE, texts("tea", "milk", "milk"), cache=CachePolicy.BYPASS), NO_CALL
    )
    after = await encoder.encode(EncodeRequest(SPACE, texts("milk")), NO_CALL)

    assert sources(encodings(past)) == [COMPUTED] * 3
    assert (past.cost.cached_items, past.cost.shared_items, past.cost.tokens) == (0, 0, 3)
    assert sources(encodings(after)) == [COMPUTED]


async def test_nothing_is_kept_where_no_bytes_are_given(tmp_path: Path) -> None:
    encoder = Encoder([BagOfWords(card(tmp_path))], cache=CacheOptions(memory_bytes=0))

    for _ in range(2):
        assert sources(encodings(await encoder.encode(EncodeRequest(SPACE, texts("tea")), NO_CALL))) == [
            COMPUTED
        ]

    assert encoder.cache_state(SPACE).bytes == 0
    await encoder.close()


async def test_a_caller_cannot_change_what_others_get(encoder: Encoder) -> None:
    plan = EncodePlan(kinds=frozenset(VectorKind))
    for _ in range(2):  # computed, then cached
        (found,) = encodings(await encoder.encode(EncodeRequest(SPACE, texts("tea and milk"), plan), NO_CALL))
        assert found.multi_vector is not None
        assert found.sparse is not None
        for array in (
            vector(found).values,
            found.multi_vector.values,
            found.multi_vector.locators.places,
            found.sparse.indices,
            found.sparse.weights,
        ):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


async def test_a_precomputed_vector_is_never_cached(encoder: Encoder) -> None:
    (given,) = encodings(await encoder.encode(EncodeRequest(SPACE, texts("tea")), NO_CALL))
    before = encoder.cache_state(SPACE)

    reply = await encoder.encode(EncodeRequest(SPACE, [Content(None, vector(given))]), NO_CALL)

    assert (reply.cost.cached_items, encodings(reply)[0].source) == (0, COMPUTED)
    assert encoder.cache_state(SPACE) == before


async def test_token_numbers_are_encoded_and_kept_beside_the_text(encoder: Encoder) -> None:
    content = Content(Modality.TEXT, TokenNumbers(np.array([5, 7], np.int64)))

    kinds = [
        encodings(await encoder.encode(EncodeRequest(SPACE, [content]), NO_CALL))[0].source,
        encodings(await encoder.encode(EncodeRequest(SPACE, texts("5 7")), NO_CALL))[0].source,
        encodings(await encoder.encode(EncodeRequest(SPACE, [content]), NO_CALL))[0].source,
    ]
    refused = await encoder.encode(EncodeRequest(SPACE, [*texts("tea"), content], TOKENS), NO_CALL)

    assert kinds == [COMPUTED, COMPUTED, MEMORY]
    assert str(error(refused, 1).field) == "contents[1].token_ids"
    assert isinstance(refused.results[0], Encoding)


async def test_large_contents_are_hashed_off_the_event_loop_and_found_again(tmp_path: Path) -> None:
    encoder = Encoder([BagOfWords(card(tmp_path, max_tokens=None))], limits=Limits())
    large = "word " * 100_000

    first = await encoder.encode(EncodeRequest(SPACE, texts(large)), NO_CALL)
    again = await encoder.encode(EncodeRequest(SPACE, texts(large)), NO_CALL)

    assert sources(encodings(first) + encodings(again)) == [COMPUTED, MEMORY]
    await encoder.close()


def test_the_least_recently_used_leaves_first() -> None:
    cache = MemoryCache(3 * bytes_of(entry()))
    for key in (b"a", b"b", b"c"):
        cache.put(key, entry())

    cache.get(b"a", invariant=False)
    cache.put(b"d", entry())

    assert [key for key in (b"a", b"b", b"c", b"d") if cache.get(key, invariant=False)] == [b"a", b"c", b"d"]
    assert cache.evictions == 1


def test_token_vectors_push_no_vectors_out_of_their_half() -> None:
    light, bulky = entry(), entry(tokens=50)
    cache = MemoryCache(10 * bytes_of(bulky))
    many = 5 * bytes_of(bulky) // bytes_of(light)
    for number in range(many):
        cache.put(f"light {number}".encode(), light)

    for number in range(100):
        cache.put(f"bulky {number}".encode(), bulky)

    assert all(cache.get(f"light {number}".encode(), invariant=False) for number in range(many))
    assert [n for n in range(100) if cache.get(f"bulky {n}".encode(), invariant=False)] == [*range(95, 100)]


def test_region_vectors_push_no_vectors_out_of_their_half() -> None:
    bulky = pictured(50)
    cache = MemoryCache(4 * bytes_of(bulky))
    cache.put(b"light", entry())

    for number in range(100):
        cache.put(str(number).encode(), bulky)

    assert cache.get(b"light", invariant=False) is not None
    assert cache.bytes >= 2 * bytes_of(bulky)


def test_sparse_vectors_count_by_their_terms() -> None:
    indices, weights = np.arange(100, dtype=np.int32), np.ones(100, np.float32)

    sparse = entry()._replace(indices=indices, weights=weights)

    assert bytes_of(sparse) == bytes_of(entry()) + 800


def test_what_vectors_do_not_need_token_vectors_may_use() -> None:
    bulky = entry(tokens=50)
    cache = MemoryCache(10 * bytes_of(bulky))

    for number in range(100):
        cache.put(str(number).encode(), bulky)

    assert len(cache) == 10


def test_an_entry_larger_than_the_cache_is_not_kept_and_pushes_nothing_out() -> None:
    cache = MemoryCache(2000)
    cache.put(b"small", entry())

    cache.put(b"large", entry(width=1000))

    assert cache.get(b"large", invariant=False) is None
    assert cache.get(b"small", invariant=False) is not None


def test_a_batch_invariant_entry_is_not_replaced_by_an_ordinary_one() -> None:
    cache = MemoryCache(10_000)
    cache.put(b"a", entry(invariant=True))

    cache.put(b"a", entry(invariant=False))

    assert cache.get(b"a", invariant=True) is not None


@given(
    st.integers(0, 12_000),
    st.lists(
        st.tuples(
            st.integers(0, 9), st.integers(1, 200), st.integers(0, 20), st.integers(0, 3), st.booleans()
        ),
        max_size=60,
    ),
)
def test_the_bytes_are_what_is_kept_and_never_more_than_the_bound(
    limit: int, puts: list[tuple[int, int, int, int, bool]]
) -> None:
    cache = MemoryCache(limit)
    for number, width, tokens, labels, invariant in puts:
        # What is kept of a content is another key's where token vectors were asked for too.
        cache.put(bytes([number, tokens > 0]), entry(width, tokens, labels=labels, invariant=invariant))

        keys = [bytes([number, bulky]) for number in range(10) for bulky in (False, True)]
        kept = [cache.get(key, invariant=False) for key in keys]
        assert cache.bytes == sum(bytes_of(one) for one in kept if one is not None) <= limit


@each("width, tokens, labels", [(32, 0, 0), (384, 0, 0), (384, 40, 0), (32, 3, 0), (64, 0, 5)])
def test_the_bytes_that_are_counted_are_not_fewer_than_what_an_entry_takes(
    width: int, tokens: int, labels: int
) -> None:
    cache = MemoryCache(1 << 30)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(1000):
        made = entry(width, tokens, labels=labels)
        cache.put(number.to_bytes(32, "big"), made)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    assert 0.4 * cache.bytes < taken <= cache.bytes
