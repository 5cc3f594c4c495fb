"""Attacks on the pipeline: ingest, retrieve, and answering from what was stored."""

from __future__ import annotations

from collections.abc import Sequence

from tieback.v1 import answer_pb2, content_pb2, generator_pb2, query_pb2, report_pb2, router_pb2
from tieback_client import AsyncClient

from benchmarks.attack import statuses
from benchmarks.attack.attack import Attack, Outcome, Scene, made

INGEST, RETRIEVE, ANSWER = "AnswerService/IngestItems", "AnswerService/Retrieve", "AnswerService/Answer"
EMPTY_ITEM, EMPTY_SECTION = b"\x12\x00", b"\x12\x02\x1a\x00"
DOTS = "." * 40_000


async def make_collection(scene: Scene, name: str) -> None:
    """A collection of the joint space."""
    async with AsyncClient(scene.address, token=scene.token or None) as client:
        await client.create_collection(name, "joint")


async def prepare(scene: Scene) -> None:
    await make_collection(scene, "joint")
    made(await _ingest(scene, "joint", "a text about rivers"))


async def _ingest(scene: Scene, collection: str, text: str) -> Outcome:
    section = content_pb2.Section(id="s", content=content_pb2.Content(text=text))
    request = answer_pb2.IngestItemsRequest(
        collection=collection,
        items=[content_pb2.Item(id="one", title="one", sections=[section])],
        long_texts=answer_pb2.LONG_TEXTS_TRUNCATE,
    )
    return await scene.stream(INGEST, request.SerializeToString(), first_error=statuses.of_ingest)


async def _write(scene: Scene, request: bytes, gzip: bool) -> Outcome:
    return await scene.stream(INGEST, request, gzip=gzip, first_error=statuses.of_ingest)


async def items(scene: Scene) -> Sequence[Outcome]:
    """200,000 items without a section."""
    request = answer_pb2.IngestItemsRequest(collection="joint").SerializeToString() + EMPTY_ITEM * 200_000
    return [await _write(scene, request, gzip) for gzip in (True, False)]


async def empty_sections(scene: Scene) -> Sequence[Outcome]:
    """200,000 items, each of one empty section."""
    request = answer_pb2.IngestItemsRequest(collection="joint").SerializeToString()
    request += EMPTY_SECTION * 200_000
    return [await _write(scene, request, gzip) for gzip in (True, False)]


async def query_parts(scene: Scene) -> Sequence[Outcome]:
    """10,000 parts in 70 kB."""
    parts = [answer_pb2.QueryPart(content=content_pb2.Content(text="a"))] * 10_000
    request = answer_pb2.RetrieveRequest(collection="joint", query=parts)
    return [await scene.call(RETRIEVE, request.SerializeToString())]


def _retrieval(**more: object) -> answer_pb2.RetrieveRequest:
    parts = [answer_pb2.QueryPart(content=content_pb2.Content(text="which river"))]
    return answer_pb2.RetrieveRequest(collection="joint", query=parts, **more)  # type: ignore[arg-type]  # fields


async def not_numbers(scene: Scene) -> Sequence[Outcome]:
    """NaN as a weight, and in the parameters of every method that a retrieval names."""
    method = report_pb2.Method(name="optimal_transport")
    method.parameters.update({"beta": float("nan")})
    routing = router_pb2.Routing(policy="static")
    routing.parameters.update({"x": float("nan")})
    weighted = _retrieval()
    weighted.query[0].weight = float("nan")
    asked = [
        weighted,
        _retrieval(options=query_pb2.QueryOptions(reranker=method)),
        _retrieval(routing=routing),
        _retrieval(routing=router_pb2.Routing(weights={"all-minilm-l6-v2": float("nan")})),
    ]
    return [await scene.call(RETRIEVE, one.SerializeToString()) for one in asked]


async def prepare_dots(scene: Scene) -> None:
    await make_collection(scene, "dots")


async def dots(scene: Scene) -> Sequence[Outcome]:
    """Stores 40 kB of dots, and asks for an answer from them."""
    stored = await _ingest(scene, "dots", DOTS)
    retrieval = _retrieval()
    retrieval.collection = "dots"
    request = answer_pb2.AnswerRequest(
        retrieval=retrieval,
        sampling=generator_pb2.SamplingParameters(max_tokens=2),
        grounding=generator_pb2.Grounding(abstain_below=0.0),
    )
    return [stored, await scene.stream(ANSWER, request.SerializeToString(), both=False)]


ATTACKS = (
    Attack("items", "Ingest of 200,000 empty items", items, prepare=prepare),
    Attack("sections", "Ingest of 200,000 items of one empty section", empty_sections, prepare=prepare),
    Attack("query parts", "Retrieve with 10,000 parts, 70 kB", query_parts, prepare=prepare),
    Attack(
        "not numbers",
        "Retrieve with NaN in weights and parameters",
        not_numbers,
        prepare=prepare,
        limit=False,
    ),
    Attack("dots", "40 kB of dots stored and answered from", dots, prepare=prepare_dots, may_answer=True),
)
