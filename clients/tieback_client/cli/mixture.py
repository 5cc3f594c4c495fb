"""How much of an answer was read in which space, in a line."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from tieback_contract.hits import Mixture


def between_spaces(mixture: Mixture | None) -> list[Any]:
    """One line of a collection that is between two spaces; none of another."""
    if mixture is None:
        return []
    read = {"old": mixture.old, "new": mixture.new, "translated": mixture.translated}
    counted = ", ".join(f"{count} {name}" for name, count in read.items() if count) or "none by its vector"
    told = f"Between two spaces, {mixture.done:.0%} upgraded. Hits read: {counted}."
    if mixture.translated:
        told += f" Trust {mixture.trust:.2f}."
    return [Text(told, style="yellow" if mixture.translated else "dim")]
