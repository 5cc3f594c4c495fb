"""What the canned server finds, measures and writes: the same messages every time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from tieback.v1 import (
    answer_pb2,
    catalog_pb2,
    content_pb2,
    evidence_pb2,
    generator_pb2,
    index_pb2,
    query_pb2,
    report_pb2,
    router_pb2,
    vector_pb2,
)

SPACE = vector_pb2.SpaceRef(name="tiny", revision="r1", fingerprint="f1")
WIDTH = 8
TIMING = report_pb2.Timing(
    queue_us=100,
    prepare_us=200,
    compute_us=3000,
    total_us=3500,
    stages=[
        report_pb2.Stage(name="encode:tiny", begin_us=0, duration_us=1500),
        report_pb2.Stage(name="search", begin_us=1500, duration_us=2000),
    ],
)


def values_of(text: str) -> np.ndarray[Any, Any]:
    """What the space says of a text: as many ones as it has letters, at unit norm."""
    values = np.zeros(WIDTH, np.float32)
    values[: max(1, min(WIDTH, len(text)))] = 1
    return values / np.linalg.norm(values)


def tensor(values: np.ndarray[Any, Any], dtype: int) -> tuple[vector_pb2.Tensor, float]:
    if dtype == vector_pb2.DATA_TYPE_FLOAT16:
        data, scale = values.astype("<f2").tobytes(), 0.0
    elif dtype == vector_pb2.DATA_TYPE_INT8:
        scale = float(np.abs(values).max() / 127)
        data = np.round(values / scale).astype(np.int8).tobytes()
    elif dtype == vector_pb2.DATA_TYPE_BINARY:
        data, scale = np.packbits(values > 0).tobytes(), 0.0
    else:
        dtype, data, scale = vector_pb2.DATA_TYPE_FLOAT32, values.astype("<f4").tobytes(), 0.0
    return vector_pb2.Tensor(dtype=cast("vector_pb2.DataType", dtype), shape=values.shape, data=data), scale


def sparse_of(text: str, output: vector_pb2.OutputSpec) -> vector_pb2.SparseVector | None:
    """A term per letter, as heavy as the letter's place."""
    if vector_pb2.VECTOR_KIND_SPARSE not in output.kinds:
        return None
    letters = sorted(set(text))
    weights, _ = tensor(np.array([1 + text.index(one) for one in letters], np.float32), 0)
    return vector_pb2.SparseVector(
        space=SPACE,
        indices=[ord(one) for one in letters],
        weights=weights,
        terms=letters if output.terms else (),
    )


BOXES = vector_pb2.Boxes(xs=[0, 0.5], ys=[0, 0], widths=[1, 0.5], heights=[1, 1])
TIMES = vector_pb2.TimeRanges(begin_seconds=[0, 0.5], end_seconds=[1, 1.5])


def multi_vector(
    content: content_pb2.Content, output: vector_pb2.OutputSpec
) -> vector_pb2.MultiVector | None:
    """Two bytes each of a text, the whole and the right half of a picture, or two windows of a sound."""
    if vector_pb2.VECTOR_KIND_MULTI_VECTOR not in output.kinds:
        return None
    values, _ = tensor(np.eye(2, WIDTH, dtype=np.float32), vector_pb2.DATA_TYPE_FLOAT32)
    found = vector_pb2.MultiVector(space=SPACE, values=values)
    match content.WhichOneof("kind"):
        case "image":
            found.boxes.CopyFrom(BOXES)
        case "audio":
            found.time_ranges.CopyFrom(TIMES)
        case _:
            found.byte_spans.CopyFrom(vector_pb2.ByteSpans(begin_bytes=[0, 2], end_bytes=[2, 4]))
    return found


def space() -> catalog_pb2.Space:
    return catalog_pb2.Space(
        ref=SPACE,
        modalities=[content_pb2.MODALITY_TEXT, content_pb2.MODALITY_IMAGE, content_pb2.MODALITY_AUDIO],
        width=WIDTH,
        widths=[4, 8],
        kinds=[vector_pb2.VECTOR_KIND_DENSE, vector_pb2.VECTOR_KIND_MULTI_VECTOR],
        max_tokens=256,
        description="A tiny space.",
        license="Apache-2.0",
        binding="component",
        ready=True,
        precision="int8",
        drift=[catalog_pb2.Drift(measure="cosine, smallest", value=0.9934, float32_value=1)],
        blocks=[catalog_pb2.Block(space="tiny", width=4), catalog_pb2.Block(space="eyes", width=3)],
        projections=["eyes -> tiny (affine)"],
        binding_revision="0123456789ab",
        layers=[2, 4],
        reductions=[
            catalog_pb2.MeasuredReduction(method="pitome", ratio=0.9, speed=1.4, lost=0.004, served=True)
        ],
    )


def hit() -> index_pb2.Hit:
    made = index_pb2.Hit(
        item_id="tides.md",
        item_title="Tides",
        section_id="2",
        section_title="Why the sea moves",
        modality=content_pb2.MODALITY_TEXT,
        text="Twice a day the water rises and falls. The moon pulls the sea towards it, and the sun helps.",
        uri="tides.md",
        score=0.75,
        vector_score=0.75,
        pieces=[
            index_pb2.FoundPiece(section_id="2-2", text="The sun helps.", score=0.5, relevance=0.4),
            index_pb2.FoundPiece(
                section_id="2-3", text="See below.", score=0.1, relevance=0.02, below_floor=True
            ),
        ],
    )
    made.metadata["year"].number_value = 1687
    made.metadata["path"].string_value = "tides.md"
    return made


