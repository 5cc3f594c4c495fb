"""Photos found by words and words by photos, and what each ingredient of the binding adds."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback.joint.projecting import read
from tieback.joint.retrieval import score, similarities
from tieback.joint.space import Joint
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from benchmarks.binding import served, stored
from benchmarks.binding.data import Data
from benchmarks.binding.encoders import VIEWS, Encoders, Seen
from benchmarks.measures import OMNIBIND, average_precisions, chance_precision
from benchmarks.report import Report
from benchmarks.statistics import Floats, interval, paired

QUERY = "a photo of a {}"
TARGET = 0.58
SAME = 1e-4
DIRECTIONS = ("text → image", "image → text")


@dataclass(frozen=True)
class Precision:
    """Average precisions: of every name's search for photos, and of every photo's search for names."""

    photos: Floats
    names: Floats

    def of(self, direction: str) -> Floats:
        """Of one direction."""
        return self.photos if direction == DIRECTIONS[0] else self.names


class Photo(enum.StrEnum):
    """Vectors that stand for a photo."""

    WHOLE = "one vector"
    TOGETHER = "whole and parts in one vector"
    """As TIEBACK_REGIONS=together has it stored; a photo that asks is the whole, as it is there."""
    BEST = "whole + best part"
    """Ten vectors, as TIEBACK_REGIONS=each has it stored: the whole's score, and the best part's."""


Comparison = Callable[[Photo], Precision]
"""A way to compare texts with photos: what it finds, by what stands for a photo."""
Found = Mapping[tuple[str, Photo], Precision]


def measure(bound: JointSpaceArtifact, data: Data, encoders: Encoders, report: Report) -> None:
    """All that is measured on photos."""
    one = Crossing(bound, data, encoders)
    comparisons = one.comparisons()
    found = {(name, photo): compare(photo) for name, compare in comparisons.items() for photo in Photo}
    through_index = one.through_index()
    indexed: dict[str, object] = {
        "comparison": "joint, routed, through the index",
        "photo as": Photo.BEST,
        DIRECTIONS[0]: float(through_index.mean()),
        DIRECTIONS[1]: None,
    }
    report.table("COCO: mean average precision", [*_rows(found, data), indexed])
    _claim(found, report)
    sure = interval(through_index)
    report.claim(
        f"COCO {DIRECTIONS[0]} mAP, served: stored by its parts, found through the index",
        sure,
        "",
        f"> {TARGET:g}",
        note="the interval is drawn over names",
    )
    report.table("COCO: what each ingredient adds", _ablation(one, found))
    report.claim(
        "the router that is served scores as this evaluation does, largest difference",
        one.difference(), "", f"<= {SAME:g}",
    )  # fmt: skip


class Crossing:
    """Texts of names and views of photos, by every comparison."""

    def __init__(self, bound: JointSpaceArtifact, data: Data, encoders: Encoders) -> None:
        self.bound, self.data, self.encoders = bound, data, encoders
        self.texts = encoders.texts([QUERY.format(name) for name in data.names])
        self.seen: Seen = encoders.photos(data.photos)
        self.joint, self.router = Joint.of(bound), served.Joint(bound, encoders)
        self._texts = read(bound, self.texts)
        self._views = [
            read(bound, {name: vectors[:, view] for name, vectors in self.seen.dense.items()})
            for view in range(VIEWS)
        ]

    def comparisons(self) -> dict[str, Comparison]:
        """By name: as before there was a binding, each block alone, and the whole."""
        found = {f"class names: {name}": self.named([name]) for name in self.seen.named}
        found["class names, all summed"] = self.named(list(self.seen.named))
        for name in self.joint.names:
            alone = self.joint.into([name])
            if all(name in alone.project_inputs(of) for of in (self._texts, self._views[0])):
                found[f"block: {name}"] = self.by(alone, routed=False)
        found["joint, uniform"] = self.by(self.joint, routed=False)
        found["joint, routed"] = self.by(self.joint, routed=True)
        return found

    def named(self, spaces: Sequence[str]) -> Comparison:
        """By class names in these spaces, all alike; no regions of photos."""

        def compare(_: Photo) -> Precision:
            cosines = np.mean([self.texts[name] @ self.seen.named[name].T for name in spaces], axis=0)
            return self._precision(cosines, cosines.T)

        return compare

    def by(self, joint: Joint, *, routed: bool) -> Comparison:
        """By a binding, or a part of one."""

        def compare(photo: Photo) -> Precision:
            return self._precision(*self.scores(joint, routed=routed, photo=photo))

        return compare

    def scores(self, joint: Joint, *, routed: bool, photo: Photo) -> tuple[Array, Array]:
        """Names against photos, and photos against names."""
        texts = joint.project_inputs(self._texts)
        text_weights = joint.weights(Modality.TEXT, self._texts, routed=routed)
        by_view, shown_by_view = [], []
        for dense in self._views[: 1 if photo is Photo.WHOLE else VIEWS]:
            shown = joint.project_inputs(dense)
            weights = joint.weights(Modality.IMAGE, dense, routed=routed)
            photos_found, names_found = similarities(texts, shown), similarities(shown, texts)
            by_view.append((score(photos_found, text_weights), score(names_found, weights)))
            shown_by_view.append(shown)
        photos, names = (np.stack(one) for one in zip(*by_view, strict=True))
        if photo is Photo.WHOLE:
            return photos[0], names[0]
        if photo is Photo.TOGETHER:
            views = {block: np.stack([one[block] for one in shown_by_view]) for block in shown_by_view[0]}
            together = {block: unit_rows(one[0] + one[1:].mean(axis=0)) for block, one in views.items()}
            return score(similarities(texts, together), text_weights), names[0]
        return photos[0] + photos[1:].max(axis=0), names[0] + names[1:].max(axis=0)

    def through_index(self) -> Floats:
        """Average precisions of every name's search, with photos stored and found as a server does."""
        queries = self.router.queries(self.texts)
        return average_precisions(
            stored.scores(self.bound, self.data.photos, self.encoders, queries), self.data.shows
        )

    def difference(self) -> float:
        """Between these scores and those of the router's own vectors, one per photo."""
        own, whole = self.scores(self.joint, routed=True, photo=Photo.WHOLE), self.seen.whole()
        photos = self.router.queries(self.texts) @ self.router.documents(whole).T
        names = self.router.queries(whole) @ self.router.documents(self.texts).T
        plain = self.router.queries(self.texts, served.UNIFORM) @ self.router.documents(whole).T
        uniform = self.scores(self.joint, routed=False, photo=Photo.WHOLE)[0]
        pairs = ((photos, own[0]), (names, own[1]), (plain, uniform))
        return max(float(np.abs(one - other).max()) for one, other in pairs)

    def _precision(self, photos: Array, names: Array) -> Precision:
        return Precision(
            average_precisions(photos, self.data.shows), average_precisions(names, self.data.shows.T)
        )


