"""Small good calls, as another caller makes them while a server is attacked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import grpc
import numpy as np
from tieback.v1 import (
    content_pb2,
    encoder_pb2,
    encoder_pb2_grpc,
    evidence_pb2,
    generator_pb2,
    generator_pb2_grpc,
    index_pb2,
    index_pb2_grpc,
    metadata_pb2,
    reranker_pb2,
    reranker_pb2_grpc,
    vector_pb2,
)

from benchmarks.attack.attack import GOOD_COLLECTION, SPACE, WIDTH
from benchmarks.load.tieback import TEXT_SPACE

Metadata = tuple[tuple[str, str], ...]
Good = Callable[[float], None]
PLACE = vector_pb2.SpaceRef(name=SPACE, revision="1", fingerprint="f" * 12)


def vector(seed: int = 0) -> vector_pb2.Vector:
    """A unit vector of the space of the collections that the attacks make."""
    values = np.random.default_rng(seed).normal(size=WIDTH).astype("<f4")
    values /= np.linalg.norm(values)
    return vector_pb2.Vector(space=PLACE, values=tensor(values), normalized=True)


def tensor(values: np.ndarray) -> vector_pb2.Tensor:
    """The message of an array of float32."""
    data = np.asarray(values, "<f4")
    return vector_pb2.Tensor(dtype=vector_pb2.DATA_TYPE_FLOAT32, shape=data.shape, data=data.tobytes())


def item(name: str, text: str = "a text", /, **metadata: object) -> index_pb2.IndexedItem:
    """An item of one section, with its vector."""
    section = content_pb2.Section(id="s", content=content_pb2.Content(text=text))
    made = content_pb2.Item(id=name, title=name, sections=[section])
    for key, value in metadata.items():
        made.metadata[key].CopyFrom(_fact(value))
    return index_pb2.IndexedItem(
        item=made,
        sections=[index_pb2.IndexedSection(vector=vector(), modality=content_pb2.Modality.MODALITY_TEXT)],
    )


def _fact(value: object) -> metadata_pb2.MetadataValue:
    if isinstance(value, bool):
        return metadata_pb2.MetadataValue(bool_value=value)
    if isinstance(value, int | float):
        return metadata_pb2.MetadataValue(number_value=value)
    return metadata_pb2.MetadataValue(string_value=str(value))


def encode(channel: grpc.Channel, metadata: Metadata) -> Good:
    """Encode of one short text that no cache holds, then Search of a small collection."""
    encoder, index = encoder_pb2_grpc.EncoderServiceStub(channel), index_pb2_grpc.IndexServiceStub(channel)
    numbers = itertools.count()

    def call(seconds: float) -> None:
        contents = [content_pb2.Content(text=f"the good caller's text number {next(numbers)}")]
        encoder.Encode(
            encoder_pb2.EncodeRequest(space=TEXT_SPACE, contents=contents), timeout=seconds, metadata=metadata
        )
        index.Search(
            index_pb2.SearchRequest(collection=GOOD_COLLECTION, vector=vector(), limit=3),
            timeout=seconds,
            metadata=metadata,
        )

    return call


def rerank(channel: grpc.Channel, metadata: Metadata) -> Good:
    """Rerank of two candidates by late interaction."""
    reranker = reranker_pb2_grpc.RerankerServiceStub(channel)
    request = reranker_pb2.RerankRequest(
        query=reranker_pb2.RerankSource(content=content_pb2.Content(text="which river is the longest")),
        candidates=[
            reranker_pb2.RerankCandidate(
                id=str(place), source=reranker_pb2.RerankSource(content=content_pb2.Content(text=text))
            )
            for place, text in enumerate(("the Nile is a long river", "a cat sleeps"))
        ],
    )
    return lambda seconds: _ignore(reranker.Rerank(request, timeout=seconds, metadata=metadata))


def generate(channel: grpc.Channel, metadata: Metadata) -> Good:
    """Generate of two tokens."""
    generator = generator_pb2_grpc.GeneratorServiceStub(channel)
    request = generator_pb2.GenerateRequest(
        prompt="Which river is long?",
        evidence=[evidence_pb2.Evidence(id="1", text="The Nile is a long river.")],
        sampling=generator_pb2.SamplingParameters(max_tokens=2),
        grounding=generator_pb2.Grounding(disabled=True),
    )

    def call(seconds: float) -> None:
        events: Iterator[object] = generator.Generate(request, timeout=seconds, metadata=metadata)
        for _ in events:
            pass

    return call


def write(channel: grpc.Channel, metadata: Metadata) -> Good:
    """A write of one item into the collection that is attacked."""
    index = index_pb2_grpc.IndexServiceStub(channel)
    request = index_pb2.UpsertItemsRequest(collection="filtered", items=[item("the-good-callers")])
    return lambda seconds: _ignore(
        list(index.UpsertItems(iter([request]), timeout=seconds, metadata=metadata))
    )


def _ignore(answer: object) -> None:
    """An answer is enough; what is in it is others' test."""


KINDS: Mapping[str, Callable[[grpc.Channel, Metadata], Good]] = {
    "encode": encode,
    "rerank": rerank,
    "generate": generate,
    "write": write,
}
