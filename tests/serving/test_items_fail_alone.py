"""One item of a batch that fails inside fails alone, in every method that takes batches."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import Default
from google.rpc import status_pb2
from support import bag_of_words, bar_reader
from support.bag_of_words import POISON, WIDTH, BagOfWords
from support.sections import SPACE, axis, item, section
from tieback.answer import Answerer, PipelineParts
from tieback.classifier import Classifier, TextClassifiers
from tieback.core.alone import FAILED, Alone, each_alone
from tieback.core.call import NO_CALL
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, Overloaded, TiebackError
from tieback.core.types.content import Content, Item, RecogniseRequest, Section
from tieback.core.types.encoding import EncodePlan, EncodeReply, EncodeRequest, SplitTextsRequest
from tieback.core.types.fusion import FuseRequest
from tieback.core.types.generation import CheckGroundingRequest, GroundingCheck
from tieback.core.types.heads import ClassifyRequest, Example, HeadRequest, PredictRequest
from tieback.core.types.ingestion import IngestRequest
from tieback.core.types.rerank import RerankCandidate, RerankRequest
from tieback.encoder import Encoder
from tieback.grounding import ClaimChecker
from tieback.index import Index
from tieback.models.encoder_model import Prepared
from tieback.models.text.text_classifier import PreparedText
from tieback.recogniser import Recogniser
from tieback.reranker import Reranker
from tieback.router import Component, Router
from tieback.router.input_adapters import DenseReading
from tieback.serving.conversions.codec import elements_alone
from tieback.serving.conversions.contents import write_encode_reply
from tieback.serving.requests import failures
from tieback.serving.requests.contract import METHODS
from tieback.serving.servicers.batch import PartialBatch
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.fusion import FusePart
from tieback_contract.generation import Evidence
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.reports import Cost, Timing
from tieback_contract.vectors import SpaceRef, Vector

GOOD, OTHER = "owls at night", "wrens by day"
SECRET = "/etc/secret/path 10.0.0.7"
MODALITIES = {2: Modality.TEXT, 4: cast(Modality, "smell")}
Outcomes = Iterable[object]


class Brittle(BagOfWords):
    """Fails on a text with `POISON` before it runs, where it is tokenised."""

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        self._look_at(str(content.data))
        return super().prepare(content, plan, limits)

    def starts(self, text: str) -> Array:
        self._look_at(text)
        return super().starts(text)

    def _look_at(self, text: str) -> None:
        if POISON in text:
            raise RuntimeError(SECRET)


class BrittleReader(bar_reader.BarReader):
    """Fails on a picture with `POISON` at its end before it is decoded."""

    def weigh(self, content: Content, limits: Limits) -> Any:
        found = super().weigh(content, limits)
        if isinstance(content.data, bytes) and content.data.endswith(POISON.encode()):
            raise RuntimeError(SECRET)
        return found


class BrittleReading(DenseReading):
    """Fails on a vector of zeros."""

    def __call__(self, encoding: Encoding) -> Array:
        if encoding.vector is not None and not np.any(encoding.vector.values):
            raise RuntimeError(SECRET)
        return super().__call__(encoding)


class Uneven:
    """An `EmbeddingPort` that gives a poisoned text a vector of another width."""

    ref = SpaceRef("words", "r1", "f1")

    def find(self, space: str) -> SpaceRef:
        return self.ref

    async def embed(
        self, space: SpaceRef, contents: Sequence[Content], *, deadline: Deadline = NO_DEADLINE
    ) -> tuple[list[Array | TiebackError], Timing]:
        rows = [np.array([len(str(one.data)), "o" in str(one.data)], np.float32) for one in contents]
        return [
            row[:1] if POISON in str(one.data) else row for row, one in zip(rows, contents, strict=True)
        ], Timing()


class Unreadable:
    """The values of a vector that cannot be read."""

    def __array__(self, *_: object, **__: object) -> Array:
        raise RuntimeError(SECRET)


def text(words: str) -> Content:
    return Content(Modality.TEXT, words)


@pytest.fixture
async def encoder(tmp_path: Path) -> AsyncIterator[Encoder]:
    made = Encoder([Brittle(bag_of_words.card(tmp_path))])
    yield made
    await made.close()


TEXTS = [GOOD, f"{POISON} of owls", OTHER]


async def encode(encoder: Encoder, folder: Path) -> Outcomes:
    return (
        await encoder.encode(EncodeRequest("bag-of-words", [text(one) for one in TEXTS]), NO_CALL)
    ).results


async def split(encoder: Encoder, folder: Path) -> Outcomes:
    return (
        await encoder.split_texts(
            SplitTextsRequest("bag-of-words", [f"{one} " * 400 for one in TEXTS]), NO_CALL
        )
    ).results


async def check(encoder: Encoder, folder: Path) -> Outcomes:
    checker = ClaimChecker(encoder, space="bag-of-words")
    checks = [GroundingCheck(one, [Evidence(GOOD, "1")]) for one in TEXTS]
    return (await checker.check_grounding(CheckGroundingRequest(checks), NO_CALL)).results


async def rerank(encoder: Encoder, folder: Path) -> Outcomes:
    reranker = Reranker(encoder, space="bag-of-words")
    candidates = [RerankCandidate(str(place), text(one)) for place, one in enumerate(TEXTS)]
    reply = await reranker.rerank(RerankRequest(text(GOOD), candidates), NO_CALL)
    await reranker.close()
    failed = {one.first_rank: one.error for one in reply.failures}
    return [({one.first_rank: one for one in reply.results} | failed)[place] for place in range(3)]


async def recognise(encoder: Encoder, folder: Path) -> Outcomes:
    recogniser = Recogniser([BrittleReader(bar_reader.card(folder))])
    pictures = [bar_reader.bars(20), bar_reader.bars(20) + POISON.encode(), bar_reader.bars(30)]
    reply = await recogniser.recognise(
        RecogniseRequest([Content(Modality.IMAGE, one) for one in pictures]), NO_CALL
    )
    await recogniser.close()
    return reply.results


async def fuse(encoder: Encoder, folder: Path) -> Outcomes:
    router = Router([Component(SPACE, 4)])
    adapter = router.space.adapters[SPACE.name]

    brittle = dataclasses.replace(adapter, read=BrittleReading(SPACE, 4))
    router.space.adapters[SPACE.name] = brittle  # type: ignore[index]  # to be read in this way
    vectors = [Vector(values, SPACE) for values in (axis(0), np.zeros(4, np.float32), axis(1))]
    return (
        await router.fuse(
            FuseRequest([[FusePart(Encoding(SPACE, Modality.TEXT, one))] for one in vectors]), NO_CALL
        )
    ).results


async def predict(encoder: Encoder, folder: Path) -> Outcomes:
    classifier = Classifier(folder / "heads", Uneven(), Limits())
    examples = [("owl", "bird"), ("owls", "bird"), ("night", "time"), ("days", "time")]
    asked = HeadRequest("topics", [Example(text(words), label) for words, label in examples])
    async with classifier.drafted(asked) as draft:
        pass
    async for _ in classifier.fit(draft["head"], draft["draft"]):
        pass
    reply = await classifier.predict(PredictRequest("topics", [text(one) for one in TEXTS]), NO_CALL)
    await classifier.close()
    return reply.results


class BrittleLabels:
    """A classifier whose tokenizer fails on a text, as no one foresaw."""

    def __init__(self) -> None:
        fields = {"name": "labels", "max_tokens": 8, "labels": ("a", "b"), "problem": "single_label"}
        self.card = SimpleNamespace(**fields)

    def prepare(self, content: Content, limits: Limits, truncation: object) -> PreparedText:
        if POISON in str(content.data):
            raise RuntimeError(SECRET)
        return PreparedText(np.arange(3))

    def run(self, batch: Sequence[PreparedText]) -> list[Array]:
        return [np.array([0.25, 0.75], np.float32) for _ in batch]


async def classify(encoder: Encoder, folder: Path) -> Outcomes:
    classifiers = TextClassifiers([cast(Any, BrittleLabels())], limits=Limits(), batch_tokens=64)
    reply = await classifiers.classify(ClassifyRequest("labels", [text(one) for one in TEXTS]), NO_CALL)
    await classifiers.close()
    return reply.results


async def upsert(encoder: Encoder, folder: Path) -> Outcomes:
    index = Index.open(folder / "store")
    await index.create_collection("docs", SPACE, 4)
    bad = item("b", section(Vector(cast("Array", Unreadable()), SPACE)))
    reply = await index.upsert("docs", [item("a", section(axis(0))), bad, item("c", section(axis(1)))])
    stored, _ = await index.list_items("docs")
    await index.close()
    assert [one.id for one in stored] == ["a", "c"]
    return reply.results


async def ingest(encoder: Encoder, folder: Path) -> Outcomes:
    router = Router([Component(bag_of_words.card(folder).space, WIDTH)])
    index = Index.open(folder / "store")
    answerer = Answerer(
        PipelineParts(
            joint=router.space,
            spaces={Modality.TEXT: ("bag-of-words",)},
            encoder=encoder,
            router=router,
            index=index,
            reranker=None,
        )
    )
    items = [Item(str(place), [Section("", text(one))]) for place, one in enumerate(TEXTS)]
    reply = await answerer.ingest(IngestRequest("docs", items))
    stored, _ = await index.list_items("docs")
    await index.close()
    assert [one.id for one in stored] == ["0", "2"]
    return [one.error for one in reply.results]


BATCHES: dict[str, Callable[[Encoder, Path], Awaitable[Outcomes]]] = {
    "AnswerService.IngestItems": ingest,
    "ClassifierService.Predict": predict,
    "EncoderService.Encode": encode,
    "EncoderService.EncodeStream": encode,
    "EncoderService.SplitTexts": split,
    "GroundingService.CheckGrounding": check,
    "IndexService.UpsertItems": upsert,
    "RecognitionService.Recognise": recognise,
    "RerankerService.Rerank": rerank,
    "RouterService.Fuse": fuse,
    "TextClassifierService.Classify": classify,
}
"""Methods of the contract that answer for each item of a batch, with a batch whose second item fails."""


def has_status(message: Descriptor, *, within: frozenset[str] = frozenset()) -> bool:
    """Tell whether a response tells of each of several items how it went."""
    return any(
        one.message_type is not None
        and one.message_type.full_name not in within
        and (
            one.message_type.full_name == status_pb2.Status.DESCRIPTOR.full_name
            or has_status(one.message_type, within=within | {message.full_name})
        )
        for one in message.fields
    )


def test_every_method_with_batches_is_tried() -> None:
    names = [path.strip("/").replace("/", ".") for path in METHODS if path.startswith("/tieback.")]
    responses = {name: Default().FindMethodByName(name).output_type for name in names}
    found = {name for name, one in responses.items() if one.name != "Operation" and has_status(one)}

    assert {name.removeprefix("tieback.v1.") for name in found} == set(BATCHES)


@pytest.mark.parametrize("name", BATCHES)
async def test_what_was_not_foreseen_in_one_item_is_an_error_of_that_item(
    name: str, encoder: Encoder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        first, bad, last = await BATCHES[name](encoder, tmp_path)

    assert not isinstance(first, TiebackError)
    assert not isinstance(last, TiebackError)
    assert type(bad) is TiebackError
    assert failures.to_status(bad).code == grpc.StatusCode.INTERNAL.value[0]
    assert SECRET not in bad.message
    assert any(one.exc_info and one.exc_info[0] is not TiebackError for one in caplog.records)


def test_a_message_that_cannot_be_read_and_a_result_that_cannot_be_written_fail_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def read(message: int) -> Encoding:
        if message == 1:
            raise InvalidInput("one is refused")
        return Encoding(SPACE, MODALITIES[message], token_count=4 // message)

    batch = PartialBatch(elements_alone(read, [2, 0, 1, 4]), "numbers")
    merged = batch.merged(batch.good)
    response = write_encode_reply(EncodeReply(merged, Timing(), Cost()))

    assert [one.token_count for one in batch.good] == [2, 1]
    assert [one.WhichOneof("outcome") for one in response.results] == ["encoding", "error", "error", "error"]
    assert [one.error.message for one in response.results] == ["", FAILED, "one is refused", FAILED]
    assert [one.exc_info[0] for one in caplog.records if one.exc_info] == [KeyError, KeyError]


def test_what_is_no_fault_of_an_item_ends_the_call() -> None:
    for error in (Overloaded("full", retry_after=1.0), DeadlineExceeded("late"), KeyboardInterrupt()):
        with pytest.raises(type(error)), Alone():
            raise error


def test_items_that_fail_together_are_tried_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    def inverse(some: Sequence[int]) -> list[float]:
        return [1 / one for one in some]

    found = each_alone(inverse, [1, 0, 2])

    assert [found[0], found[2]] == [1.0, 0.5]
    assert isinstance(found[1], TiebackError)
    assert each_alone(inverse, []) == []
