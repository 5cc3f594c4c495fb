"""What an upgrade keeps while it runs, and what it publishes at the end.

    work/chosen.json            the items in the order in which they are read, and what they were chosen for
    work/asked.safetensors      the vectors of both spaces for judged queries
    work/NUMBER.safetensors     the vectors of both spaces for a page of them
    work/fit-DIGEST/            a training, by its method and parameters
    (`tieback.operations.upgrades.fitting`) REVISION/                   a transform that was learned, as an
    artifact

are under the collection's folder. An operation that failed leaves its work for the next one; one that asks
for another space, other labels or another number of items begins anew.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load, save
from tieback_contract.arrays import Array

from tieback.artifacts import Artifact, stored
from tieback.core.durable_files import write_durably
from tieback.core.types.moving import Anchors, Asked

KEPT = 10
"""Transforms of a collection that are kept; older ones are removed."""
_CHOSEN, _ASKED = "chosen.json", "asked.safetensors"
_EARLIER = "earlier "


class Work:
    """The work in the folder of a collection. Its methods block."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._work = folder, folder / "work"

    @property
    def pages(self) -> int:
        """Pages of items that both spaces have encoded."""
        return len(list(self._work.glob("[0-9]*.safetensors")))

    def chosen(self, key: str) -> list[str] | None:
        """The items that were chosen for an equal request; None, with nothing left, where there are none."""
        try:
            known = json.loads((self._work / _CHOSEN).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        if known.get("key") == key:
            ids: list[str] = known["ids"]
            return ids
        self.remove()
        return None

    def choose(self, key: str, ids: Sequence[str], seed: int) -> list[str]:
        """Puts the items into any order, and keeps that."""
        order = np.random.default_rng(seed).permutation(len(ids))
        shuffled = [ids[place] for place in order]
        self._work.mkdir(parents=True, exist_ok=True)
        write_durably(self._work / _CHOSEN, json.dumps({"key": key, "ids": shuffled}).encode())
        return shuffled

    def add(self, page: Anchors, begin: int, seconds: float) -> None:
        """Keeps the next page, whose first item has the place `begin`, and how long it took."""
        arrays = _arrays(page) | {"items": page.items + begin}
        if page.words is not None and page.cut is not None:
            arrays |= {"words": page.words, "cut": page.cut.astype(np.uint8)}
        labels = json.dumps(list(page.labels))
        left_out, took = f"{page.left_out} {page.short}", f"{seconds} {page.seconds}"
        told = {"labels": labels, "left_out": left_out, "seconds": took}
        write_durably(self._page(self.pages), save(arrays, told))

    def anchors(self) -> tuple[Anchors, float]:
        """All pages as one, and the seconds that they took."""
        read = [_read(self._page(number)) for number in range(self.pages)]
        found = [page for page, _ in read]
        words = [page.words for page in found if page.words is not None]
        cut = [page.cut for page in found if page.cut is not None]
        every = Anchors(
            np.concatenate([page.old for page in found]),
            np.concatenate([page.new for page in found]),
            np.concatenate([page.items for page in found]),
            [label for page in found for label in page.labels],
            sum(page.left_out for page in found),
            sum(page.seconds for page in found),
            tuple(map(np.concatenate, zip(*(page.earlier for page in found), strict=True))),
            np.concatenate(words) if words else None,
            np.concatenate(cut).astype(bool) if cut else None,
            sum(page.short for page in found),
        )
        return every, sum(seconds for _, seconds in read)

    def asked(self) -> Asked | None:
        """The judged queries; None where they are not encoded yet."""
        path = self._work / _ASKED
        if not path.exists():
            return None
        found = load(path.read_bytes())
        return Asked(found["old"], found["new"], _earlier(found))

    def ask(self, asked: Asked) -> None:
        """Keeps the judged queries."""
        write_durably(self._work / _ASKED, save(_arrays(asked)))

    def training(self, name: str) -> Path:
        """The folder of a training."""
        return self._work / f"fit-{name}"

    def publish(self, transform: Artifact) -> str:
        """Keeps a transform beside the work, durably; its revision."""
        transform.save(self._folder)
        for folder in stored(self._folder)[:-KEPT]:
            if folder.name != transform.revision:
                shutil.rmtree(folder, ignore_errors=True)
        return transform.revision

    def remove(self) -> None:
        """Removes all of the work."""
        shutil.rmtree(self._work, ignore_errors=True)

    def _page(self, number: int) -> Path:
        return self._work / f"{number:05}.safetensors"


def _arrays(rows: Anchors | Asked) -> dict[str, Array]:
    earlier = {f"{_EARLIER}{number}": one for number, one in enumerate(rows.earlier)}
    return {"old": rows.old, "new": rows.new, **earlier}


def _earlier(arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    count = sum(name.startswith(_EARLIER) for name in arrays)
    return tuple(arrays[f"{_EARLIER}{number}"] for number in range(count))


def _read(path: Path) -> tuple[Anchors, float]:
    with safe_open(path, "np") as file:
        told = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    both, alone = map(float, told["seconds"].split())
    labels = json.loads(told["labels"])
    left_out, short = map(int, told["left_out"].split())
    rows = arrays["old"], arrays["new"], arrays["items"]
    of_texts = arrays.get("words"), arrays.get("cut")
    return Anchors(*rows, labels, left_out, alone, _earlier(arrays), *of_texts, short), both
