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

BATCH = 32


class BareEncoder:
    """Texts in, vectors out, in batches of at most 32 in order of arrival, each padded to its longest."""

    def __init__(self, graph: Path, tokenizer: Path, max_tokens: int) -> None:
        self._session = onnxruntime.InferenceSession(str(graph), one_thread(), ["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.enable_padding()

    @classmethod
    def from_environment(cls) -> BareEncoder:
        """The model that the benchmark named when it started the server."""
        graph, tokenizer = Path(os.environ["PEER_GRAPH"]), Path(os.environ["PEER_TOKENIZER"])
        return cls(graph, tokenizer, int(os.environ["PEER_MAX_TOKENS"]))

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Normalised vectors `[n, width]`."""
        batches = [self._batch(texts[begin : begin + BATCH]) for begin in range(0, len(texts), BATCH)]
        return batches[0] if len(batches) == 1 else np.concatenate(batches)

    def of_requests(self, requests: Sequence[Sequence[str]]) -> list[NDArray[np.float32]]:
        """The vectors of several requests, computed together: what a batcher of requests hands over."""
        vectors = self([text for request in requests for text in request])
        return np.split(vectors, np.cumsum([len(request) for request in requests])[:-1])

    def _batch(self, texts: Sequence[str]) -> NDArray[np.float32]:
        encodings = self._tokenizer.encode_batch_fast(list(texts))
        inputs = {
            "input_ids": np.array([one.ids for one in encodings], np.int64),
            "attention_mask": np.array([one.attention_mask for one in encodings], np.int64),
        }
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
