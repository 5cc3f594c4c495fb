"""Titles of items that are shown together: called alike, they have the part of their paths that differs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile


def told_apart(items: Sequence[tuple[str, str]]) -> list[str]:
    """The title of each item, of which the title and the id are given; its id where it has no title.

    Where others that are shown have the same title, "METADATA (click-8.1.dist-info)".
    """
    alike: dict[str, dict[str, None]] = {}
    for title, item_id in items:
        alike.setdefault(title, {}).setdefault(item_id)
    parts = {title: _differing(list(ids)) for title, ids in alike.items() if title and len(ids) > 1}
    return [
        f"{title} ({parts[title][item_id]})" if title in parts else title or item_id
        for title, item_id in items
    ]


def _differing(ids: Sequence[str]) -> dict[str, str]:
    """For each path, what it does not begin or end with as all others do."""
    paths = [one.split("/") for one in ids]
    begin = _alike(paths)
    end = _alike([path[::-1] for path in paths])
    cut = [path[begin : len(path) - end] for path in paths]
    if not all(cut):
        cut = [path[begin:] for path in paths] if min(map(len, paths)) > begin else paths
    return {item_id: "/".join(path) for item_id, path in zip(ids, cut, strict=True)}


def _alike(paths: Sequence[Sequence[str]]) -> int:
    """The parts that all paths begin with."""
    return sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False)))
