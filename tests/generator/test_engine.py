"""Several answers at once: batches, drafts, prompts that begin alike, and what goes wrong within them."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from generator.conftest import Answer, collect
from support import bag_of_words, small_language_model
from support.acting import begun
from support.lab import lab as lab
from support.waiting import until
from tieback.catalog.card import GeneratorCard
from tieback.core.call import NO_CALL
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, StartupError, TiebackError
from tieback.core.tenant import Principal
from tieback.core.types.generation import GenerateRequest
from tieback.encoder import Encoder
from tieback.generator import Generator, GeneratorParts
from tieback.generator.writing import AnswerWriter, StrategyStreams
from tieback.generator.writing.engine import Engine
from tieback.generator.writing.jobs import PromptLookup
from tieback.methods.decoding import PLAIN, decodings, with_evidence
from tieback.models.language.decoder import BLOCK, Decoder, PrefixCache
from tieback.models.language.model import LanguageModel, load_language_model
from tieback.models.store import Store
from tieback_contract.generation import Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice

FREE = Grounding(disabled=True)
LONG = "the bridge is open on monday and the library is shut on sunday " * 3
ENDLESS = SamplingParameters(max_tokens=1900, regex="[a-z]{3000}")
REQUESTS = [
    ("hello", SamplingParameters(max_tokens=40)),
    (LONG, SamplingParameters(max_tokens=25)),
    ("a", SamplingParameters(max_tokens=60, temperature=1.2, seed=3, top_p=0.9)),
    (LONG[:70], SamplingParameters(max_tokens=33, strategy=MethodChoice("lol"))),
    (LONG[:20], SamplingParameters(max_tokens=21, strategy=MethodChoice("dola"))),
    ("who", SamplingParameters(max_tokens=50, strategy=MethodChoice("context_aware"))),
]


async def written(generator: Generator, prompt: str, sampling: SamplingParameters) -> Answer:
    return await collect(generator, prompt, sampling=sampling, grounding=FREE)


@pytest.fixture
async def encoder(tmp_path: Path) -> AsyncIterator[Encoder]:
    encoder = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])
    yield encoder
    await encoder.close()


@pytest.fixture(scope="session")
def float_model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """In which rounding, which batches do otherwise than rows alone, is too small to change a choice."""
    folder = tmp_path_factory.mktemp("float")
    store = Store(folder / "store")
    card = small_language_model.build(folder / "model", store, arithmetic="float32")
    return load_language_model(card, store)


@pytest.fixture
async def batched(float_model: LanguageModel, encoder: Encoder) -> AsyncIterator[Generator]:
    generator = Generator(GeneratorParts([float_model], encoder, space="bag-of-words", slots=8))
    yield generator
    await generator.close()


def engine_of(generator: Generator) -> Engine:
    [engine] = generator._engines.values()
    return engine


async def test_answers_of_every_length_and_strategy_in_one_batch_are_those_written_alone(
    batched: Generator,
) -> None:
    alone = [await written(batched, *request) for request in REQUESTS]

    together = await asyncio.gather(*(written(batched, *request) for request in REQUESTS))

    assert [one.text for one in together] == [one.text for one in alone]
    assert [one.finish.reason for one in together] == [one.finish.reason for one in alone]
    await until(lambda: engine_of(batched).reserved_tokens == 0)


async def test_one_run_of_the_model_writes_a_token_of_every_answer(
    batched: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, advance = [], Decoder.advance

    def counted(decoder: Decoder, caches: object, which: slice, tokens: object, **how: object) -> object:
        rows.append(which.stop - which.start)
        return advance(decoder, caches, which, tokens, **how)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Decoder, "advance", counted)
    sampling = SamplingParameters(max_tokens=100, temperature=1.0, seed=1)
    answers = await asyncio.gather(*(written(batched, f"ask {n}", sampling) for n in range(6)))

    tokens = sum(one.finish.completion_tokens for one in answers)
    assert max(rows) == 6
    assert len(rows) < tokens / 2


async def test_an_answer_that_is_left_frees_its_caches_and_does_not_touch_the_others(
    batched: Generator,
) -> None:
    alone = await written(batched, *REQUESTS[2])
    leaving = batched.generate(GenerateRequest("leave", sampling=ENDLESS, grounding=FREE), NO_CALL)
    await anext(leaving)
    reserved = engine_of(batched).reserved_tokens
    staying = asyncio.create_task(written(batched, *REQUESTS[2]))
    await until(lambda: engine_of(batched).reserved_tokens > reserved or staying.done())

    await leaving.aclose()
    await until(lambda: engine_of(batched).reserved_tokens < 1900)

    assert (await staying).text == alone.text


async def test_a_deadline_ends_one_answer_of_a_batch(batched: Generator) -> None:
    alone = await written(batched, *REQUESTS[0])

    late, other = await asyncio.gather(
        collect(batched, "leave", sampling=ENDLESS, grounding=FREE, deadline=Deadline.after(0.05)),
        written(batched, *REQUESTS[0]),
        return_exceptions=True,
    )

    assert isinstance(late, DeadlineExceeded)
    assert isinstance(other, Answer)
    assert other.text == alone.text
    await until(lambda: engine_of(batched).reserved_tokens == 0)


async def test_answers_that_do_not_fit_into_the_caches_wait_and_are_written_all_the_same(
    small_model: LanguageModel, encoder: Encoder
) -> None:
    room = 300 * small_model.decoder.token_bytes
    generator = Generator(
        GeneratorParts([small_model], encoder, space="bag-of-words", slots=8, cache_bytes=room)
    )
    sampling = SamplingParameters(max_tokens=60, temperature=1.0, seed=2)

    answers = await asyncio.gather(*(written(generator, "hello", sampling) for _ in range(8)))

    assert len({one.text for one in answers}) == 1
    assert max(one.finish.timing.queue for one in answers) > 0
    await generator.close()


async def test_an_answer_that_would_never_fit_is_refused_with_the_numbers(
    small_model: LanguageModel, encoder: Encoder
) -> None:
    room = 300 * small_model.decoder.token_bytes
    generator = Generator(GeneratorParts([small_model], encoder, space="bag-of-words", cache_bytes=room))

    with pytest.raises(InvalidInput, match=r"may need \d{4} tokens .* holds 300") as refused:
        await written(generator, "hello", SamplingParameters(max_tokens=1000))

    assert refused.value.reason == "PROMPT_TOO_LONG"
    await generator.close()


@pytest.mark.parametrize("strategy", ["plain", "dola"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
async def test_drafts_change_no_answer(batched: Generator, strategy: str, temperature: float) -> None:
    for seed, prompt in itertools.product(range(3), ["hello", LONG]):
        sampling = SamplingParameters(
            max_tokens=80, temperature=temperature, seed=seed, strategy=MethodChoice(strategy)
        )
        drafted = await written(batched, prompt, sampling)
        plain = await written(batched, prompt, replace(sampling, prompt_lookup=False))

        assert drafted.text == plain.text
        assert plain.finish.drafted_tokens == 0


async def test_the_real_model_copies_by_drafts_what_it_copies_by_steps(real_generator: Generator) -> None:
    text = "The lighthouse at Cape Alder is 31 metres tall and was built in 1884 by the engineer Maria Weber."
    for question in (f"Repeat this text twice: {text}", f"What is said about Cape Alder? {text}"):
        sampling = SamplingParameters(max_tokens=48)
        drafted = await written(real_generator, question, sampling)
        plain = await written(real_generator, question, replace(sampling, prompt_lookup=False))

        assert drafted.text == plain.text
        assert drafted.finish.completion_tokens == plain.finish.completion_tokens
    assert drafted.finish.accepted_tokens > 5


def test_a_draft_is_what_followed_the_same_tokens_before() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5, 6, 7, 8, 9])
    for token in (3, 4, 5):
        lookup.add(token)

    assert lookup.draft(3) == [6, 7, 8]
    assert lookup.draft(1) == [6]
    assert PromptLookup([1, 2, 3]).draft(5) == []


def test_drafts_that_are_wrong_become_shorter_and_stop_and_are_tried_again_later() -> None:
    lookup = PromptLookup([1, 2, 3] * 20)
    lengths = []
    for _ in range(12):
        lengths.append(len(lookup.draft(15)))
        lookup.learn(lengths[-1], 0) if lengths[-1] else None

    assert lengths[0] > 1
    assert 0 in lengths
    assert any(later for later in lengths[lengths.index(0) :] if later) or any(
        lookup.draft(15) for _ in range(100)
    )


async def test_a_prompt_that_begins_like_an_earlier_one_is_not_read_again(batched: Generator) -> None:
    first = await written(batched, LONG + "one", SamplingParameters(max_tokens=10))
    again = await written(batched, LONG + "one", SamplingParameters(max_tokens=10))
    other = await written(batched, LONG + "two", SamplingParameters(max_tokens=10))

    assert first.finish.reused_tokens == 0
    assert again.text == first.text
    assert again.finish.reused_tokens > again.finish.prompt_tokens - 2 * BLOCK
    assert BLOCK <= other.finish.reused_tokens < other.finish.prompt_tokens


async def test_tenants_share_no_prompts_that_were_read(batched: Generator) -> None:
    answers = []
    for tenant in ("acme", "globex", "acme"):
        work = written(batched, LONG, SamplingParameters(max_tokens=4))
        answers.append(await begun(Principal(tenant), work))

    assert [one.finish.reused_tokens > 0 for one in answers] == [False, False, True]


def test_prompts_that_were_read_are_kept_within_the_bound(small_model: LanguageModel) -> None:
    decoder = small_model.decoder
    caches, room = decoder.caches(1, 10 * BLOCK), 5 * BLOCK * decoder.token_bytes
    kept = PrefixCache(room)
    prompts = [np.arange(n, n + 4 * BLOCK) for n in range(6)]
    for prompt in prompts:
        kept.keep(caches, 0, prompt, b"")

    assert 0 < kept.bytes <= room
    assert kept.fill(caches, 0, prompts[-1], b"") == 3 * BLOCK  # its last token is left to be read
    assert kept.fill(caches, 0, prompts[0], b"") == 0


def test_a_row_that_moves_or_ends_leaves_the_others_as_they_are(small_model: LanguageModel) -> None:
    caches = small_model.decoder.caches(3, 64)
    for array in caches.arrays.values():
        for row in range(3):
            array[row] = row + 1

    caches.move(2, 0, 64)
    caches.clear(2)

    for array in caches.arrays.values():
        assert (array[0, :, :64] == 3).all()
        assert (array[1] == 2).all()


async def test_scores_that_are_no_numbers_end_one_answer_with_an_error(small_model: LanguageModel) -> None:
    prompt = small_model.tokens("hello")
    sampling = SamplingParameters(max_tokens=4)
    read = StrategyStreams.of([PLAIN], small_model.layers, field=None)  # type: ignore[arg-type]  # not needed
    writer = AnswerWriter(
        small_model, {with_evidence: prompt}, decodings.configure("plain", {}), read, sampling, 4
    )

    with pytest.raises(TiebackError, match="no numbers"):
        writer.take({with_evidence: np.full((1, small_model.decoder.vocabulary), np.nan, np.float32)})


def test_a_model_with_weights_that_are_no_numbers_does_not_start(
    small_card: GeneratorCard, small_store: Store, tmp_path: Path
) -> None:
    made, store = tmp_path / "made", Store(tmp_path / "store")
    shutil.copytree(small_store.folder(small_card), made, ignore=shutil.ignore_patterns("artifact.json"))
    graph = onnx.load(made / "model.onnx", load_external_data=False).graph
    [norm] = [one for one in graph.initializer if one.name == "states.weight"]
    place = {entry.key: entry.value for entry in norm.external_data}
    with (made / "model.onnx.data").open("r+b") as data:
        data.seek(int(place["offset"]))
        data.write(np.full(norm.dims[0], np.nan, np.float32).tobytes())
    store.record_exported(small_card, made, {"metrics": {}})

    with pytest.raises(StartupError, match="no numbers, so its weights are damaged"):
        load_language_model(small_card, store)
