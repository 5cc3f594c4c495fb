"""A grounded answer: how it is asked for, and the events that it consists of."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback.core.types.arrays import Box, TimeRange
from tieback.core.types.content import Modality
from tieback.core.types.conversation import RewrittenQuestion
from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.recognition import Segment
from tieback.core.types.report import Timing


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that an answer may rest on; `region` is where in a picture what was looked for is.

    `segments` say where parts of the text are in the picture or the sound.
    """

    id: str
    text: str
    title: str = ""
    item_id: str = ""
    section_id: str = ""
    uri: str = ""
    modality: Modality = Modality.TEXT
    score: float = 0.0
    region: Box | None = None
    segments: Sequence[Segment] = ()


class VerdictLabel(enum.StrEnum):
    """What a check of a claim found."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNSUPPORTED = "unsupported"
    NOT_CHECKED = "not_checked"
    LOW_CONFIDENCE = "low_confidence"


class NotCheckedReason(enum.StrEnum):
    """Why a claim was not checked."""

    NO_PASSAGES = "no_passages"
    STATES_NOTHING = "states_nothing"
    LANGUAGE = "language"
    TOO_LONG = "too_long"
    NO_TEXT = "no_text"
    LABELS_ALONE = "labels_alone"


class QuestionFit(enum.StrEnum):
    """Whether a claim can be an answer to a question."""

    ANSWERS = "answers"
    ECHO = "echo"
    OTHER_KIND = "other_kind"
    UNSURE = "unsure"
    LIKELY = "likely"


class ConflictKind(enum.StrEnum):
    """What two sentences say differently."""

    NUMBER = "number"
    DATE = "date"
    NAME = "name"
    NEGATION = "negation"
    STATEMENT = "statement"


class Disagreement(enum.StrEnum):
    """Kind of thing in which a claim and the passages disagree."""

    NUMBER = "number"
    DATE = "date"
    NAME = "name"
    NEGATION = "negation"
    NOT_MENTIONED = "not_mentioned"
    OTHER_SOURCE = "other_source"
    STATEMENT = "statement"


class AbstentionReason(enum.StrEnum):
    """Why no answer is given."""

    NO_EVIDENCE = "no_evidence"
    WEAK_EVIDENCE = "weak_evidence"
    UNSUPPORTED_ANSWER = "unsupported_answer"
    NO_ANSWER = "no_answer"
    SEARCH_AGAIN = "search_again"
    NOT_NAMED = "not_named"


class AnswerAction(enum.StrEnum):
    """What is done about a question, by what was found for it."""

    ANSWER = "answer"
    ITEM = "item"
    SEARCH = "search"
    ABSTAIN = "abstain"


class FinishReason(enum.StrEnum):
    """Why the text ended."""

    END = "end"
    LENGTH = "length"
    STOP = "stop"
    ABSTAINED = "abstained"
    ITEM = "item"


class AnswerStyle(enum.StrEnum):
    """How an answer is made of the evidence."""

    AUTO = "auto"
    QUOTE = "quote"
    WRITE = "write"


class Repair(enum.StrEnum):
    """What is done about a written claim that the passages do not support."""

    NONE = "none"
    DROP = "drop"
    REWRITE = "rewrite"


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of the answer; `is_quoted` if it is words of a passage, whose level its verdict has."""

    text: str
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement; `span` is in bytes of the answer's UTF-8 text."""

    id: int
    span: tuple[int, int]
    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """Ties a claim to a passage: bytes of its text, a place in its picture, or seconds of its sound."""

    claim_id: int
    evidence_id: str
    item_id: str
    section_id: str
    span: tuple[int, int] | None
    support: float
    region: Box | None = None
    time: TimeRange | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check; `reason` is why there was none.

    `answers_question` is None where there is no question. `nearest` is the place to read where nothing
    supports or contradicts the claim. `disagreement` is the kind of what is `marked`: spans of the claim, in
    bytes of the answer's UTF-8 text. `compared` is the sentence that says it otherwise, or that has it.
    `checker_revision` is that of what the checker has learned, or the server's release. With `other_language`
    question or claim are not in English, by which `answers_question` was made.
    """

    claim_id: int
    label: VerdictLabel
    score: float
    checker: str
    reason: NotCheckedReason | None = None
    answers_question: QuestionFit | None = None
    nearest: Citation | None = None
    disagreement: Disagreement | None = None
    marked: Sequence[tuple[int, int]] = ()
    compared: ConflictingPlace | None = None
    checker_revision: str = ""
    other_language: bool = False


@dataclass(frozen=True, slots=True)
class Repaired:
    """A claim that is not in the answer because the passages do not support it.

    `span` is what stands in its place, in bytes of the answer's UTF-8 text, empty where nothing does. `text`
    is as it was written, with the white space before it; `label` and `score` are its verdict.
    """

    span: tuple[int, int]
    text: str
    label: VerdictLabel
    score: float


@dataclass(frozen=True, slots=True)
class ConflictingPlace:
    """A sentence of a passage: its bytes there, its text, and the bytes of what it says differently.

    `differs` is None where it says nothing in that place, as a sentence without the other one's negation.
    """

    evidence_id: str
    item_id: str
    section_id: str
    span: tuple[int, int]
    differs: tuple[int, int] | None
    text: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Passages that disagree: what a claim rests on, and what another passage says."""

    claim_id: int
    kind: ConflictKind
    cited: ConflictingPlace
    other: ConflictingPlace


