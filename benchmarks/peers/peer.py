"""Peers: each is another server of the same encoder, started as its users start it.

Every peer gets what tieback gets: the same ONNX file, one worker with one thread that does not spin. Its own
dynamic batching is on, set up as a `Tuning` says.
"""

from __future__ import annotations

import contextlib
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.load.target import Target
from benchmarks.peers.environment import ROOT, Environment
from benchmarks.peers.process import Launch, started
from benchmarks.peers.tuning import TUNINGS, Tuning
from benchmarks.served import StartError

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Model:
    """The encoder that all serve: a graph with the outputs `dense` and `token_states`, and its tokeniser."""

    graph: Path
    tokenizer: Path
    max_tokens: int
    tuning: Tuning = TUNINGS[0]

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which `programs/bare_encoder.py` finds the model, and a server finds that."""
        return {
            "PEER_GRAPH": str(self.graph),
            "PEER_TOKENIZER": str(self.tokenizer),
            "PEER_MAX_TOKENS": str(self.max_tokens),
            "PYTHONPATH": str(PROGRAMS),
            **self.tuning.variables,
        }


class Peer(ABC):
    """Another server. `package` is the one whose version is the peer's."""

    name: ClassVar[str]
    package: ClassVar[str]
    requirements: ClassVar[tuple[str, ...]]
    batch_alone: ClassVar[bool] = False
    """Whether of a tuning it has the batch alone."""

    @property
    def environment(self) -> Environment:
        return Environment(self.name, self.requirements)

    @property
    def version(self) -> str:
        return self.environment.versions[self.package]

    @property
    def is_ready(self) -> bool:
        """Tell whether it is set up."""
        return self.environment.is_ready

    @property
    def megabytes(self) -> float:
        """Size of its environment on the disk."""
        return self.environment.megabytes

    def install(self) -> None:
        """Sets it up. InstallError where that cannot be."""
        self.environment.install()

    @contextlib.contextmanager
    def serve(
        self, graph: Path, tokenizer: Path, max_tokens: int, tuning: Tuning = TUNINGS[0]
    ) -> Iterator[Target]:
        """Runs the server until the block ends. The target is not open, and can be sent to another process.

        StartError where it is not set up, does not start, or does not answer.
        """
        if not self.is_ready:
            raise StartError(f"not set up; run: scripts/bench peers --only {self.name}")
        with tempfile.TemporaryDirectory(prefix="peer-") as folder:
            launch = self.launch(Path(folder), Model(graph, tokenizer, max_tokens, tuning))
            with started(launch, ROOT / "logs" / f"{self.name}.log"):
                yield launch.target

    @abstractmethod
    def launch(self, folder: Path, model: Model) -> Launch:
        """Command of the server on free ports. What it needs to read is written into the empty folder."""
