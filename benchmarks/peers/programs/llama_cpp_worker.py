"""llama.cpp by its own C interface: reads prompts of tokens and writes after them, greedily, on one thread.

    python llama_cpp_worker.py MODEL.gguf CONTEXT

A line of standard input is a request `{"tokens": [...], "count": n}`, a line of standard output its answer:
processor seconds of reading, those of writing, and the tokens. What llama.cpp has read is forgotten between
requests. Nothing of Python runs between two tokens but the loop.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time

import llama_cpp

BATCH = 512  # llama.cpp's default


@llama_cpp.llama_log_callback
def _silent(_level: int, _text: bytes, _data: object) -> None:
    """Its log would be most of what is printed."""


def main(path: str, context_tokens: int) -> None:
    llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx, parameters.n_batch = context_tokens, BATCH
    parameters.n_threads = parameters.n_threads_batch = 1
    context = llama_cpp.llama_init_from_model(model, parameters)
    greedy = llama_cpp.llama_sampler_init_greedy()
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(_answered(context, greedy, asked["tokens"], asked["count"])), flush=True)


def _answered(context: object, greedy: object, tokens: list[int], count: int) -> dict[str, object]:
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    began = time.process_time()
    for begin in range(0, len(tokens), BATCH):
        _read(context, tokens[begin : begin + BATCH])
    written = [llama_cpp.llama_sampler_sample(greedy, context, -1)]
    read = time.process_time()
    while len(written) < count:
        _read(context, written[-1:])
        written.append(llama_cpp.llama_sampler_sample(greedy, context, -1))
    return {"read": read - began, "write": time.process_time() - read, "tokens": written}


def _read(context: object, tokens: list[int]) -> None:
    piece = (llama_cpp.llama_token * len(tokens))(*tokens)
    failed = llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(piece, len(tokens)))
    if failed:
        raise SystemExit(f"llama_decode failed with {failed}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