def photo() -> index_pb2.Hit:
    """A hit that was found by a part of it."""
    return index_pb2.Hit(
        item_id="beach.jpg",
        item_title="Beach",
        modality=content_pb2.MODALITY_IMAGE,
        text="seashore",
        score=0.5,
        vector_score=0.5,
        region=vector_pb2.Box(x=0.5, y=0, width=0.5, height=0.5),
    )


PLAN = answer_pb2.RetrievalPlan(
    options=query_pb2.QueryOptions(
        hybrid=True,
        balance_modalities=False,
        rank_fusion=report_pb2.Method(name="standard_scores"),
        reranker=report_pb2.Method(name="none"),
        candidates=10,
        collapse_pieces=True,
        query_expansion=report_pb2.Method(name="none"),
        ranker=report_pb2.Method(name="none"),
        vector_search=report_pb2.Method(name="nearest"),
    ),
    first_modality=content_pb2.MODALITY_IMAGE,
    relevance_floor=0.1,
)


def retrieval() -> answer_pb2.RetrieveResponse:
    return answer_pb2.RetrieveResponse(
        hits=[
            answer_pb2.RetrievedHit(
                hit=hit(), search_score=0.6, search_rank=2, rerank_score=0.75, relevance=0.9
            ),
            answer_pb2.RetrievedHit(
                hit=photo(), search_score=0.5, search_rank=1, relevance=0.05, below_floor=True
            ),
        ],
        routing=router_pb2.RoutingExplanation(
            policy="uniform",
            weights=[
                router_pb2.SpaceWeight(space="tiny", weight=0.75),
                router_pb2.SpaceWeight(space="other", weight=0.25),
            ],
            entropy=0.56,
            missing=["third"],
            missing_reasons={"third": "late"},
            expected_recall_loss=4.2,
            degraded=True,
            binding="0123456789ab",
            modality="image+text",
            fallback="no router knows image: equal weights",
            projections=["eyes -> tiny (class names)"],
            imputed={"third": "ridge"},
        ),
        labels=[content_pb2.Label(name="seashore", index=978, probability=0.8)],
        timing=TIMING,
        plan=PLAN,
    )


def explained() -> answer_pb2.RetrieveResponse:
    """What was found, with the steps of the search and what they made of the first hit."""
    found = retrieval()
    left = report_pb2.DroppedSection(item_id="waves.md", section_id="4", score=0.25)
    found.timing.stages.add(
        name="vector_search", within="search", begin_us=2000, duration_us=500, structure="graph"
    )
    found.timing.stages.add(
        name="merge",
        within="search",
        begin_us=2500,
        duration_us=1000,
        queue_us=300,
        candidates_in=1300,
        candidates_out=2,
        dropped=[report_pb2.Dropped(reason="depth", count=1298, best=[left])],
    )
    said = found.steps.add(stage="merge", hits=[0], scores=[0.6], normalised=[0.8], ranks=[2], kept=[1])
    said.reasons.extend(["vector_alone", "both"])
    found.steps.add(
        stage="rerank", hits=[0], scores=[math.nan], ranks=[0], kept=[0], reasons=["not_compared"]
    )
    return found


def generation(prompt: str) -> Iterator[generator_pb2.GenerateResponse]:
    if prompt == "unanswerable":
        yield generator_pb2.GenerateResponse(
            abstention=evidence_pb2.Abstention(
                reason=evidence_pb2.ABSTENTION_REASON_WEAK_EVIDENCE,
                score=0.1,
                threshold=0.3,
                message="nothing that was found bears on the question",
            )
        )
        reason = generator_pb2.FINISH_REASON_ABSTAINED
    else:
        for piece in ("The moon ", "moves it."):
            yield generator_pb2.GenerateResponse(text=generator_pb2.TextDelta(text=piece))
        span = vector_pb2.TextSpan(begin_byte=0, end_byte=18)
        yield generator_pb2.GenerateResponse(
            claim=evidence_pb2.Claim(id=1, span=span, text="The moon moves it.")
        )
        place = evidence_pb2.CitedPlace(
            item_id="tides.md",
            section_id="2",
            text_span=vector_pb2.TextSpan(begin_byte=39, end_byte=73),
        )
        yield generator_pb2.GenerateResponse(
            citation=evidence_pb2.Citation(claim_id=1, evidence_id="1", place=place, support=0.9)
        )
        yield generator_pb2.GenerateResponse(
            verdict=evidence_pb2.Verdict(
                claim_id=1, label=evidence_pb2.VERDICT_LABEL_SUPPORTED, score=0.9, checker="overlap"
            )
        )
        if prompt == "breaks":
            return
        reason = generator_pb2.FINISH_REASON_END
    yield generator_pb2.GenerateResponse(
        finish=generator_pb2.Finish(
            reason=reason,
            model="writer",
            prompt_tokens=40,
            completion_tokens=5,
            timing=TIMING,
            first_token_us=1200,
            style=generator_pb2.ANSWER_STYLE_WRITE,
        )
    )
