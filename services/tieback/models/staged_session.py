"""A graph in stages, each of which ends at a layer: a run goes no further than what is asked of it.

ONNX Runtime computes all of a graph, whichever of its outputs are fetched, so each stage is a graph of its
own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tieback.models.session import Hardware, Session


class StagedSession:
    """Runs graphs one after the other. A stage reads the inputs of all, and what the one before it gives."""

    def __init__(self, paths: Sequence[Path], hardware: Hardware, *, recurring_shapes: bool = False) -> None:
        self.stages = [Session(path, hardware, recurring_shapes=recurring_shapes) for path in paths]

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Any]) -> list[Any]:
        """As `Session.run`."""
        known = dict(inputs)
        for number, stage in enumerate(self.stages):
            missing = [name for name in outputs if name not in known]
            if not missing:
                break
            given = [name for name in missing if name in stage.outputs]
            if len(given) < len(missing):  # a later stage is needed, and what it reads
                later = self.stages[number + 1].inputs
                given += [name for name in later if name in stage.outputs and name not in given]
            found = stage.run(given, {name: known[name] for name in stage.inputs})
            known |= dict(zip(given, found, strict=True))
        return [known[name] for name in outputs]
