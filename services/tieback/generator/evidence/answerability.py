"""Judges whether evidence answers a question, before an answer is made."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tieback_contract.field_path import FieldPath
from tieback_contract.method_choice import MethodChoice

from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback.core.tenant import TENANT
from tieback.methods.answerability import Judgement, answerabilities, reads_quotes
from tieback.methods.answerability._candidates import candidates_of, features_of
from tieback.methods.grounding import Passage, Statement, words_of

# What a network that reads questions together with sentences has found lately.
#
# A question that is asked again mostly has the same quotes, and to read those takes longer than all else.
Reader = Callable[[str, str], float]
"""A question and sentences to the logit that they answer it."""

MOST = 8192
"""Readings that are kept, some 200 bytes each."""


class RecentReadings:
    """A reader that keeps what it has found, the least recently used dropped first. For any thread.

    Each tenant finds only its own, so that the time of an answer says nothing of others' questions.
    """

    def __init__(self, reader: Reader, most: int = MOST) -> None:
        self._reader = reader
        self._most = most
        self._kept: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def holds(self, question: str, text: str) -> bool:
        """Tell whether the reading is there."""
        return _key(question, text) in self._kept

    def __call__(self, question: str, text: str) -> float:
        """As the reader."""
        key = _key(question, text)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        found = self._reader(question, text)
        with self._lock:
            self._kept[key] = found
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


def _key(question: str, text: str) -> bytes:
    parts = (part.encode("utf-8", "surrogatepass") for part in (TENANT.get(), question, text))
    return hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).digest()


LEARNED, WITHOUT_STATE = ("question_reading", "question_alignment"), "relevance"
"""The default methods, the first that the server has a state of, and the one of a server without any."""

DECIDED_BY = "question_alignment"


@dataclass(frozen=True, slots=True)
class Judge:
    """A method of the family answerability with its parameters and its state.

    One that is `learned` reads the vectors of tokens; one that `reads_quotes` reads the sentences themselves,
    with a network, and no vectors: `unread` are the texts that it has not read with a question lately, and
    `read` reads one for the judgement that comes next.
    """

    judge: Callable[[Statement, Sequence[Passage]], Judgement]
    is_learned: bool
    reads_quotes: bool
    unread: Callable[[str, Sequence[Passage]], Sequence[str]] = lambda _, __: ()
    read: Reader = lambda _, __: 0.0


class Judges:
    """The methods that a server has: all that learn nothing, and the learned ones by their `states`; `reader`
    is the network of those that need one.
    """

    def __init__(self, states: Mapping[str, State] | None = None, reader: Reader | None = None) -> None:
        self._states = dict(states or {})
        self._reader = None if reader is None else RecentReadings(reader)
        self.default = MethodChoice(next((one for one in LEARNED if one in self._states), WITHOUT_STATE))

    @property
    def of_decisions(self) -> MethodChoice:
        """The default where something is decided: decisions are learned by its scores."""
        return MethodChoice(DECIDED_BY) if DECIDED_BY in self._states else self.default

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

        reader = self._reader if reads_quotes(name) else None

        def judge(question: Statement, passages: Sequence[Passage]) -> Judgement:
            if reader is not None:
                texts = candidates_of(question.text, passages)
                asked, is_named = words_of(question.text), not question.unnamed
                found = {
                    place: features_of(asked, words_of(text), reader(question.text, text), is_named=is_named)
                    for place, text in texts.items()
                }
                question = replace(question, readings=found)
            return method(question, passages, state or {})

        if reader is None:
            return Judge(judge, is_learned, reads_quotes=False)

        def unread(question: str, passages: Sequence[Passage]) -> Sequence[str]:
            texts = dict.fromkeys(candidates_of(question, passages).values())
            return [one for one in texts if not reader.holds(question, one)]

        return Judge(judge, is_learned=False, reads_quotes=True, unread=unread, read=reader)
