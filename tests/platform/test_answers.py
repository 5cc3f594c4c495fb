"""The main job over the wire: index, search, rerank, answer, with what each response explains."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from support.lab import lab as lab
from support.local_platform import Running
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.serving.settings import Settings
from tieback_client import Cancelled, Client, DeadlineExceeded, Item, Section
from tieback_client.values.events import Answer
from tieback_contract.answers import Abstention, AnswerStyle, Finish, Repair, TextDelta
from tieback_contract.claims import Citation, Claim, Verdict
from tieback_contract.generation import Grounding, SamplingParameters

TEXTS = {
    "coffee": "Coffee is brewed from the roasted seeds of the coffee plant.",
    "lighthouse": "The lighthouse at Cape Alder was built in 1873 and is 41 metres tall.",
    "cats": "Cats sleep for twelve to sixteen hours a day. A group of cats is called a clowder.",
    "rockets": "The Saturn V rocket stood 110.6 metres tall and first flew on 9 November 1967.",
}


LONG = SamplingParameters(max_tokens=400)


@pytest.fixture(scope="module")
def library(client: Client) -> str:
    photos = Store(Settings().models.expanduser()).media(Catalog.load().get_media("scikit-image"))
    items: list[Any] = [
        Item(id=name, title=name.title(), sections=[Section(text, id="1")]) for name, text in TEXTS.items()
    ]
    items += [
        Item(id=f"photo-{name}", sections=[Section(found(photos, name), id="1")])
        for name in ("coffee", "chelsea", "rocket")
    ]
    report = client.ingest("answers", items)
    for acknowledgement in report:
        assert not acknowledgement.errors
    return "answers"


def found(folder: Path, stem: str) -> Path:
    return next(path for path in sorted(folder.rglob("*")) if path.stem == stem)


def test_words_find_a_photo_and_the_weights_are_said(client: Client, library: str) -> None:
    reply = client.retrieve(library, "a cup of coffee", filter='modality = "image"')

    assert reply.hits[0].hit.item_id == "photo-coffee"
    assert sum(reply.routing.weights.values()) == pytest.approx(1)
    assert {stage.name for stage in reply.timing.stages} >= {"fuse", "search"}


def test_a_photo_finds_words_and_photos(client: Client, library: str) -> None:
    reply = client.retrieve(library, _photo("rocket"))

    assert "rockets" in [found_.hit.item_id for found_ in reply.hits[:3]]
    assert "photo-rocket" in [found_.hit.item_id for found_ in reply.hits[:3]]
    assert reply.labels


def _photo(name: str) -> Path:
    return found(Store(Settings().models.expanduser()).media(Catalog.load().get_media("scikit-image")), name)


def test_an_answer_streams_text_claims_citations_and_verdicts_in_order(client: Client, library: str) -> None:
    events = list(client.answer(library, "How tall is the lighthouse at Cape Alder?"))

    kinds = [type(event) for event in events]
    assert kinds[-1] is Finish
    assert kinds.index(TextDelta) < kinds.index(Claim) < kinds.index(Verdict)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert "41" in text
    claim = next(event for event in events if isinstance(event, Claim))
    assert text.encode()[claim.span[0] : claim.span[1]].decode() == claim.text
    citation = next(event for event in events if isinstance(event, Citation))
    assert citation.item_id == "lighthouse"
    passage = TEXTS["lighthouse"].encode()
    assert (
        citation.span is None or passage[citation.span[0] : citation.span[1]].decode() in TEXTS["lighthouse"]
    )


def test_a_question_that_nothing_answers_is_abstained_from(client: Client, library: str) -> None:
    events = list(client.answer(library, "What is the interest rate of the central bank of Peru?"))

    abstention = next(event for event in events if isinstance(event, Abstention))
    assert abstention.score < abstention.threshold
    assert not [event for event in events if isinstance(event, Claim)]


def test_with_nothing_found_nothing_is_written_from_memory(client: Client, library: str) -> None:
    answer = client.answer(library, "What is the capital of France?", filter='item_id = "nowhere"').collect()

    assert answer.abstention is not None
    assert answer.abstention.reason == "no_evidence"
    assert answer.text == ""


def test_leaving_a_stream_frees_the_slot_at_once(
    client: Client, library: str, local_platform: Running
) -> None:
    def dropped() -> float:
        return local_platform.value(
            "tieback_dropped_total", service="generator", space="smollm2-135m-instruct", reason="cancelled"
        )

    before = dropped()
    stream = client.generate("Write a long story about the sea.", sampling=LONG)
    next(iter(stream))
    stream.cancel()

    wait = time.monotonic() + 5
    while time.monotonic() < wait and dropped() == before:
        time.sleep(0.02)
    assert dropped() == before + 1
    assert (
        local_platform.value("tieback_active_items", service="generator", space="smollm2-135m-instruct") == 0
    )


def test_a_deadline_ends_a_stream_and_frees_the_slot(client: Client, local_platform: Running) -> None:
    with pytest.raises(DeadlineExceeded):
        list(client.generate("Write a long story about the sea.", sampling=LONG, timeout=0.4))

    answer = client.generate("Say yes.", sampling=SamplingParameters(max_tokens=3)).collect()
    assert answer.finish is not None
    assert answer.finish.completion_tokens <= 3


def test_cancelling_raises_in_the_reader(client: Client) -> None:
    stream = client.generate("Write a long story about the sea.", sampling=LONG)
    with pytest.raises(Cancelled):
        for _ in stream:
            stream.cancel()


def test_context_aware_decoding_reports_the_tokens_it_changed(client: Client, library: str) -> None:
    plain = client.answer(library, "How tall is the lighthouse at Cape Alder?").collect()
    contrasted = client.answer(
        library,
        "How tall is the lighthouse at Cape Alder?",
        sampling=SamplingParameters(strategy="context_aware"),
    ).collect()

    assert plain.finish is not None
    assert plain.finish.changed_tokens == 0
    assert contrasted.finish is not None
    assert contrasted.finish.changed_tokens
    assert contrasted.text != plain.text


def test_a_strategy_takes_its_layer_over_the_wire_and_says_what_it_changed(client: Client) -> None:
    def asked(**parameters: float) -> Answer:
        sampling = SamplingParameters(max_tokens=24, strategy=("lol", parameters))
        return client.generate("Is the earth flat?", sampling=sampling).collect()

    compared, apart = asked(layer=25, refocus=0), asked(layer=0.5, refocus=1)

    assert compared.finish is not None
    assert compared.finish.changed_tokens
    assert apart.finish is not None
    assert apart.finish.changed_tokens is None
    assert apart.text != compared.text


def test_what_was_deleted_is_not_found(client: Client) -> None:
    for _ in client.ingest("deletions", [Item(id="one", sections=[Section("a lonely sentence")])]):
        pass
    assert client.search("deletions", text="lonely").hits

    assert client.delete("deletions", "one") == 1

    assert not client.search("deletions", text="lonely").hits


def test_repairs_over_the_wire_put_back_give_the_answer_without_them(client: Client) -> None:
    question = "Write three sentences about cats and rockets."
    passages = [TEXTS["cats"]]

    def asked(repair: Repair) -> Answer:
        return client.generate(
            question,
            passages,
            style=AnswerStyle.WRITE,
            sampling=SamplingParameters(max_tokens=80, temperature=1.0, seed=5),
            grounding=Grounding(checker="verbatim", abstain_below=0.0, repair=repair),
        ).collect()

    plain, dropped = asked(Repair.NONE), asked(Repair.DROP)

    assert dropped.repaired
    assert all(one.is_dropped for one in dropped.repaired)
    assert dropped.unrepaired_text.split() == plain.text.split()
