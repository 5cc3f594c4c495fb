"""A sample of every value that the contract carries, and what converts them."""

from __future__ import annotations

import dataclasses
import importlib
import math
import pkgutil
from datetime import UTC, datetime
from typing import Any

import numpy as np
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass
from tieback.core import errors
from tieback.core.tenant import AccessLevel, CollectionKey, Principal, Share, TenantQuota
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import CategoricalFeatures, Content, TokenNumbers
from tieback.core.types.encoding import (
    CachePolicy,
    EncodePlan,
    EncodeReply,
    SplitPiece,
    SplitReply,
    Truncation,
)
from tieback.core.types.fusion import FuseReply, Routing
from tieback.core.types.generation import GroundingCheck
from tieback.core.types.ingestion import IngestResult
from tieback.core.types.rerank import FailedCandidate, RerankCandidate, RerankReply
from tieback.core.types.retrieval import QueryPart, RetrieveReply
from tieback.core.types.search import Reached, SearchReply
from tieback.serving import conversions
from tieback.serving.conversions.codec import reading, writing
from tieback_contract.answers import (
    Abstention,
    AbstentionReason,
    AnswerStyle,
    Finish,
    FinishReason,
    ScoredToken,
    TextDelta,
    TokenScore,
    TokenScores,
    Twin,
)
from tieback_contract.arrays import Box
from tieback_contract.claims import Citation, NotCheckedReason, Verdict, VerdictLabel
from tieback_contract.collections import Snapshot
from tieback_contract.encodings import AppliedAdapter, Encoding, Reduction, Truncated
from tieback_contract.field_path import at
from tieback_contract.fusion import Fused, IgnoredDimensions
from tieback_contract.generation import Evidence, Grounding, SamplingParameters
from tieback_contract.hits import Alignment, ReadIn, Reranked, RetrievedHit, SignalShare
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity, QueryOptions, RetrievalPlan
from tieback_contract.vectors import DType, SpaceRef, SparseVector, Vector, VectorKind

from support.collection_samples import (
    COLLECTIONS,
    FOLLOWING,
    MIXTURE,
    SECOND,
    SOURCE,
    SPACE,
    TOKEN_VECTORS,
    VECTOR,
)
from support.conflict_samples import CLAIMED, DISAGREEING
from support.contract_values import (
    ALIGNMENT,
    COST,
    DECISIONS,
    ENCODING,
    EXPANSION,
    EXPLAINED,
    HIT,
    ITEM,
    LABELS,
    LOCATORS,
    NO_ROWS,
    REGIONS,
    ROUTING,
    SHOWN,
    SPARSE,
    STEP,
    TEXT,
    TIMING,
    TOKENS,
    WINDOWS,
)
from support.query_plan_samples import PLAN, QUERY_OPTIONS
from support.recognition_samples import CITED, PASSAGE, RECOGNITION
from support.requests import retrieval, search_of

