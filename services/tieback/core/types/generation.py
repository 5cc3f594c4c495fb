"""A grounded answer: how it is asked for, and the events that it consists of."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from tieback_contract.answers import (
    Repair,
)
from tieback_contract.arrays import Box
from tieback_contract.claims import (
    Citation,
    Conflict,
    Verdict,
)
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.recognition import Segment


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


Checked = Citation | Verdict | Conflict
"""Results of the check of a claim."""


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
