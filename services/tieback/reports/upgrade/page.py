"""The page of an upgrade. Everything that comes from a plan or a collection is escaped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape

from tieback.core.types.collection import StoredCollection
from tieback.core.types.operation import Json, OperationRecord
from tieback.reports import parts as frame
from tieback.reports.upgrade import sections


def page(collection: StoredCollection, plans: Sequence[OperationRecord]) -> str:
    """The page as HTML: of the newest plan where there is one, and of the upgrade under way.

    `plans` are operations of the kind "plan_upgrade" that have succeeded, the newest first.
    """
    title = f"tieback: an upgrade of {collection.name}"
    state = sections.state(collection)
    result: Json | None = plans[0].result if plans else None
    if result is None:
        introduction = (
            f"The collection <code>{escape(collection.name)}</code> has no plan. "
            "<code>tieback upgrade plan</code> makes one."
        )
        return frame.page(title, f"An upgrade of {collection.name}", introduction, [state])
    old, new = (sections.called(result[side]) for side in ("old_space", "new_space"))
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(plans[0].ended or plans[0].created))
    return frame.page(
        title,
        f"An upgrade of {collection.name}",
        f"From <code>{escape(old)}</code> to <code>{escape(new)}</code>, as planned on {made}. "
        f"<strong>Advice: {escape(str(result['advice']))}.</strong> {sections.sentence(result['reason'])}",
        [
            sections.worth(result),
            state,
            sections.curve(result),
            sections.policies(result),
            sections.matrix(result["matrix"]),
            sections.recall(result),
            sections.cost(result),
            sections.history(plans),
            sections.made_of(plans[0], result),
        ],
    )