MADE = datetime(2023, 11, 14, 22, 13, 20, 500_000, UTC)
SAMPLES: dict[str, list[Any]] = {
    "indexed_section": [IndexedSection(VECTOR, "words", Modality.IMAGE, REGIONS)],
    "alignment": [ALIGNMENT, Alignment([])],
    "box": [Box(0.25, 0.5, 0.75, 0.5)],
    "cache": list(CachePolicy),
    "candidate": [RerankCandidate("1", TEXT, 0.5), RerankCandidate("2", TOKENS)],
    "collection": COLLECTIONS,
    "collection_source": [SOURCE],
    "content": [
        TEXT,
        Content(Modality.IMAGE, b"\x89PNG"),
        Content(Modality.AUDIO, b"RIFF"),
        Content(Modality.POINTS, np.ones((4, 3), np.float32)),
        *[
            Content(Modality.FEATURES, CategoricalFeatures.of({"genre": ["jazz", "blues"]})),
            Content(None, VECTOR),
        ],
        Content(Modality.TEXT, TokenNumbers(np.array([101, 2**32 - 1, 102], np.int64))),
    ],
    "cost": [COST],
    "sampling": [
        SamplingParameters(),
        SamplingParameters(9, 0.5, 0.25, 40, 0, ["E"], MethodChoice("dola", {"layers": [20, 25.5]}), 0.25, 2),
        SamplingParameters(min_p=0.25, log_probabilities=0, prompt_lookup=False, twin=True),
        *[SamplingParameters(json_schema="x"), SamplingParameters(regex="x"), SamplingParameters(lark="x")],
    ],
    "encode_reply": [
        EncodeReply([ENCODING, errors.InvalidInput("bad", field=at("contents", 1))], TIMING, COST)
    ],
    "encoding": [
        ENCODING,
        Encoding(SPACE, Modality.AUDIO),
        Encoding(
            SPACE,
            Modality.TEXT,
            VECTOR,
            layer=3,
            adapter=AppliedAdapter("owls", "ab12", {"owls": 0.75}),
        ),
        Encoding(SPACE, Modality.IMAGE, sparse=SPARSE, multi_vector=REGIONS),
    ],
    "event": [
        *[TextDelta("hé"), TextDelta("hé", is_quoted=True)],
        TokenScores(
            [
                ScoredToken(TokenScore(3, "a", -0.5), [TokenScore(4, "b", -0.25)]),
                ScoredToken(TokenScore(0, "", -2.0), []),
            ]
        ),
        *CLAIMED,
        *[CITED, Citation(1, "2", "one", "s", (3, 9), 0.5), Citation(1, "2", "one", "s", None, 0.5)],
        *[Verdict(1, one, 0.5, "a", why) for one in VerdictLabel for why in NotCheckedReason],
        Verdict(1, VerdictLabel.SUPPORTED, 0.5, "a", other_language=True),
        *DISAGREEING,
        *DECISIONS,
        *[Abstention(reason, 0.25, 0.5, "no") for reason in AbstentionReason],
        *[Finish(one, "m", 10, 5, 1, TIMING, 0.25, twin=Twin("b", one, 3)) for one in FinishReason],
        Finish(FinishReason.END, "m", 10, 5, 1, TIMING, 0.25, soft_tokens=2),
        *[
            Finish(FinishReason.END, "m", 10, 5, changed, TIMING, 0.25, AnswerStyle.QUOTE, 9, 7, 64, ["drop"])
            for changed in (None, 0)
        ],
    ],
    "evidence": [
        *[PASSAGE, Evidence("text", "1", "Title", "one", "s", "file:a", Modality.AUDIO, 0.5)],
        Evidence("text", "1", "Title", "one", "s", "file:a", Modality.IMAGE, 0.5, Box(0.25, 0.5, 0.75, 0.5)),
    ],
    **RECOGNITION,
    "check": [GroundingCheck("It rains.", [PASSAGE], [(0, 8)], "Does it rain?")],
    "explanation": [ROUTING],
    "fuse_reply": [
        FuseReply([Fused(VECTOR, ROUTING, LABELS), errors.SpaceMismatch("no")], TIMING),
        FuseReply([Fused(VECTOR, ROUTING, LABELS, REGIONS)], TIMING),
        FuseReply([Fused(VECTOR, ROUTING, ignored=[IgnoredDimensions(Modality.TEXT, 4, 9)])], TIMING),
    ],
    "decision": DECISIONS,
    "grounding": [
        Grounding(),
        Grounding(
            MethodChoice("lexical_embedding"), 0.0, True, MethodChoice("relevance", {"threshold": 0.3})
        ),
        Grounding(decision=MethodChoice("linear", {"hidden": True})),
        Grounding(soft_prompt=MethodChoice("aim", {"demonstrations": ["owls", "bridge"]}), evidence_tokens=7),
    ],
    "following": [FOLLOWING],
    "hit": [HIT, SHOWN, dataclasses.replace(HIT, read_in=ReadIn.TRANSLATED, own_score=0.75, trust=0.5)],
    "indexed_item": [
        IndexedItem(ITEM, [IndexedSection(VECTOR, "words", Modality.TEXT)]),
        IndexedItem(ITEM, [IndexedSection(VECTOR, "words", Modality.IMAGE, REGIONS)]),
        IndexedItem(ITEM, [IndexedSection(VECTOR, "words", Modality.TEXT, None, TOKENS)], FOLLOWING),
    ],
    "item": [ITEM],
    "locator": LOCATORS,
    "method": [MethodChoice("power", {"exponent": 3, "strict": True, "name": "x", "part": 0.5})],
    "mixture": [MIXTURE],
    "multi_vector": [TOKENS, REGIONS, WINDOWS, NO_ROWS],
    "output": [
        EncodePlan(),
        EncodePlan(batch_invariant=True, layer=3, condition="colour", adapter="owls"),
        EncodePlan(64, earliest_layer=2, reduction=Reduction("pitome")),
        EncodePlan(reduction=Reduction("pitome", 0.75)),
        EncodePlan(kinds=frozenset({VectorKind.SPARSE, VectorKind.MULTI_VECTOR}), terms=True),
        *[EncodePlan(128, dtype, frozenset({VectorKind.DENSE, VectorKind.MULTI_VECTOR})) for dtype in DType],
    ],
    "plan": [
        PLAN,
        RetrievalPlan(
            QueryOptions(
                hybrid=False,
                balance_modalities=False,
                reranker=MethodChoice("none"),
                candidates=0,
                collapse_pieces=False,
                query_expansion=MethodChoice("none"),
                diversity=0.0,
                hits_per_item=0,
                granularity=Granularity.SECTION,
                ranker=MethodChoice("none"),
                vector_search=MethodChoice("nearest"),
                every_copy=True,
            ),
            first_modality=Modality.IMAGE,
            fill_up=True,
        ),
    ],
    "reduction": [Reduction("pitome", 0.75), Reduction("pitome")],
    "rerank_reply": [
        RerankReply(
            [Reranked("1", 0.5, 0.25, 3, ALIGNMENT)],
            TIMING,
            COST,
            [FailedCandidate("2", 4, errors.InvalidInput("bad", field=at("candidates", 4, "score")))],
        )
    ],
    "rerank_source": [TEXT, Content(Modality.IMAGE, b"\x89PNG"), TOKENS, REGIONS, WINDOWS],
    "retrieval": [
        retrieval(
            "books",
            [QueryPart(TEXT, -0.5)],
            limit=5,
            filter="a = 1",
            routing=Routing("explicit", {"a": 1.0}),
            explain=True,
            candidates=40,
            reranker=MethodChoice("optimal_transport"),
            hybrid=True,
            balance_modalities=False,
            rank_fusion=MethodChoice("reciprocal_rank"),
            min_relevance=0.25,
            collapse_pieces=True,
            query_expansion=EXPANSION,
            diversity=0.5,
            hits_per_item=2,
            granularity=Granularity.DOCUMENT,
            ranker=MethodChoice("linear"),
            vector_search=MethodChoice("within", {"similarity": 0.5}),
            highlights=3,
            stages=[MethodChoice("condition", {"name": "colour"}), MethodChoice("upside_down")],
            every_copy=True,
            min_scores={"search": 0.25},
        ),
        retrieval("books", [QueryPart(TEXT)]),
    ],
    "search_request": [
        search_of(
            "books",
            vector=Vector(np.array([1.0, 0.5], np.float32), SPACE),
            text="moon",
            limit=5,
            filter="a = 1",
            explain=True,
            multi_vectors=True,
            token_vectors=True,
            vectors=True,
            signals=["window"],
            ignored=[IgnoredDimensions(one, 0, 2**31) for one in Modality],
            second=SECOND,
            first_modality=Modality.IMAGE,
            related_from=0.25,
            fill_up=True,
            balance_modalities=True,
            collapse_pieces=True,
            rank_fusion=MethodChoice("reciprocal_rank"),
            query_expansion=EXPANSION,
            diversity=0.5,
            hits_per_item=2,
            granularity=Granularity.DOCUMENT,
            vector_search=MethodChoice("within", {"similarity": 0.5}),
            highlights=3,
            every_copy=True,
        ),
    ],
    "query_options": QUERY_OPTIONS,
    "retrieve_reply": [
        RetrieveReply(
            [
                RetrievedHit(SHOWN, 0.5, 3, 0.25, ALIGNMENT, 0.125, True, [RetrievedHit(HIT, 0.5, 3)]),
                RetrievedHit(HIT, 0.5, 0, signals=[SignalShare("window", 0.5, -0.25)]),
            ],
            ROUTING,
            LABELS,
            TIMING,
            PLAN,
            steps=[STEP],
            mixture=MIXTURE,
        )
    ],
    "routing": [
        Routing(),
        Routing("explicit", {"a": 0.5}),
        Routing("top_k", {}, {"k": 3.0}),
        Routing(imputation=MethodChoice("skip")),
    ],
    "search_reply": [
        SearchReply([HIT], TIMING, steps=[STEP]),
        SearchReply([], TIMING, True, Reached(math.inf, 1.0)),
        SearchReply([], TIMING, reached=Reached(0.5, 0.75, 0.25)),
    ],
    "stage_scores": [STEP],
    "snapshot": [
        Snapshot("before", "books", SPACE, 384, 10, 20, 30, 4096, MADE, "0.2.0"),
        Snapshot("half", "", SpaceRef("", "", ""), 0, 0, 0, 0, 12, None, "", "its manifest is damaged"),
    ],
    "sparse": [SPARSE, SparseVector(np.zeros(0, np.int32), np.zeros(0, np.float32), SPACE, [])],
    "space": [SPACE],
    "timing": [TIMING, EXPLAINED],
    "split_reply": [
        SplitReply([[SplitPiece((0, 9), 3), SplitPiece((5, 12), 4)], errors.InvalidInput("bad")], 126, TIMING)
    ],
    "token_vectors": [TOKEN_VECTORS],
    "ingest_result": [
        IngestResult("a", None, 1, {"minilm": Truncated(2, 300, 128)}, 1, 2),
        IngestResult("b", errors.InvalidInput("bad", field=at("items", 0))),
    ],
    "truncation": list(Truncation),
    "usage": [
        Principal().usage(collections=1, items=2, bytes=3),
        Principal("acme", AccessLevel.READ, TenantQuota(1, 2, 3, 4.5)).usage(collections=0, items=0, bytes=0),
        Principal(
            "acme", shared={CollectionKey("globex", "docs"): Share(AccessLevel.WRITE, TenantQuota())}
        ).usage(collections=0, items=0, bytes=0),
    ],
    "vector": [
        VECTOR,
        Vector(np.array([1, -2], np.float16), SPACE, DType.FLOAT16),
        Vector(np.array([1, -2], np.int8), SPACE, DType.INT8, 0.5, True),
        Vector(np.array([255, 1], np.uint8), SPACE, DType.BINARY),
    ],
}
SAMPLES["answer_event"] = [*SAMPLES["retrieve_reply"], *SAMPLES["event"]]


# Of the values that have no functions of their own in the server, where the message has another name.
MESSAGES = {"collection": "Collection", "split_reply": "SplitTextsResponse", "usage": "Usage"}


def _message(name: str, kind: type) -> Any:
    found = MESSAGES.get(name, kind.__name__.replace("Reply", "Response"))
    return GetMessageClass(Default().FindMessageTypeByName(f"tieback.v1.{found}"))


def functions() -> dict[str, Any]:
    found = {}
    for module in pkgutil.iter_modules(conversions.__path__):
        loaded = importlib.import_module(f"{conversions.__name__}.{module.name}")
        found.update(
            {name: value for name, value in vars(loaded).items() if name.startswith(("read_", "write_"))}
        )
    for name, (one, *_) in SAMPLES.items():
        if f"read_{name}" not in found or f"write_{name}" not in found:
            message = _message(name, type(one))
            found[f"read_{name}"] = reading(type(one), message)
            found[f"write_{name}"] = writing(type(one), message)
    return found


FUNCTIONS = functions()
