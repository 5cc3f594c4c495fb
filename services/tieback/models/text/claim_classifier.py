"""A user's own checker: a transformer that reads evidence and a claim; the probabilities of outcomes.

See `catalog/checker_card.py` for what a card says of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array

from tieback.catalog.checker_card import CLAIM, EVIDENCE, QUESTION, CheckerCard
from tieback.catalog.claim_labels import OUTCOMES
from tieback.catalog.runtimes.claim_classifier import ClaimClassifier
from tieback.core.errors import StartupError
from tieback.models.reference import IDS, MASK
from tieback.models.session import PROCESSOR, Hardware, open_graph
from tieback.models.store import ServedModel, Store
from tieback.models.text.card_inputs import CardInputs
from tieback.models.text.sequence_graph import TYPES
from tieback.models.text.transformer_text import GRAPH, SHORTEST, TOKENIZER, in_steps, padded

PROBABILITIES = "probabilities"
SUPPORTED = OUTCOMES.index("supported")
SPARE = 2
"""Tokens of the room for evidence that are left free: two texts side by side can have one more than each."""


@dataclass(frozen=True, slots=True)
class ReadClaim:
    """One reading: a window of evidence, the claim, and the question where one was asked."""

    evidence: str
    claim: str
    question: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedClaim:
    """One input: token numbers, types, and which are the claim's `[n]`."""

    ids: Array
    types: Array
    claim: Array

    @property
    def tokens(self) -> int:
        """Its cost."""
        return len(self.ids)


class ClaimClassifierModel:
    """Runs the graph of a card: `IDS`, `MASK` and maybe `TYPES` `[batch, tokens]` to `PROBABILITIES`.

    Those are `[batch, outcomes]`, or `[batch, tokens, outcomes]` where tokens have labels.
    """

    def __init__(self, card: CheckerCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self._inputs = CardInputs.read(served.path(TOKENIZER))
        self._of_tokens = card.options_for(ClaimClassifier).head == "tokens"
        self._in_steps = hardware.provider == "cuda"
        self._session = open_graph(served, GRAPH, hardware, recurring_shapes=self._in_steps)
        if self.room("", "") < 1:
            raise StartupError(
                f"the inputs of the card {card.name} leave no room for evidence in its {card.max_tokens} "
                "max_tokens"
            )

    @property
    def sizes(self) -> Sequence[int]:
        """Tokens of inputs whose cost is worth measuring, smallest first."""
        most = self.card.max_tokens
        return sorted({min(SHORTEST << power, most) for power in range(most.bit_length())})

    def sample(self, tokens: int) -> PreparedClaim:
        """An input of that many tokens, whichever."""
        numbers = np.arange(tokens, dtype=np.int64) % self._inputs.vocabulary
        return PreparedClaim(numbers, np.zeros_like(numbers), np.ones(tokens, bool))

    def starts(self, text: str) -> Array:
        """The characters at which the tokens of a text begin `[tokens]`."""
        return self._inputs.starts(text)

    def room(self, claim: str, question: str) -> int:
        """Tokens of evidence that are read beside the claim; below 1 where the claim leaves none."""
        return self.card.max_tokens - self.prepare(ReadClaim("", claim, question)).tokens - SPARE

    def prepare(self, read: ReadClaim) -> PreparedClaim:
        """Tokenises texts, which were checked; for any thread. Evidence too long is cut at its end."""
        inputs, evidence = self.card.inputs_for(read.question), read.evidence
        while True:
            values = {EVIDENCE: evidence, CLAIM: read.claim, QUESTION: read.question}
            prepared = PreparedClaim(*self._inputs.fill(inputs, values))
            over = prepared.tokens - self.card.max_tokens
            if over <= 0 or not evidence:
                return prepared
            starts = self.starts(evidence)
            evidence = evidence[: int(starts[-over])] if over < len(starts) else ""

    def run(self, batch: Sequence[PreparedClaim]) -> list[Array]:
        """The probabilities of the outcomes `[outcomes]` of each input, padded to the longest."""
        ids, mask = padded([one.ids for one in batch])
        types, _ = padded([one.types for one in batch])
        if self._in_steps:
            types, _ = in_steps(types, mask, self.sizes)
            ids, mask = in_steps(ids, mask, self.sizes)
        inputs = {IDS: ids, MASK: mask, TYPES: types}
        (found,) = self._session.run([PROBABILITIES], {name: inputs[name] for name in self._session.inputs})
        rows = [np.asarray(row, np.float32) for row in found[: len(batch)]]
        if not self._of_tokens:
            return rows
        return [self._of_claim(row[: one.tokens][one.claim]) for one, row in zip(batch, rows, strict=True)]

    def _of_claim(self, tokens: Array) -> Array:
        """Of a claim by its tokens `[n, outcomes]`: it is as well supported as the least supported of them,
        and contradicted as the most contradicted; or their means.
        """
        if not len(tokens):
            return np.array([0.0, 0.0, 1.0], np.float32)
        if self.card.tokens == "mean":
            return np.asarray(tokens.mean(axis=0))
        supports = np.arange(tokens.shape[1]) == SUPPORTED
        return np.asarray(np.where(supports, tokens.min(axis=0), tokens.max(axis=0)))


def load_claim_classifier(
    card: CheckerCard, store: Store, hardware: Hardware = PROCESSOR
) -> ClaimClassifierModel:
    """The card's model. StartupError names the file that is wrong and how to pull it."""
    served = store.open(card)
    try:
        return ClaimClassifierModel(card, served, hardware)
    except (OSError, ValueError, KeyError) as error:
        raise StartupError(
            f"the model {card.name} cannot be loaded: {error}; run: tieback models pull {card.name}"
        ) from error