@dataclass(frozen=True, slots=True)
class Abstention:
    """The decision not to answer."""

    reason: AbstentionReason
    score: float
    threshold: float
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done about a question: the likeliest action, the probability of each, and the method.

    `item_id` and `section_id` are those of the passage that is nearest to the question, which is the item
    that is asked for where the action is ITEM; `evidence_id` names it.
    """

    action: AnswerAction
    probabilities: Mapping[AnswerAction, float]
    method: str
    evidence_id: str = ""
    item_id: str = ""
    section_id: str = ""


@dataclass(frozen=True, slots=True)
class Twin:
    """What plain decoding writes for the same request. Its claims are not checked."""

    text: str
    reason: FinishReason
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of an answer. `first_token` is in seconds from the request's arrival.

    `model` is empty where none wrote. `changed_tokens` is None where the decoding strategy does not read what
    plain decoding does.
    `drafted_tokens` were drafted from the prompt and the answer, `accepted_tokens` of them written.
    `reused_tokens` of the prompt were read for an earlier answer. `evidence_transforms` are what the strategy
    drew for the evidence of its other prompts. `twin` is there where it was asked for and the model wrote.
    `soft_tokens` of the prompt stand for sentences of the evidence, `demonstration_tokens` for
    demonstrations.
    """

    reason: FinishReason
    model: str
    prompt_tokens: int
    completion_tokens: int
    changed_tokens: int | None
    timing: Timing
    first_token: float
    style: AnswerStyle = AnswerStyle.WRITE
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    reused_tokens: int = 0
    evidence_transforms: Sequence[str] = ()
    twin: Twin | None = None
    soft_tokens: int = 0
    demonstration_tokens: int = 0


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A token and its natural log-probability, at least -1000."""

    id: int
    text: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """A token that was written, and the most probable ones in its place, best first."""

    chosen: TokenScore
    alternatives: Sequence[TokenScore] = ()


@dataclass(frozen=True, slots=True)
class TokenScores:
    """The scores of tokens, in the order in which they were written."""

    tokens: Sequence[ScoredToken]


@dataclass(frozen=True, slots=True)
class Degraded:
    """The answer is not made as it would be: why, in one word and in a sentence, and which model is away."""

    reason: str
    message: str
    model: str


Checked = Citation | Verdict | Conflict
"""Results of the check of a claim."""
GenerationEvent = (
    TextDelta
    | TokenScores
    | Claim
    | Checked
    | Repaired
    | Decision
    | Degraded
    | RewrittenQuestion
    | Abstention
    | Finish
)


class GrammarKind(enum.StrEnum):
    """The form that a grammar is written in; also the name of its field."""

    JSON_SCHEMA = "json_schema"
    REGEX = "regex"
    LARK = "lark"


@dataclass(frozen=True, slots=True)
class Grammar:
    """A language that holds the answers that may be written."""

    kind: GrammarKind
    text: str


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """How the next token is chosen. Temperature 0 is greedy; 0 elsewhere means no limit or the default.

    `log_probabilities` is how many alternatives are sent with each token's; None for none at all. `twin` asks
    for what plain decoding writes, beside a strategy's answer.
    """

    max_tokens: int = 0
    temperature: float = 0.0
    top_p: float = 0.0
    top_k: int = 0
    seed: int | None = None
    stop: Sequence[str] = ()
    strategy: MethodChoice = field(default_factory=lambda: MethodChoice("plain"))
    min_p: float = 0.0
    repetition_penalty: float = 0.0
    log_probabilities: int | None = None
    grammar: Grammar | None = None
    prompt_lookup: bool | None = None
    twin: bool = False


@dataclass(frozen=True, slots=True)
class Grounding:
    """How the answer is held to the evidence; None for the server's default.

    `context` names a learned compression by which the model reads the evidence; empty for its text.
    `evidence_tokens` are those of its most relevant sentences that stand in the prompt; 0 for the default.
    `demonstrations` are ids of kept ones, which are read before.
    """

    checker: MethodChoice | None = None
    abstain_below: float | None = None
    disabled: bool = False
    answerability: MethodChoice | None = None
    decision: MethodChoice | None = None
    repair: Repair = Repair.NONE
    context: str = ""
    evidence_tokens: int = 0
    demonstrations: Sequence[str] = ()
