"""llama.cpp, by llama-cpp-python: a language model of a GGUF file in a process of its own, one thread.

There is no wheel of it: it is compiled for the processor that it runs on, as its makers advise, which takes
some minutes the first time.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.peers.environment import Environment
from benchmarks.peers.peer import PROGRAMS

ENVIRONMENT = Environment("llama_cpp", ("llama-cpp-python",))


@dataclass(frozen=True, slots=True)
class Answered:
    """Processor seconds of a prompt's reading with the first token, and of the others; the tokens."""

    read: float
    write: float
    tokens: Sequence[int]


@dataclass(frozen=True, slots=True)
class LlamaCpp:
    """A process that has loaded a model."""

    requests: IO[str]
    answers: IO[str]

    def ask(self, tokens: Sequence[int], count: int) -> Answered:
        """Reads a prompt and writes so many tokens greedily, whatever they are."""
        print(json.dumps({"tokens": list(tokens), "count": count}), file=self.requests, flush=True)
        line = self.answers.readline()
        if not line:
            raise SystemExit("llama.cpp ended without an answer")
        return Answered(**json.loads(line))


@contextlib.contextmanager
def loaded(model: Path, context_tokens: int) -> Iterator[LlamaCpp]:
    """The model of a GGUF file; it is installed where it is not. InstallError where that cannot be."""
    if not ENVIRONMENT.is_ready:
        print("llama.cpp: compiling it for this processor; this takes minutes", file=sys.stderr, flush=True)
        ENVIRONMENT.install()
    process = subprocess.Popen(
        [str(ENVIRONMENT.python), str(PROGRAMS / "llama_cpp_worker.py"), str(model), str(context_tokens)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield LlamaCpp(process.stdin, process.stdout)
    finally:
        process.kill()
        process.wait()
