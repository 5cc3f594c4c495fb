"""The encoder as the peers' Python models hold it: a tokeniser, one session, and nothing around them.

It runs in the peers' own environments, which know nothing of tieback; the session's options are tieback's.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

BATCH, GATHERED = int(os.environ.get("PEER_BATCH", "32")), int(os.environ.get("PEER_GATHERED", "32"))
WINDOW_SECONDS = float(os.environ.get("PEER_WINDOW", "0.002"))
SORTS = os.environ.get("PEER_SORTS") == "1"
QUEUE, DEADLINE_SECONDS = int(os.environ.get("PEER_QUEUE", "0")), float(os.environ.get("PEER_DEADLINE", "0"))


class BareEncoder:
    """Texts in, vectors out, in batches of at most `BATCH`, each padded to its longest.

    They are in the order of arrival, or where `SORTS` says so by length, as a model that knows what padding
    costs would be written.
    """

    def __init__(self, graph: Path, tokenizer: Path, max_tokens: int) -> None:
        self._session = onnxruntime.InferenceSession(str(graph), one_thread(), ["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.no_padding()  # the file may ask for a fixed length

    @classmethod
    def from_environment(cls) -> BareEncoder:
        """The model that the benchmark named when it started the server."""
        graph, tokenizer = Path(os.environ["PEER_GRAPH"]), Path(os.environ["PEER_TOKENIZER"])
        return cls(graph, tokenizer, int(os.environ["PEER_MAX_TOKENS"]))

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Normalised vectors `[n, width]`."""
        ids = [one.ids for one in self._tokenizer.encode_batch_fast(list(texts))]
        order = sorted(range(len(ids)), key=lambda at: len(ids[at])) if SORTS else list(range(len(ids)))
        batches = [order[begin : begin + BATCH] for begin in range(0, len(order), BATCH)]
        computed = [self._batch([ids[at] for at in batch]) for batch in batches]
        vectors = computed[0] if len(computed) == 1 else np.concatenate(computed)
        if not SORTS:
            return vectors
        unsorted = np.empty_like(vectors)
        unsorted[order] = vectors
        return unsorted

    def of_requests(self, requests: Sequence[Sequence[str]]) -> list[NDArray[np.float32]]:
        """The vectors of several requests, computed together: what a batcher of requests hands over."""
        vectors = self([text for request in requests for text in request])
        return np.split(vectors, np.cumsum([len(request) for request in requests])[:-1])

    def _batch(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask}
        vectors: NDArray[np.float32] = self._session.run(["dense"], inputs)[0]
        return vectors


def one_thread() -> onnxruntime.SessionOptions:
    """One thread that does not spin."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options
