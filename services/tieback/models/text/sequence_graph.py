"""A graph from token numbers, mask and maybe types of inputs to one output, with a row for each input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tieback_contract.arrays import Array

from tieback.models.reference import IDS, MASK
from tieback.models.session import Hardware, open_graph
from tieback.models.store import ServedModel
from tieback.models.text.transformer_text import GRAPH, SHORTEST, in_steps, padded

TYPES = "token_type_ids"


class SequenceGraph:
    """The graph of a model, whose inputs have `most` tokens at most."""

    def __init__(self, served: ServedModel, output: str, most: int, hardware: Hardware) -> None:
        self._output, self._most = output, most
        self._in_steps = hardware.provider == "cuda"
        self._session = open_graph(served, GRAPH, hardware, recurring_shapes=self._in_steps)

    @property
    def sizes(self) -> Sequence[int]:
        """Tokens of inputs whose cost is worth measuring, smallest first."""
        return sorted({min(SHORTEST << power, self._most) for power in range(self._most.bit_length())})

    def run(self, ids: Sequence[Array], types: Sequence[Array]) -> Any:
        """The output's rows of inputs by their token numbers and types `[n]`, padded to the longest."""
        numbers, mask = padded(ids)
        kinds, _ = padded(types)
        if self._in_steps:
            kinds, _ = in_steps(kinds, mask, self.sizes)
            numbers, mask = in_steps(numbers, mask, self.sizes)
        inputs = {IDS: numbers, MASK: mask, TYPES: kinds}
        (found,) = self._session.run([self._output], {name: inputs[name] for name in self._session.inputs})
        return found[: len(ids)]
