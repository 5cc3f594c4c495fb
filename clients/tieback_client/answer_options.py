"""How an answer is made: its style, how tokens are chosen, how it is held to the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tieback_contract.answers import Repair
from tieback_contract.method_choice import MethodLike


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
    json_schema: str | Mapping[str, object] | None = None
    """Write JSON that is valid under this JSON Schema."""
    regex: str = ""
    """Write text that matches this regular expression as a whole."""
    lark: str = ""
    """Write text of this context-free grammar, in the form of Lark."""


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
    context: str = ""
    """The name of a learned compression by which the model reads the evidence; empty for its text."""
    evidence_tokens: int = 0
    """Have the most relevant sentences of so many tokens in the prompt; 0 for the two most relevant."""
    demonstrations: Sequence[str] = ()
    """Ids of kept demonstrations (`Client.put_demonstration`), which the model reads before the evidence."""
