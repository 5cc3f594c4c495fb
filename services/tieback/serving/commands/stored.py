"""The choice of what the store has, in place of what a server serves by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tieback.models.store import Store
    from tieback.serving.plan import Plan


def options_for_stored(plan: Plan, store: Store) -> str:
    """The options of `tieback serve` that leave out what is not in the store.

    Empty where nothing is left out, or no encoder is there.
    """
    spaces = [card.name for card in plan.encoders if store.is_ready(card)]
    options = [f"--spaces {','.join(spaces)}"] if len(spaces) < len(plan.encoders) else []
    if plan.generator is not None and not store.is_ready(plan.generator):
        options.append("--generator none")
    return " ".join(options) if spaces else ""
