"""Transformer text encoders that end at one of several layers, or run on fewer tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.catalog.precision import Precision
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import Prepared, RawEncoding
from tieback.models.reference import DENSE
from tieback.models.session import PROCESSOR, Graph, Hardware, Session
from tieback.models.store import ServedModel
from tieback.models.text.tokenization import TokenizedText
from tieback.models.text.transformer_text import GRAPHS, TOKENS, TransformerTextModel

from tieback_lab.catalog.runtimes.layered_text import LayeredText

RATIO = "ratio"


class LayeredTextModel(TransformerTextModel):
    """Runs a graph that is cut at the card's layers no further than the one that is asked.

    A token reduction has a graph of its own, which takes the `RATIO` too and gives `DENSE`.
    """

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        super().__init__(card, served, hardware)
        self._hardware = hardware
        self._reduced_graphs = {
            name: served.path(reduced_file(card.precision, name))
            for name in card.options_for(LayeredText).choices.served_reductions
        }
        self._reduced: dict[str, Session] = {}

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """As of any text encoder, where no tokens are merged."""
        if plan.reduction is None:
            return super().run(batch, plan)
        texts: list[TokenizedText] = [prepared.payload for prepared in batch]
        inputs = self.inputs(texts) | {RATIO: np.array(plan.reduction.ratio, np.float32)}
        (dense,) = self._reducing(plan.reduction.method).run([DENSE], inputs)
        return [RawEncoding(row) for row in dense[: len(texts)]]

    def outputs(self, plan: EncodePlan) -> tuple[str, str]:
        """Those of the plan's layer."""
        return at_layer(DENSE, plan.layer), at_layer(TOKENS, plan.layer)

    def _opened(self, served: ServedModel, hardware: Hardware) -> Graph:
        layers = self.card.options_for(LayeredText).layers
        if not layers:
            return super()._opened(served, hardware)
        stages = [served.path(stage_file(self.card.precision, layer)) for layer in layers]
        return StagedSession(stages, hardware, recurring_shapes=self._in_steps)

    def _reducing(self, method: str) -> Session:
        """The graph of a token reduction, loaded when it is first asked for: who never asks has no copy.

        How many tokens stay is known when they are compared, so none of its shapes comes again for sure.
        """
        session = self._reduced.get(method)
        if session is None:
            session = self._reduced[method] = Session(self._reduced_graphs[method], self._hardware)
        return session


# A graph in stages, each of which ends at a layer: a run goes no further than what is asked of it.
#
# ONNX Runtime computes all of a graph, whichever of its outputs are fetched, so each stage is a graph of
# its own.
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


def reduced_file(precision: Precision, reduction: str) -> str:
    """The file of the graph with a token reduction in a precision."""
    return GRAPHS[precision].replace("model.", f"model.{reduction}.", 1)


def stage_file(precision: Precision, layer: int) -> str:
    """The file of the part of a graph that ends at a layer."""
    return GRAPHS[precision].replace("model.", f"model.layer-{layer}.", 1)


def at_layer(output: str, layer: int | None) -> str:
    """The name of a graph's output at a layer; None for the last."""
    return output if layer is None else f"{output}.{layer}"
