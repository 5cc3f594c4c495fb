"""Infinity: an HTTP server for embedding models, here with its Optimum engine on ONNX Runtime.

It tokenises, pools and normalises by itself, on a graph whose output is called `last_hidden_state`. So it
gets the same file cut back to its token states under that name: the encoder without the pooling. It sorts
what waits by length before it forms batches, so of a tuning it has the batch alone, and the limit of what may
wait, past which it answers 429; without one that is 32,000 texts.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.http_target import HttpTarget
from benchmarks.peers.peer import PROGRAMS, Model, Peer
from benchmarks.peers.process import Launch
from benchmarks.ports import free_ports

TOKEN_STATES, EXPECTED = "token_states", "last_hidden_state"
SERVED_AS = "encoder"


class InfinityTarget(HttpTarget):
    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        body = await self.post({"model": SERVED_AS, "input": list(texts), "encoding_format": "base64"})
        rows = [base64.b64decode(one["embedding"]) for one in json.loads(body)["data"]]
        return np.frombuffer(b"".join(rows), np.float32).reshape(len(texts), -1)


class Infinity(Peer):
    name = "infinity"
    package = "infinity-emb"
    batch_alone = True
    requirements = ("infinity-emb[optimum,server]", "onnxruntime", "tokenizers")

    def launch(self, folder: Path, model: Model) -> Launch:
        _write_folder(folder, model)
        [port] = free_ports(1)
        return Launch(
            [
                *(str(self.environment.python), str(PROGRAMS / "infinity_server.py"), "v2"),
                # Found in the folder it starts in: Optimum wants the graph's bare file name.
                *("--model-id", ".", "--served-model-name", SERVED_AS),
                *("--engine", "optimum", "--device", "cpu", "--pooling-method", "mean"),
                *(
                    "--batch-size",
                    str(model.tuning.batch),
                    "--no-bettertransformer",
                    "--onnx-disable-optimize",
                ),
                *("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
            ],
            folder,
            InfinityTarget(f"http://127.0.0.1:{port}/embeddings"),
            model.variables
            | ({"INFINITY_QUEUE_SIZE": str(model.tuning.queue)} if model.tuning.queue else {})
            | {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "HF_HOME": str(folder / "hub")},
        )


def _write_folder(folder: Path, model: Model) -> None:
    """The folder that Optimum reads: graph, tokeniser, and as much configuration as it needs."""
    import onnx  # of the extra "train", which listing the peers does not need
    import onnx.utils

    graph = onnx.load(model.graph)
    [states] = [output for output in graph.graph.output if output.name == TOKEN_STATES]
    width = states.type.tensor_type.shape.dim[2].dim_value
    cut = onnx.utils.Extractor(graph).extract_model([one.name for one in graph.graph.input], [TOKEN_STATES])
    for node in cut.graph.node:
        node.output[:] = [EXPECTED if name == TOKEN_STATES else name for name in node.output]
        node.input[:] = [EXPECTED if name == TOKEN_STATES else name for name in node.input]
    cut.graph.output[0].name = EXPECTED
    onnx.save(cut, folder / "model.onnx")
    shutil.copy(model.tokenizer, folder / "tokenizer.json")
    _write(
        folder / "config.json",
        {"model_type": "bert", "hidden_size": width, "max_position_embeddings": model.max_tokens},
    )
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": model.max_tokens,
            "pad_token": "[PAD]",
            "unk_token": "[UNK]",
            "model_input_names": ["input_ids", "attention_mask"],
        },
    )


def _write(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content))


PEER = Infinity()
