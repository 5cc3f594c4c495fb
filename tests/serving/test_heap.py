"""What a process begins to serve with costs its callers no garbage collections."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from support.adversarial import seconds
from tieback.serving.processes.server import keep_what_is_there


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


class Node:
    """A container that can hold itself."""

    def __init__(self) -> None:
        self.own: object = None


def test_a_full_collection_does_not_visit_what_was_there_at_the_start() -> None:
    kept = [[number] for number in range(500_000)]
    before = seconds(gc.collect)

    keep_what_is_there()

    assert kept
    assert seconds(gc.collect) < before / 5


def test_what_is_made_after_the_start_is_still_collected() -> None:
    keep_what_is_there()
    node = Node()
    node.own = node
    gone = weakref.ref(node)

    del node
    gc.collect()

    assert gone() is None
