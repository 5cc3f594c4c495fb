"""Judges whether evidence answers a question, before an answer is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tieback.core.errors import InvalidInput
from tieback.core.field_path import FieldPath
from tieback.core.state import State
from tieback.core.types.method_choice import MethodChoice
from tieback.methods.answerability import Judgement, answerabilities
from tieback.methods.grounding import Passage, Statement

LEARNED, WITHOUT_STATE = "question_alignment", "relevance"
"""The default method, and the one of a server without what that has learned."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A method of the family answerability with its parameters and its state.

    One that is `learned` reads the vectors of tokens.
    """

    judge: Callable[[Statement, Sequence[Passage]], Judgement]
    is_learned: bool


class Judges:
    """The methods that a server has: all that learn nothing, and the learned ones by their `states`."""

    def __init__(self, states: Mapping[str, State] | None = None) -> None:
        self._states = dict(states or {})
        self.default = MethodChoice(LEARNED if LEARNED in self._states else WITHOUT_STATE)

    def configured(self, choice: MethodChoice | None, field: FieldPath) -> Judge:
        """NotFound or InvalidInput, by the field, where the choice is wrong; None for the default."""
        name, parameters = (choice or self.default).name, (choice or self.default).parameters
        method = answerabilities.configure(name, parameters, field=field)
        state = self._states.get(name)
        is_learned = answerabilities.has_state(name)
        if state is None and is_learned:
            raise InvalidInput(
                f"{name} has learned nothing of the text space that is served; use {WITHOUT_STATE}",
                field=field,
            )

        def judge(question: Statement, passages: Sequence[Passage]) -> Judgement:
            return method(question, passages, state or {})

        return Judge(judge, is_learned)
