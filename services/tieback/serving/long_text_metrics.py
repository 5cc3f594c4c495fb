"""Counts what became of texts that are longer than a space reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter
from tieback_contract.encodings import Truncated

from tieback.core.types.fusion import Role
from tieback.core.types.ingestion import IngestResult


class LongTextMetrics:
    """Sections that were split, and tokens that were not read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._split = Counter(
            "tieback_split_sections",
            "Sections that were split because they are longer than a space's window.",
            registry=registry,
        )
        self._tokens = Counter(
            "tieback_truncated_tokens",
            "Tokens beyond a space's window, which it did not read.",
            ("space", "role"),
            registry=registry,
        )

    def ingested(self, results: Iterable[IngestResult]) -> None:
        """Counts what was stored."""
        for result in results:
            self._split.inc(result.split_sections)
            self.cut_off(result.truncated, Role.DOCUMENT)

    def cut_off(self, truncated: Mapping[str, Truncated], role: Role) -> None:
        """Counts what was not read."""
        for space, one in truncated.items():
            self._tokens.labels(space, role.value).inc(one.tokens)
