"""Demonstrations that are kept as virtual tokens, and read before the question."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tieback_client
import tieback_lab.client
from generator.conftest import collect
from support import bag_of_words
from support.each import each
from tieback.core.call import NO_CALL
from tieback.core.errors import Damaged, InvalidInput, NotFound, PermissionDenied, QuotaExceeded, Unsupported
from tieback.core.tenant import AccessLevel, Principal, act_for
from tieback.encoder import Encoder
from tieback.generator import Generator, GeneratorParts
from tieback.models.language.decoder import SoftTokens
from tieback.models.language.model import LanguageModel
from tieback.models.learned import nothing_learned
from tieback.serving.metrics.observed import observed
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.requests import rpcs
from tieback.serving.servicers.of_port import servicer
from tieback.serving.settings import Settings
from tieback_contract.answers import AnswerStyle
from tieback_contract.field_path import at
from tieback_contract.generation import Evidence, Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice
from tieback_lab.contract.demonstrations import Demonstration
from tieback_lab.generator import demonstrations
from tieback_lab.generator.demonstrations import Demonstrations
from tieback_lab.generator.prompting import (
    demonstrated_beginning,
    demonstrated_messages,
    demonstration_texts,
)
from tieback_lab.methods.context_compression.aim import start
from tieback_lab.models.learned.soft_context import SoftContext
from tieback_lab.services.demonstrations import SERVICE, DemonstrationService

EVIDENCE = [Evidence("the bridge is open on monday", "a")]
QUESTION = "is the bridge open"
SHORT = SamplingParameters(max_tokens=16)
LIBRARY = Demonstration(
    "library", "the library opens at nine. it closes at six.", "when does it open?", "at nine"
)
OWLS = Demonstration("owls", "owls fly at night, wrens by day.", "when do owls fly?", "at night")


def by(*ids: str, abstain_below: float | None = 0.0) -> Grounding:
    return Grounding(
        soft_prompt=MethodChoice("shown", {"demonstrations": list(ids)}), abstain_below=abstain_below
    )


BY_TWO = by("library", "owls")

Made = Callable[..., Generator]


@pytest.fixture
async def made(small_model: LanguageModel, tmp_path: Path) -> AsyncIterator[Made]:
    """Makes generators on one folder, by compressions of their own."""
    encoder = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])
    open_ones = []

    def make(*, seed: int = 1) -> Generator:
        width = small_model.decoder.width
        draw = np.random.default_rng(seed)
        state = start(draw.normal(size=(200, width)), draw.normal(size=(200, width)))
        context = SoftContext("shown", "aim", state, "", small_model.name, 1, f"revision-{seed}")
        one = Generator(GeneratorParts(
            [small_model], encoder, space="bag-of-words", slots=2, soft_prompts=[context], folder=tmp_path,
        ))  # fmt: skip
        open_ones.append(one)
        return one

    yield make
    for one in open_ones:
        await one.close()
    await encoder.close()


@pytest.fixture
async def generator(made: Made) -> Generator:
    one = made()
    for demonstration in (LIBRARY, OWLS):
        await kept_by(one).put(demonstration, NO_CALL)
    return one


def kept_by(generator: Generator) -> Demonstrations:
    one = generator.soft_prompts["shown"]
    assert isinstance(one, Demonstrations)
    return one


def text_length(model: LanguageModel, one: Demonstration) -> int:
    return len(model.tokens(demonstration_texts(one.passage, one.question, one.answer)[1]))


async def test_the_prompt_grows_by_the_lengths_of_the_texts_and_not_of_the_passages(
    generator: Generator, small_model: LanguageModel
) -> None:
    texts = sum(text_length(small_model, one) for one in (LIBRARY, OWLS))

    answer = await collect(generator, QUESTION, EVIDENCE, sampling=SHORT, grounding=BY_TWO)

    alone, _ = small_model.prompt_with_places(demonstrated_messages(QUESTION, [EVIDENCE[0].text]), 0)
    assert answer.finish.soft_tokens == texts
    assert answer.finish.prompt_tokens == len(alone) + texts
    listed = await kept_by(generator).all()
    assert [one.demonstration for one in listed] == [LIBRARY, OWLS]
    assert sum(one.tokens for one in listed) == texts
    assert all(one.passage_tokens > 0 for one in listed)


async def test_what_is_kept_gives_the_logits_of_what_is_made_again(
    generator: Generator, small_model: LanguageModel
) -> None:
    kept = kept_by(generator).virtual_tokens(["library", "owls"])

    (context,) = [kept_by(generator)._context]
    again = []
    for one in (LIBRARY, OWLS):
        passage, text = map(small_model.tokens, demonstration_texts(one.passage, one.question, one.answer))
        tokens = [*demonstrated_beginning(small_model), *passage, *text]
        again.append(context.soft_tokens(small_model.decoder.last_states(tokens, len(text), layer=1)))
    found = [logits(small_model, rows) for rows in (kept, np.concatenate(again))]

    np.testing.assert_array_equal(found[0], found[1])
    other = logits(small_model, np.concatenate(again[::-1]))
    assert np.abs(found[0] - other).max() > 1e-3


def logits(model: LanguageModel, rows: np.ndarray) -> np.ndarray:
    tokens, places = model.prompt_with_places(demonstrated_messages(QUESTION, ()), len(rows))
    streams = model.decoder.open({"one": tokens}, room=0, soft={"one": SoftTokens(places, rows)})
    while not streams.read(64):
        pass
    return streams.logits["one"]


async def test_the_passage_is_read_into_the_virtual_tokens(generator: Generator) -> None:
    before = kept_by(generator).virtual_tokens(["owls"])

    await kept_by(generator).put(replace(OWLS, passage="owls sleep at night"), NO_CALL)

    after = kept_by(generator).virtual_tokens(["owls"])
    assert after.shape == before.shape
    assert np.abs(after - before).max() > 1e-3


async def test_what_is_written_depends_on_the_demonstrations_and_their_order(generator: Generator) -> None:
    orders = (("library", "owls"), ("owls", "library"), ("library", "owls"))
    found = [
        await collect(generator, QUESTION, EVIDENCE, sampling=SHORT, grounding=by(*order)) for order in orders
    ]

    assert found[0].text == found[2].text
    assert found[0].text != found[1].text


async def test_they_are_read_without_evidence_too(generator: Generator) -> None:
    answer = await collect(generator, QUESTION, sampling=SHORT, grounding=by("owls", abstain_below=None))

    assert answer.finish.soft_tokens > 0


async def test_a_replica_that_starts_later_reads_what_is_kept(generator: Generator, made: Made) -> None:
    rows = kept_by(generator).virtual_tokens(["owls"])
    later = made()

    assert [one.demonstration for one in await kept_by(later).all()] == [LIBRARY, OWLS]
    np.testing.assert_array_equal(kept_by(later).virtual_tokens(["owls"]), rows)
    await kept_by(later).delete("owls")
    with pytest.raises(NotFound, match="library"):
        kept_by(generator).virtual_tokens(["owls"])


async def test_by_another_compression_they_are_made_again_from_their_texts(
    generator: Generator, made: Made
) -> None:
    old = kept_by(generator).virtual_tokens(["owls"])
    fresh = made(seed=2)

    new = kept_by(fresh).virtual_tokens(["owls"])

    assert np.abs(new - old).max() > 1e-3
    np.testing.assert_array_equal(kept_by(fresh).virtual_tokens(["owls"]), new)
    [_, stored] = await kept_by(fresh).all()
    assert stored.demonstration == OWLS


async def test_a_damaged_one_is_named_and_can_be_put_again(generator: Generator, tmp_path: Path) -> None:
    path = tmp_path / "demonstrations" / "_" / "owls.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    with pytest.raises(Damaged, match="'owls' is damaged; put it again"):
        await collect(generator, QUESTION, EVIDENCE, grounding=BY_TWO)
    listed = await kept_by(generator).all()
    await kept_by(generator).put(OWLS, NO_CALL)

    assert [one.demonstration.id for one in listed] == ["library"]
    assert len(kept_by(generator).virtual_tokens(["owls"]))


def of_tenant(tenant: str, access: AccessLevel, work: Callable[[], Any]) -> Any:
    def run() -> Any:
        act_for(Principal(tenant, access))
        return work()

    return copy_context().run(run)


async def test_each_tenant_has_its_own(generator: Generator) -> None:
    kept = kept_by(generator)

    with pytest.raises(NotFound):
        of_tenant("acme", AccessLevel.READ, lambda: kept.check(["owls"], at("grounding")))
    with pytest.raises(NotFound):
        of_tenant("acme", AccessLevel.READ, lambda: kept.virtual_tokens(["owls"]))
    with pytest.raises(PermissionDenied, match="needs the role write"):
        of_tenant("acme", AccessLevel.READ, lambda: kept.put(OWLS, NO_CALL).send(None))
    with pytest.raises(PermissionDenied, match="needs the role write"):
        of_tenant("acme", AccessLevel.READ, lambda: kept.delete("owls").send(None))


async def test_a_tenant_has_so_many_at_most(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demonstrations, "MOST", 2)

    await kept_by(generator).put(replace(OWLS, answer="by night"), NO_CALL)

    with pytest.raises(QuotaExceeded, match="2 at most; delete one"):
        await kept_by(generator).put(replace(OWLS, id="more"), NO_CALL)


@each(
    "wrong, field, said",
    [
        ({"id": "No Id"}, "id", "lower-case"),
        ({"id": "../up"}, "id", "lower-case"),
        ({"passage": " "}, "passage", "passage of the demonstration is empty"),
        ({"answer": ""}, "answer", "answer of the demonstration is empty"),
        ({"question": "why " * 60}, "answer", "128 at most"),
        ({"passage": "owls fly. " * 200}, "passage", "1024 tokens at most"),
        ({"passage": "x" * 20_000}, "passage", "20000 characters"),
        ({"question": "\ud800"}, "question", "surrogate"),
    ],
)
async def test_what_cannot_be_kept_is_refused_by_its_field(
    generator: Generator, wrong: dict[str, str], field: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as error:
        await kept_by(generator).put(replace(OWLS, **wrong), NO_CALL)

    assert str(error.value.field) == f"demonstration.{field}"


async def test_what_does_not_go_with_demonstrations_is_refused_by_its_field(generator: Generator) -> None:
    lol = replace(SHORT, strategy=MethodChoice("lol"))
    many = by(*["owls"] * 17)
    with pytest.raises(NotFound, match="library, owls"):
        await collect(generator, QUESTION, EVIDENCE, grounding=by("owl"))
    with pytest.raises(InvalidInput, match="demonstrations") as none:
        await collect(generator, QUESTION, EVIDENCE, grounding=replace(BY_TWO, soft_prompt="shown"))
    with pytest.raises(InvalidInput, match="1 to 16") as most:
        await collect(generator, QUESTION, EVIDENCE, grounding=many)
    with pytest.raises(InvalidInput, match="plain decoding alone") as strategy:
        await collect(generator, QUESTION, EVIDENCE, sampling=lol, grounding=BY_TWO)
    with pytest.raises(InvalidInput, match="a quote needs no soft prompt") as quote:
        await collect(generator, QUESTION, EVIDENCE, grounding=BY_TWO, style=AnswerStyle.QUOTE)

    for error in (strategy, quote):
        assert str(error.value.field) == "grounding.soft_prompt"
    for error in (none, most):
        assert str(error.value.field) == "grounding.soft_prompt.parameters.demonstrations"


async def test_a_server_without_a_compression_says_how_to_get_one(small_generator: Generator) -> None:
    with pytest.raises(NotFound, match="TIEBACK_EXTENSIONS=lab"):
        await collect(small_generator, QUESTION, EVIDENCE, grounding=BY_TWO)
    with pytest.raises(Unsupported, match=r"tieback train aim.*TIEBACK_ARTIFACTS"):
        await DemonstrationService(small_generator).list_demonstrations()


async def test_clients_put_ask_by_and_delete_them(generator: Generator, tmp_path: Path) -> None:
    settings = Settings(models=tmp_path, store=tmp_path, drain_seconds=1)
    telemetry = Telemetry(settings)
    server = GrpcServer(settings, telemetry)
    server.add(servicer(observed(generator, telemetry), rpcs.GENERATOR))
    known = rpcs.rpcs_of(SERVICE.contract, SERVICE.port)
    server.add(servicer(SERVICE.build(generator, nothing_learned), known))
    port = await server.start("127.0.0.1", 0)
    await server.set_all_ready(True)
    try:
        async with tieback_lab.client.AsyncClient(f"localhost:{port}") as client:
            wrens = Demonstration("wrens", "wrens sing.", "who sings?", "wrens")
            stored = await client.put_demonstration(wrens)
            asked = by("wrens")
            answer = await client.generate(QUESTION, ["the bridge is open"], grounding=asked).collect()
            listed = [one.demonstration.id for one in await client.demonstrations()]
            await client.delete_demonstration("wrens")
            with pytest.raises(tieback_client.NotFound, match="library, owls"):
                await client.generate(QUESTION, grounding=asked).collect()
            with pytest.raises(tieback_client.InvalidArgument) as refused:
                await client.put_demonstration(replace(wrens, answer=" "))
    finally:
        await server.drain(0)

    assert (stored.demonstration, listed) == (wrens, ["library", "owls", "wrens"])
    assert answer.finish is not None
    assert answer.finish.soft_tokens == stored.tokens
    assert str(refused.value.field) == "demonstration.answer"
    counted = telemetry.registry.get_sample_value("tieback_soft_tokens_total", {"model": answer.finish.model})
    assert counted == stored.tokens
