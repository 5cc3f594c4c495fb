"""A map of one space into another, and one back, in one state: what the maps after the fact share.

`into_old` maps what the new encoder says into the old space, `into_new` what is stored into the new one. The
second keeps more of what a search is worth (docs/upgrades.md).
"""

from __future__ import annotations

from tieback.core.state import Schema, State

INTO_OLD, INTO_NEW = "into_old.", "into_new."


def two_ways(schema: Schema) -> Schema:
    """The arrays of both maps, for those of one, whose sizes are "source" and "target"."""

    def of(prefix: str, source: str, target: str) -> dict[str, tuple[str, ...]]:
        called = {"source": source, "target": target}
        return {
            prefix + name: tuple(called.get(size, prefix + size) for size in sizes)
            for name, sizes in schema.items()
        }

    return of(INTO_OLD, "new", "old") | of(INTO_NEW, "old", "new")


def joined(into_old: State, into_new: State) -> State:
    """The states of both maps as one."""
    return {INTO_OLD + name: one for name, one in into_old.items()} | {
        INTO_NEW + name: one for name, one in into_new.items()
    }


def one_way(state: State, prefix: str) -> State:
    """The state of one of both maps."""
    return {name.removeprefix(prefix): one for name, one in state.items() if name.startswith(prefix)}
