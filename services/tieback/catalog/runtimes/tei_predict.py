"""A classifier that another server runs, asked as Text Embeddings Inference is: `POST /predict`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from tieback.catalog.endpoint_options import ClassifierEndpoint, Request
from tieback.catalog.runtimes import Runtime


class TeiPredict(ClassifierEndpoint):
    """A classifier that another server runs, asked by `POST /predict` of Text Embeddings Inference.

    It is asked for logits, since the server takes every model for one of a single label.
    """

    gives_logits: ClassVar[bool] = True
    reads_pairs: ClassVar[bool] = True

    runtime: Literal["tei_predict"] = "tei_predict"

    def request(self, inputs: Sequence[Sequence[str]], *, cuts: bool) -> Request:
        """See `ClassifierEndpoint.request`."""
        body = {"inputs": [list(one) for one in inputs], "raw_scores": True, "truncate": cuts}
        return "/predict", body | self.extra

    def scores(self, answer: Any, labels: Sequence[str]) -> list[list[float]]:
        """See `ClassifierEndpoint.scores`."""
        rows = []
        for one in answer:
            found = {str(label["label"]): float(label["score"]) for label in one}
            if len(found) != len(labels):
                raise KeyError("other labels")
            rows.append([found[label] for label in labels])
        return rows


RUNTIME = Runtime("classifier", TeiPredict)
