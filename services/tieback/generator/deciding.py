"""Decides what is done about a question, by what was found for it, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import numpy as np
from tieback_contract.answers import Decision
from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath
from tieback_contract.generation import Evidence
from tieback_contract.method_choice import MethodChoice

from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback.generator.evidence.passages import ReadEvidence
from tieback.generator.writing.prompting import EXCERPT_SENTENCES, GROUNDED, messages
from tieback.methods.answer_decision import ACTIONS, Found, decisions
from tieback.methods.decoding import PromptRequest
from tieback.models.language.model import LanguageModel

ASKS_A_MODEL = "hidden"
"""The parameter by which a method reads the state of a language model."""


def state_of(model: LanguageModel, evidence: ReadEvidence, question: str) -> Array:
    """The state of a language model behind question and excerpt, where its answer would begin `[width]`."""
    asked = PromptRequest(GROUNDED, question, tuple(evidence.excerpt(EXCERPT_SENTENCES)))
    tokens = model.prompt(messages(asked))[-model.context_tokens :]
    return np.asarray(model.decoder.states(tokens)[0])


Decide = Callable[[ReadEvidence, str], Decision]
"""What is decided about a question by what was read for it."""


class Deciders:
    """The methods that a server has: all that learn nothing, and the learned ones by their `states`.

    `asked` is the language model whose states were read in training, where it is in this process.
    """

    def __init__(self, states: Mapping[str, State] | None = None, asked: LanguageModel | None = None) -> None:
        self._states = dict(states or {})
        self._asked = asked

    def configured(self, choice: MethodChoice | None, field: FieldPath) -> Decide | None:
        """NotFound or InvalidInput, by the field, where the choice is wrong; None decides nothing."""
        if choice is None:
            return None
        name, parameters = choice.name, choice.parameters
        method = decisions.configure(name, parameters, field=field)
        state = self._states.get(name)
        if state is None and decisions.has_state(name):
            others = ", ".join(one for one in decisions.names() if not decisions.has_state(one))
            raise InvalidInput(
                f"{name} has learned nothing of the text space that is served; use {others}",
                field=field,
            )
        asked = self._asked if cast("partial[Array]", method).keywords.get(ASKS_A_MODEL) else None
        if asked is None and cast("partial[Array]", method).keywords.get(ASKS_A_MODEL):
            raise InvalidInput(
                "hidden reads the states of a language model in this process, and there is none that the "
                "decision was learned with; leave it out",
                field=field["parameters"][ASKS_A_MODEL],
            )

        def decide(evidence: ReadEvidence, question: str) -> Decision:
            hidden = None if asked is None else state_of(asked, evidence, question)
            found = Found(evidence.asked, evidence.passages, evidence.judgement, hidden)
            likely = method(found, state or {}).tolist()
            action = ACTIONS[likely.index(max(likely))]
            return Decision(action, dict(zip(ACTIONS, likely, strict=True)), name)

        return decide


def decided(decide: Decide, evidence: ReadEvidence, sources: Sequence[Evidence]) -> Decision:
    """The decision, with the passage that is nearest to the question."""
    decision = decide(evidence, evidence.asked.text)
    near = [float((one.vectors @ evidence.asked.vector).max(initial=-1.0)) for one in evidence.passages]
    nearest = sources[near.index(max(near))]
    return replace(decision, evidence_id=nearest.id, item_id=nearest.item_id, section_id=nearest.section_id)
