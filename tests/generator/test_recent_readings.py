"""What was read of a question and a sentence is not read again."""

from __future__ import annotations

from contextvars import copy_context

from tieback.core.tenant import TENANT
from tieback.generator.evidence.answerability import RecentReadings


class Counting:
    """A reader that finds the length of both texts, and counts what it read."""

    def __init__(self) -> None:
        self.read: list[tuple[str, str]] = []

    def __call__(self, question: str, text: str) -> float:
        self.read.append((question, text))
        return float(len(question) + len(text))


def test_a_question_with_the_same_sentence_is_read_once() -> None:
    reader = Counting()
    readings = RecentReadings(reader)

    assert [readings("a", "bc"), readings("a", "bc"), readings("ab", "c")] == [3.0, 3.0, 3.0]
    assert reader.read == [("a", "bc"), ("ab", "c")]


def test_the_least_recently_used_is_read_again() -> None:
    reader = Counting()
    readings = RecentReadings(reader, most=2)
    for text in ("b", "c", "b", "d", "b", "c"):
        readings("a", text)

    assert [text for _, text in reader.read] == ["b", "c", "d", "c"]


def test_a_tenant_finds_nothing_that_another_one_asked() -> None:
    reader = Counting()
    readings = RecentReadings(reader)

    def ask(tenant: str) -> float:
        TENANT.set(tenant)
        return readings("a", "b")

    for tenant in ("one", "two", "one"):
        copy_context().run(ask, tenant)

    assert len(reader.read) == 2