def _rows(found: Found, data: Data) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {
            "comparison": "chance",
            "photo as": Photo.WHOLE,
            DIRECTIONS[0]: chance_precision(data.shows),
            DIRECTIONS[1]: chance_precision(data.shows.T),
        }
    ]
    for (name, photo), one in found.items():
        if photo is Photo.WHOLE or not name.startswith("class names"):
            row: dict[str, object] = {"comparison": name, "photo as": photo}
            for direction in DIRECTIONS:
                row[direction] = float(one.of(direction).mean())
            rows.append(row)
    return rows


def _claim(found: Found, report: Report) -> None:
    for direction in DIRECTIONS:
        single = _best(found, "class names: ", direction, Photo.WHOLE)
        for photo in reversed(Photo):
            if photo is Photo.TOGETHER and direction == DIRECTIONS[1]:
                continue  # a photo that asks is the whole: nothing new
            routed, uniform = (found[f"joint, {how}", photo].of(direction) for how in ("routed", "uniform"))
            alone = _best(found, "block: ", direction, photo)
            if direction == DIRECTIONS[0]:
                one = interval(routed)
                report.claim(
                    f"COCO {direction} mAP, routed, {photo}",
                    one,
                    "",
                    f"> {TARGET:g}",
                    note="the interval is drawn over names",
                )
            _difference(report, f"COCO {direction}, {photo}: routed less uniform", routed, uniform)
            _difference(
                report, f"COCO {direction}, {photo}: uniform less the best single space by class names",
                uniform, found[single, Photo.WHOLE].of(direction), single,
            )  # fmt: skip
            _difference(
                report, f"COCO {direction}, {photo}: uniform less the best single block",
                uniform, found[alone, photo].of(direction), alone,
            )  # fmt: skip


def _best(found: Found, kind: str, direction: str, photo: Photo) -> str:
    means = {
        name: float(one.of(direction).mean())
        for (name, shown), one in found.items()
        if name.startswith(kind) and shown is photo
    }
    return max(means, key=lambda name: means[name])


def _difference(report: Report, name: str, better: Floats, worse: Floats, other: str = "") -> None:
    """Held against 0 by the interval's lower end, which is to exclude it."""
    one = paired(better, worse)
    report.claim(
        f"{name}, lower end of the interval", one.low, "mAP", "> 0", low=one.low, high=one.high, of=OMNIBIND,
        note=f"the difference is {one.value:.4f}, paired by query{f'; the best is {other}' if other else ''}",
    )  # fmt: skip


def _ablation(one: Crossing, found: Found) -> list[dict[str, object]]:
    """From class names to the whole, one ingredient at a time."""
    bound = one.bound
    texts = [block.space.name for block in bound.blocks if block.modality is Modality.TEXT]

    steps: list[tuple[str, Precision | None]] = [
        ("class names, top ten, uniform", found["class names, all summed", Photo.WHOLE]),
        (
            "projections into the text blocks",
            one.by(one.joint.into(texts), routed=False)(Photo.WHOLE),
        ),
        ("+ the image block", found["joint, uniform", Photo.WHOLE]),
        ("+ routers", found["joint, routed", Photo.WHOLE]),
        ("+ parts of photos, in one vector", found["joint, routed", Photo.TOGETHER]),
        ("+ parts of photos, scored one by one", found["joint, routed", Photo.BEST]),
    ]
    rows: list[dict[str, object]] = []
    before: Precision | None = None
    for name, now in steps:
        row: dict[str, object] = {"step": name}
        for direction in DIRECTIONS:
            row[direction] = None if now is None else float(now.of(direction).mean())
            change = (
                None
                if now is None or before is None
                else now.of(direction).mean() - before.of(direction).mean()
            )
            row[f"{direction}, adds"] = None if change is None else float(change)
        rows.append(row)
        before = now or before
    return rows
