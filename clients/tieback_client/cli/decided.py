"""What was decided about a question, for people."""

from __future__ import annotations

from rich.text import Text

from tieback_client.control_characters import in_a_line
from tieback_client.events import Answer


def asked_for(answer: Answer) -> str:
    """The title of the item that was decided on, or its id."""
    one = answer.decision
    hits = answer.retrieval.hits if answer.retrieval is not None else []
    titles = [found.hit.item_title for found in hits if one is not None and found.hit.item_id == one.item_id]
    return in_a_line(next(filter(None, titles), "") or (one.item_id if one is not None else ""))


def decided(answer: Answer) -> list[Text]:
    """How likely each action was, where a decision was asked for."""
    if answer.decision is None:
        return []
    likely = ", ".join(f"{action} {share:.2f}" for action, share in answer.decision.probabilities.items())
    return [Text(f"\nDecided by {answer.decision.method}: {likely}", style="dim")]
