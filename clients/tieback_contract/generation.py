"""Requests for an answer: its passages, how tokens are chosen, and how it is held to the passages."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tieback_contract.answers import Repair
from tieback_contract.arrays import Box
from tieback_contract.method_choice import MethodChoice, MethodLike
from tieback_contract.modality import Modality
from tieback_contract.recognition import Segment
from tieback_contract.shapes import wire

PLAIN_DECODING = MethodChoice("plain")
"""The strategy where none is named."""


class ChatRole(enum.StrEnum):
    """Whose a message is."""

    USER = "user"
    """Of whoever asks."""
    ASSISTANT = "assistant"
    """An earlier answer."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """An earlier message of a conversation."""

    role: ChatRole
    """Whose it is."""
    text: str
    """The text that was said."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that an answer may rest on. A plain `str` does as well."""

    text: str
    """The passage."""
    id: str = ""
    """Names it in citations; empty for its ordinal."""
    title: str = ""
    """A heading for people."""
    item_id: str = ""
    """The item it comes from."""
    section_id: str = ""
    """The section within the item."""
    uri: str = ""
    """Address of the original."""
    modality: Modality = Modality.TEXT
    """Its modality."""
    score: float = 0.0
    """Its retrieval score."""
    region: Box | None = None
    """Where in the picture what was looked for is, of a picture that is known by its regions."""
    segments: Sequence[Segment] = ()
    """Of a picture or a sound: where parts of the text are in it, which citations of these parts have."""


class GrammarKind(enum.StrEnum):
    """The form that a grammar is written in; also the name of its field."""

    JSON_SCHEMA = "json_schema"
    REGEX = "regex"
    LARK = "lark"


class Grammar(NamedTuple):
    """A language that holds the answers that may be written."""

    kind: GrammarKind
    text: str


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """How the next token is chosen; what is left at 0 is the server's default or no limit."""

    max_tokens: int = 0
    """Write at most so many tokens."""
    temperature: float = 0.0
    """0 for greedy; otherwise the softmax temperature, up to 2."""
    top_p: float = 0.0
    """Sample from the smallest set with this probability."""
    top_k: int = 0
    """Sample from so many most probable tokens."""
    seed: int | None = None
    """Makes sampling repeatable."""
    stop: Sequence[str] = ()
    """End before any of these texts."""
    strategy: MethodLike | None = None
    """A method of the family "decoding", for instance ``"lol"`` or ``("lol", {"layer": 25})``."""
    min_p: float = 0.0
    """Sample from the tokens that are at least so many times as probable as the likeliest."""
    repetition_penalty: float = 0.0
    """Above 1, tokens that the prompt or the answer holds already become less likely."""
    log_probabilities: int | None = None
    """Also send each token's log-probability and so many alternatives; None for neither."""
    prompt_lookup: bool | None = None
    """Draft tokens from the prompt and the answer, which changes no answer. None for the default: on."""
    twin: bool = False
    """Also write what plain decoding writes, with the same seed and limits: `Finish.twin`."""
    json_schema: str | Mapping[str, object] | None = field(default=None, metadata=wire("grammar.json_schema"))
    """Write JSON that is valid under this JSON Schema."""
    regex: str | None = field(default=None, metadata=wire("grammar.regex"))
    """Write text that matches this regular expression as a whole."""
    lark: str | None = field(default=None, metadata=wire("grammar.lark"))
    """Write text of this context-free grammar, in the form of Lark."""

    @property
    def decoding(self) -> MethodChoice:
        """The strategy, plain decoding where none is named."""
        return PLAIN_DECODING if self.strategy is None else MethodChoice.of(self.strategy)

    @property
    def grammar(self) -> Grammar | None:
        """The grammar as it is sent; None where any text may be written."""
        for kind in GrammarKind:
            if (text := getattr(self, kind)) is not None:
                return Grammar(kind, text)
        return None


@dataclass(frozen=True, slots=True)
class Grounding:
    """How the answer is held to the evidence; None for the server's default."""

    checker: MethodLike | None = None
    """A method of the family "grounding" that checks claims."""
    abstain_below: float | None = None
    """Do not answer where the judge of answerability gives less than this, 0 to 1."""
    disabled: bool = False
    """Leave claims unchecked."""
    answerability: MethodLike | None = None
    """A method of the family "answerability" that judges whether the evidence answers the question."""
    decision: MethodLike | None = None
    """A method of the family "answer_decision" that decides to answer, to give the item itself, to ask for
    another search, or to abstain, see `Answer.decision`; None to leave it to the judge of answerability."""
    repair: Repair = Repair.NONE
    """What is done about claims that are written and unsupported or contradicted."""
    soft_prompt: MethodLike | None = None
    """The name of a learned artifact whose soft tokens the model reads before the question; None for none."""
    evidence_tokens: int = 0
    """Have the most relevant sentences of so many tokens in the prompt; 0 for the two most relevant."""
