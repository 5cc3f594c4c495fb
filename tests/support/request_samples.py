"""Samples of the requests of RPCs."""

from __future__ import annotations

from typing import Any

from tieback.core.types.content import Content, RecogniseRequest
from tieback.core.types.encoding import CachePolicy, EncodePlan, EncodeRequest, SplitTextsRequest, Truncation
from tieback.core.types.fusion import FuseRequest, Role, Routing
from tieback.core.types.generation import CheckGroundingRequest, GenerateRequest, GroundingCheck
from tieback.core.types.heads import PredictRequest
from tieback.core.types.rerank import RerankCandidate, RerankRequest
from tieback_contract.answers import AnswerStyle
from tieback_contract.fusion import FusePart
from tieback_contract.generation import ChatMessage, ChatRole, Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

from support.contract_values import ENCODING, TEXT, TOKENS
from support.recognition_samples import PASSAGE

REQUESTS: list[Any] = [
    EncodeRequest("text", [TEXT], EncodePlan(64, truncation=Truncation.END), CachePolicy.BYPASS),
    EncodeRequest("text", [TEXT, TEXT], adapters=["owls", ""]),
    EncodeRequest("text", [TEXT, TEXT], adapters=["owls"]),
    SplitTextsRequest("text", ["one", "two"], 7, 0.0),
    SplitTextsRequest("text", ["one"]),
    FuseRequest([[FusePart(ENCODING, -0.5, 1)]], Role.DOCUMENT, Routing(policy="uniform"), per_region=True),
    RerankRequest(
        TEXT,
        [RerankCandidate("1", TOKENS, 0.5)],
        MethodChoice("best_pairs"),
        MethodChoice("reciprocal_rank"),
        "text",
        5,
        explain=True,
    ),
    RerankRequest(TEXT, []),
    RecogniseRequest([Content(Modality.IMAGE, b"\x89PNG")], "ocr", MethodChoice("shallow")),
    CheckGroundingRequest(
        [GroundingCheck("It rains.", [PASSAGE], [(0, 8)], "Does it rain?")], MethodChoice("verbatim")
    ),
    CheckGroundingRequest([]),
    GenerateRequest(
        "Why?",
        [PASSAGE],
        "small",
        SamplingParameters(max_tokens=9),
        Grounding(disabled=True),
        AnswerStyle.WRITE,
        [ChatMessage(ChatRole.USER, "Owls.")],
        "Be brief.",
    ),
    GenerateRequest("Why?"),
    PredictRequest("mood", [TEXT], 2, 3),
]
