from tieback.v1 import annotations_pb2 as _annotations_pb2
from tieback.v1 import evidence_pb2 as _evidence_pb2
from tieback.v1 import report_pb2 as _report_pb2
from tieback.v1 import vector_pb2 as _vector_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Repair(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPAIR_UNSPECIFIED: _ClassVar[Repair]
    REPAIR_NONE: _ClassVar[Repair]
    REPAIR_DROP: _ClassVar[Repair]
    REPAIR_REWRITE: _ClassVar[Repair]

class AnswerStyle(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANSWER_STYLE_UNSPECIFIED: _ClassVar[AnswerStyle]
    ANSWER_STYLE_AUTO: _ClassVar[AnswerStyle]
    ANSWER_STYLE_QUOTE: _ClassVar[AnswerStyle]
    ANSWER_STYLE_WRITE: _ClassVar[AnswerStyle]

class ChatRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHAT_ROLE_UNSPECIFIED: _ClassVar[ChatRole]
    CHAT_ROLE_USER: _ClassVar[ChatRole]
    CHAT_ROLE_ASSISTANT: _ClassVar[ChatRole]

class AnswerAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANSWER_ACTION_UNSPECIFIED: _ClassVar[AnswerAction]
    ANSWER_ACTION_ANSWER: _ClassVar[AnswerAction]
    ANSWER_ACTION_ITEM: _ClassVar[AnswerAction]
    ANSWER_ACTION_SEARCH: _ClassVar[AnswerAction]
    ANSWER_ACTION_ABSTAIN: _ClassVar[AnswerAction]

class FinishReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINISH_REASON_UNSPECIFIED: _ClassVar[FinishReason]
    FINISH_REASON_END: _ClassVar[FinishReason]
    FINISH_REASON_LENGTH: _ClassVar[FinishReason]
    FINISH_REASON_STOP: _ClassVar[FinishReason]
    FINISH_REASON_ABSTAINED: _ClassVar[FinishReason]
    FINISH_REASON_ITEM: _ClassVar[FinishReason]
REPAIR_UNSPECIFIED: Repair
REPAIR_NONE: Repair
REPAIR_DROP: Repair
REPAIR_REWRITE: Repair
ANSWER_STYLE_UNSPECIFIED: AnswerStyle
ANSWER_STYLE_AUTO: AnswerStyle
ANSWER_STYLE_QUOTE: AnswerStyle
ANSWER_STYLE_WRITE: AnswerStyle
CHAT_ROLE_UNSPECIFIED: ChatRole
CHAT_ROLE_USER: ChatRole
CHAT_ROLE_ASSISTANT: ChatRole
ANSWER_ACTION_UNSPECIFIED: AnswerAction
ANSWER_ACTION_ANSWER: AnswerAction
ANSWER_ACTION_ITEM: AnswerAction
ANSWER_ACTION_SEARCH: AnswerAction
ANSWER_ACTION_ABSTAIN: AnswerAction
FINISH_REASON_UNSPECIFIED: FinishReason
FINISH_REASON_END: FinishReason
FINISH_REASON_LENGTH: FinishReason
FINISH_REASON_STOP: FinishReason
FINISH_REASON_ABSTAINED: FinishReason
FINISH_REASON_ITEM: FinishReason

class SamplingParameters(_message.Message):
    __slots__ = ("max_tokens", "temperature", "top_p", "top_k", "seed", "stop", "strategy", "min_p", "repetition_penalty", "log_probabilities", "grammar", "prompt_lookup", "twin")
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    MIN_P_FIELD_NUMBER: _ClassVar[int]
    REPETITION_PENALTY_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    GRAMMAR_FIELD_NUMBER: _ClassVar[int]
    PROMPT_LOOKUP_FIELD_NUMBER: _ClassVar[int]
    TWIN_FIELD_NUMBER: _ClassVar[int]
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    seed: int
    stop: _containers.RepeatedScalarFieldContainer[str]
    strategy: _report_pb2.Method
    min_p: float
    repetition_penalty: float
    log_probabilities: int
    grammar: Grammar
    prompt_lookup: bool
    twin: bool
    def __init__(self, max_tokens: _Optional[int] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., top_k: _Optional[int] = ..., seed: _Optional[int] = ..., stop: _Optional[_Iterable[str]] = ..., strategy: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., min_p: _Optional[float] = ..., repetition_penalty: _Optional[float] = ..., log_probabilities: _Optional[int] = ..., grammar: _Optional[_Union[Grammar, _Mapping]] = ..., prompt_lookup: _Optional[bool] = ..., twin: _Optional[bool] = ...) -> None: ...

class Grammar(_message.Message):
    __slots__ = ("json_schema", "regex", "lark")
    JSON_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    REGEX_FIELD_NUMBER: _ClassVar[int]
    LARK_FIELD_NUMBER: _ClassVar[int]
    json_schema: str
    regex: str
    lark: str
    def __init__(self, json_schema: _Optional[str] = ..., regex: _Optional[str] = ..., lark: _Optional[str] = ...) -> None: ...

class Grounding(_message.Message):
    __slots__ = ("checker", "abstain_below", "disabled", "answerability", "repair", "soft_prompt", "evidence_tokens", "decision")
    CHECKER_FIELD_NUMBER: _ClassVar[int]
    ABSTAIN_BELOW_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    ANSWERABILITY_FIELD_NUMBER: _ClassVar[int]
    REPAIR_FIELD_NUMBER: _ClassVar[int]
    SOFT_PROMPT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    checker: _report_pb2.Method
    abstain_below: float
    disabled: bool
    answerability: _report_pb2.Method
    repair: Repair
    soft_prompt: _report_pb2.Method
    evidence_tokens: int
    decision: _report_pb2.Method
    def __init__(self, checker: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., abstain_below: _Optional[float] = ..., disabled: _Optional[bool] = ..., answerability: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., repair: _Optional[_Union[Repair, str]] = ..., soft_prompt: _Optional[_Union[_report_pb2.Method, _Mapping]] = ..., evidence_tokens: _Optional[int] = ..., decision: _Optional[_Union[_report_pb2.Method, _Mapping]] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("model", "prompt", "evidence", "sampling", "grounding", "style", "history", "system")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    GROUNDING_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    model: str
    prompt: str
    evidence: _containers.RepeatedCompositeFieldContainer[_evidence_pb2.Evidence]
    sampling: SamplingParameters
    grounding: Grounding
    style: AnswerStyle
    history: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    system: str
    def __init__(self, model: _Optional[str] = ..., prompt: _Optional[str] = ..., evidence: _Optional[_Iterable[_Union[_evidence_pb2.Evidence, _Mapping]]] = ..., sampling: _Optional[_Union[SamplingParameters, _Mapping]] = ..., grounding: _Optional[_Union[Grounding, _Mapping]] = ..., style: _Optional[_Union[AnswerStyle, str]] = ..., history: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ..., system: _Optional[str] = ...) -> None: ...

class ChatMessage(_message.Message):
    __slots__ = ("role", "text")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    role: ChatRole
    text: str
    def __init__(self, role: _Optional[_Union[ChatRole, str]] = ..., text: _Optional[str] = ...) -> None: ...

class RewrittenQuestion(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Degraded(_message.Message):
    __slots__ = ("reason", "message", "model")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    model: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("text", "claim", "citation", "verdict", "abstention", "finish", "token_scores", "repaired", "conflict", "decision", "degraded", "rewritten")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    CITATION_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    ABSTENTION_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    TOKEN_SCORES_FIELD_NUMBER: _ClassVar[int]
    REPAIRED_FIELD_NUMBER: _ClassVar[int]
    CONFLICT_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    REWRITTEN_FIELD_NUMBER: _ClassVar[int]
    text: TextDelta
    claim: _evidence_pb2.Claim
    citation: _evidence_pb2.Citation
    verdict: _evidence_pb2.Verdict
    abstention: _evidence_pb2.Abstention
    finish: Finish
    token_scores: TokenScores
    repaired: Repaired
    conflict: _evidence_pb2.Conflict
    decision: Decision
    degraded: Degraded
    rewritten: RewrittenQuestion
    def __init__(self, text: _Optional[_Union[TextDelta, _Mapping]] = ..., claim: _Optional[_Union[_evidence_pb2.Claim, _Mapping]] = ..., citation: _Optional[_Union[_evidence_pb2.Citation, _Mapping]] = ..., verdict: _Optional[_Union[_evidence_pb2.Verdict, _Mapping]] = ..., abstention: _Optional[_Union[_evidence_pb2.Abstention, _Mapping]] = ..., finish: _Optional[_Union[Finish, _Mapping]] = ..., token_scores: _Optional[_Union[TokenScores, _Mapping]] = ..., repaired: _Optional[_Union[Repaired, _Mapping]] = ..., conflict: _Optional[_Union[_evidence_pb2.Conflict, _Mapping]] = ..., decision: _Optional[_Union[Decision, _Mapping]] = ..., degraded: _Optional[_Union[Degraded, _Mapping]] = ..., rewritten: _Optional[_Union[RewrittenQuestion, _Mapping]] = ...) -> None: ...

class ActionProbability(_message.Message):
    __slots__ = ("action", "probability")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    action: AnswerAction
    probability: float
    def __init__(self, action: _Optional[_Union[AnswerAction, str]] = ..., probability: _Optional[float] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("action", "probabilities", "method", "evidence_id", "item_id", "section_id")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    SECTION_ID_FIELD_NUMBER: _ClassVar[int]
    action: AnswerAction
    probabilities: _containers.RepeatedCompositeFieldContainer[ActionProbability]
    method: str
    evidence_id: str
    item_id: str
    section_id: str
    def __init__(self, action: _Optional[_Union[AnswerAction, str]] = ..., probabilities: _Optional[_Iterable[_Union[ActionProbability, _Mapping]]] = ..., method: _Optional[str] = ..., evidence_id: _Optional[str] = ..., item_id: _Optional[str] = ..., section_id: _Optional[str] = ...) -> None: ...

class TextDelta(_message.Message):
    __slots__ = ("text", "is_quoted")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    IS_QUOTED_FIELD_NUMBER: _ClassVar[int]
    text: str
    is_quoted: bool
    def __init__(self, text: _Optional[str] = ..., is_quoted: _Optional[bool] = ...) -> None: ...

class Repaired(_message.Message):
    __slots__ = ("span", "text", "label", "score")
    SPAN_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    span: _vector_pb2.TextSpan
    text: str
    label: _evidence_pb2.VerdictLabel
    score: float
    def __init__(self, span: _Optional[_Union[_vector_pb2.TextSpan, _Mapping]] = ..., text: _Optional[str] = ..., label: _Optional[_Union[_evidence_pb2.VerdictLabel, str]] = ..., score: _Optional[float] = ...) -> None: ...

class TokenScores(_message.Message):
    __slots__ = ("tokens",)
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedCompositeFieldContainer[ScoredToken]
    def __init__(self, tokens: _Optional[_Iterable[_Union[ScoredToken, _Mapping]]] = ...) -> None: ...

class ScoredToken(_message.Message):
    __slots__ = ("chosen", "alternatives")
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    chosen: TokenScore
    alternatives: _containers.RepeatedCompositeFieldContainer[TokenScore]
    def __init__(self, chosen: _Optional[_Union[TokenScore, _Mapping]] = ..., alternatives: _Optional[_Iterable[_Union[TokenScore, _Mapping]]] = ...) -> None: ...

class TokenScore(_message.Message):
    __slots__ = ("id", "text", "log_probability")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    id: int
    text: str
    log_probability: float
    def __init__(self, id: _Optional[int] = ..., text: _Optional[str] = ..., log_probability: _Optional[float] = ...) -> None: ...

class Twin(_message.Message):
    __slots__ = ("text", "reason", "completion_tokens")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    text: str
    reason: FinishReason
    completion_tokens: int
    def __init__(self, text: _Optional[str] = ..., reason: _Optional[_Union[FinishReason, str]] = ..., completion_tokens: _Optional[int] = ...) -> None: ...

class Finish(_message.Message):
    __slots__ = ("reason", "model", "prompt_tokens", "completion_tokens", "changed_tokens", "timing", "first_token_us", "style", "drafted_tokens", "accepted_tokens", "reused_tokens", "evidence_transforms", "twin", "soft_tokens")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_US_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    DRAFTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REUSED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_TRANSFORMS_FIELD_NUMBER: _ClassVar[int]
    TWIN_FIELD_NUMBER: _ClassVar[int]
    SOFT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    reason: FinishReason
    model: str
    prompt_tokens: int
    completion_tokens: int
    changed_tokens: int
    timing: _report_pb2.Timing
    first_token_us: int
    style: AnswerStyle
    drafted_tokens: int
    accepted_tokens: int
    reused_tokens: int
    evidence_transforms: _containers.RepeatedScalarFieldContainer[str]
    twin: Twin
    soft_tokens: int
    def __init__(self, reason: _Optional[_Union[FinishReason, str]] = ..., model: _Optional[str] = ..., prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., changed_tokens: _Optional[int] = ..., timing: _Optional[_Union[_report_pb2.Timing, _Mapping]] = ..., first_token_us: _Optional[int] = ..., style: _Optional[_Union[AnswerStyle, str]] = ..., drafted_tokens: _Optional[int] = ..., accepted_tokens: _Optional[int] = ..., reused_tokens: _Optional[int] = ..., evidence_transforms: _Optional[_Iterable[str]] = ..., twin: _Optional[_Union[Twin, _Mapping]] = ..., soft_tokens: _Optional[int] = ...) -> None: ...
