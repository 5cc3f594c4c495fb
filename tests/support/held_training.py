"""A training of an index's lists that is held in the middle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tieback.index.memory.collection import Memory
from tieback.index.vectors.ivf import InvertedVectors


@contextmanager
def held_training(memory: Memory) -> Iterator[None]:
    """Within the block the lists are being trained, in another thread; behind it they are there."""
    begun, let_go = threading.Event(), threading.Event()
    real = InvertedVectors.__init__

    def slow(self: InvertedVectors, *arguments: Any, **options: Any) -> None:
        begun.set()
        let_go.wait(10)
        real(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(InvertedVectors, "__init__", slow)
        training = threading.Thread(target=memory.train)
        training.start()
        try:
            assert begun.wait(10)
            yield
        finally:
            let_go.set()
            training.join()
