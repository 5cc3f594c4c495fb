"""Digits laid over photos: read from the salient part alone, and the photos from the common one (SepCLR).

The background are photos of DIR/classes/cifar10_train.npz at half their brightness, the target other ones
with a digit of DIR/classes/mnist_train.npz laid over, as the paper's authors make theirs. `tieback train
separate` (arXiv:2402.11928) learns both parts of the rows of a frozen encoder. Linear probes then learn the
digit, and the class of the photo, from each part of the target, and read them from the test photos and test
digits. A part should tell its own and no more. Beside it are the same without k-JEM, contrastive PCA
(Abid et al., 2018, arXiv:1709.06716), whose salient part are the first principal axes of the target's
covariance less that of the background some times, and whose common part are those of the background without
them, and the frozen rows. Of all, a third of the training pictures chooses the probe's strength, and how many
times for the PCA. What is learned is thrown away.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tieback.catalog.catalog import Catalog
from tieback.core.types.content import Content
from tieback.methods import heads
from tieback.methods.projection import unit_rows
from tieback.models.content_rows import row_kinds
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.train import train
from tieback.recipes.train.encoded_rows import AT_ONCE, encoded_rows, rows_of
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_lab.methods.conditional_projection.separated import salience
from tieback_lab.models.learned.conditional_space import ConditionalSpace
from tieback_lab.recipes.reading.calibration import auc

from benchmarks.data_folder import add_data, data_of, laid_out
from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.statistics import Interval, interval, paired

OF = Tried(43, "ours", product=True, data="real")
IMAGES, HOLDS = "efficientnet-lite0", "classes/{cifar10,mnist}_{train,test}.npz"
OURS, WITHOUT, PCA, FROZEN = "SepCLR", "without k-JEM", "contrastive PCA", "frozen rows"
SALIENT, COMMON = "salient", "common"
KINDS = ("digit", "photo")
CHANCE, LEAK, READ = 10, 20, 90  # per cent
COSTS, ALPHAS = (1.0, 10.0, 100.0), (0.5, 1.0, 2.0, 5.0, 10.0)
WIDTH, CHOOSING = 32, 1 / 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="trainings of each way [5]")


def run(options: argparse.Namespace) -> Report:
    data, report = data_of(options, HOLDS), Report()
    learned, tested = (_pictures(data, name) for name in ("train", "test"))
    half = len(learned["photo"]) // 2
    labels = [
        {kind: given[kind][place:] for kind in KINDS} for given, place in ((learned, half), (tested, 0))
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = _written([*learned["plain"][:half], *learned["over"][half:]], half, Path(folder))
        background, target, over, plain = map(
            _encoded, (learned["plain"][:half], learned["over"][half:], tested["over"], tested["plain"])
        )
        right = _Right(labels[0], labels[1])
        right.add(FROZEN, {COMMON: (target, over), SALIENT: (target, over)})
        right.add(PCA, _contrastive(background, target, over, labels[0]["digit"]))
        rows: list[dict[str, Any]] = []
        for seed in range(options.seeds):
            for way, changed in ((OURS, {}), (WITHOUT, {"jem": 0.0})):
                log(f"{way}, seed {seed}")
                made = train(
                    "separate", {"seed": seed, "width": WIDTH, **changed}, cards=Catalog.load().encoders(),
                    store=Store(), data=[file], output=Path(folder) / "learned", say=log,
                )  # fmt: skip
                space = ConditionalSpace.load(made.folder, Catalog.load().encoders())
                right.add(
                    way,
                    {
                        part: tuple(space.project(list(one[:, None]), part) for one in (target, over))
                        for part in (COMMON, SALIENT)
                    },
                )
                far = [salience(one, space.state) for one in (plain, over)]
                is_new = np.arange(2 * len(plain)) >= len(plain)
                rows.append({"way": way, "seed": seed, "AUC": auc(np.concatenate(far), is_new)})
    report.table("Right of the test pictures, %", right.table())
    report.table(
        "Test pictures with a digit told from those without, by the distance from the null vector", rows
    )
    _claims(report, right)
    return report


class _Right:
    """1 where a probe is right about a test picture, by way, part and kind of label; a row for each seed."""

    def __init__(self, learned: Mapping[str, Array], tested: Mapping[str, Array]) -> None:
        self.learned, self.tested = learned, tested
        self.values: dict[tuple[str, str, str], list[Array]] = {}

    def add(self, way: str, parts: Mapping[str, Any]) -> None:
        """The values of one more seed, of vectors to learn from and vectors to test with, by part."""
        for part, (learned, tested) in parts.items():
            for kind in KINDS:
                probe = _probed(learned, self.learned[kind], tested, self.tested[kind])
                self.values.setdefault((way, part, kind), []).append(100.0 * probe)

    def of(self, way: str, part: str, kind: str) -> Array:
        """Means over the seeds, for each test picture."""
        return np.asarray(np.mean(self.values[way, part, kind], axis=0))

    def apart(self, way: str) -> Array:
        """Half of what both parts tell of their own less what they tell of the other's."""
        own = self.of(way, SALIENT, "digit") + self.of(way, COMMON, "photo")
        return np.asarray((own - self.of(way, COMMON, "digit") - self.of(way, SALIENT, "photo")) / 2)

    def table(self) -> list[dict[str, Any]]:
        """Every way and part."""
        return [
            {"way": way, "part": part, "of": kind, **interval(self.of(way, part, kind)).row("right", "right"),
             "lowest seed": float(np.mean(one, axis=1).min()), "seeds": len(one)}
            for (way, part, kind), one in self.values.items()
        ]  # fmt: skip


def _claims(report: Report, right: _Right) -> None:
    frozen = ", ".join(f"{kind} {right.of(FROZEN, COMMON, kind).mean():.1f}" for kind in KINDS)
    note = f"the frozen rows themselves: {frozen} %; chance {CHANCE}"
    for part, kind, target in (
        (SALIENT, "digit", f">= {READ}"),
        (COMMON, "digit", f"<= {LEAK}"),
        (COMMON, "photo", f">= {READ}"),
        (SALIENT, "photo", f"<= {LEAK}"),
    ):
        found = interval(right.of(OURS, part, kind))
        report.claim(f"43: {kind} from the {part} part", found, "%", target, note=note, of=OF)
    for other in (WITHOUT, PCA):
        pairs: dict[str, Interval] = {
            "digit from the salient part": paired(
                *(right.of(way, SALIENT, "digit") for way in (OURS, other))
            ),
            "digit left out of the common part": paired(
                *(right.of(way, COMMON, "digit") for way in (other, OURS))
            ),
            "own less the other's, of both parts": paired(*(right.apart(way) for way in (OURS, other))),
        }
        for name, found in pairs.items():
            report.claim(f"43: {name}: {OURS} less {other}", found, "points", "> 0", of=OF)


def _probed(learned: Array, labels: Array, tested: Array, wanted: Array) -> Array:
    """1 where a logistic regression, whose cost a third of what it learns from chooses, is right, else 0."""
    middle, spread = learned.mean(axis=0), learned.std(axis=0) + 1e-6
    given, asked = (unit_rows(np.asarray((one - middle) / spread, np.float32)) for one in (learned, tested))
    cut = round(len(given) * (1 - CHOOSING))

    def right(cost: float, until: int, rows: Array, own: Array) -> Array:
        state = heads.fit("logistic", given[:until], labels[:until], parameters={"c": cost})
        return np.asarray(heads.probabilities("logistic", rows, state).argmax(axis=1) == own)

    best = max(COSTS, key=lambda cost: right(cost, cut, given[cut:], labels[cut:]).mean())
    return right(best, len(given), asked, wanted)


def _contrastive(background: Array, target: Array, tested: Array, digits: Array) -> Mapping[str, Any]:
    """Both parts of what is learned from and tested with, by contrastive PCA."""
    own, other = (np.cov(one.T.astype(np.float64)) for one in (target, background))
    cut = round(len(target) * (1 - CHOOSING))

    def axes(alpha: float) -> Array:
        return np.asarray(np.linalg.eigh(own - alpha * other)[1][:, ::-1][:, :WIDTH])

    def told(alpha: float) -> float:
        rows = target @ axes(alpha)
        return float(_probed(rows[:cut], digits[:cut], rows[cut:], digits[cut:]).mean())

    salient = axes(max(ALPHAS, key=told))
    without = np.eye(len(other)) - salient @ salient.T
    common = np.linalg.eigh(without @ other @ without)[1][:, ::-1][:, :WIDTH]
    return {
        part: tuple(one @ by for one in (target, tested))
        for part, by in ((SALIENT, salient), (COMMON, common))
    }


@laid_out()
def _pictures(data: Path, name: str) -> dict[str, Any]:
    """Photos at half their brightness, as they are and with a digit over them, and both labels."""
    with (
        np.load(data / f"classes/cifar10_{name}.npz") as photos,
        np.load(data / f"classes/mnist_{name}.npz") as digits,
    ):
        draw = np.random.default_rng(0)
        shown = draw.permutation(len(photos["images"]))
        laid = draw.permutation(len(digits["images"]))[: len(shown)]
        plain = photos["images"][shown].astype(np.float32) / 2
        over = plain + np.pad(digits["images"][laid], ((0, 0), (2, 2), (2, 2)))[..., None] / 2
        labels = {"photo": photos["labels"][shown], "digit": digits["labels"][laid]}
    return {
        "plain": [_png(one) for one in plain],
        "over": [_png(one) for one in over],
        **{kind: one.astype(np.int64) for kind, one in labels.items()},
    }


def _written(pictures: Sequence[bytes], background: int, folder: Path) -> Path:
    lines = []
    for number, picture in enumerate(pictures):
        (folder / f"{number}.png").write_bytes(picture)
        of = "background" if number < background else "target"
        lines.append(json.dumps({"file": f"{number}.png", "labels": {"set": of}}))
    file = folder / "sets.jsonl"
    file.write_text("\n".join(lines))
    return file


def _encoded(pictures: Sequence[bytes]) -> Array:
    """Rows `[n, width]` of the frozen encoder."""
    card = next(card for card in Catalog.load().encoders() if card.name == IMAGES)
    contents = [(Content(Modality.IMAGE, one), "picture") for one in pictures]
    log(f"encoding {len(contents)} pictures")
    found = encoded_rows(load_encoder(card, Store()), contents, row_kinds(False), at_once=AT_ONCE)
    return np.stack([rows_of(one)[0] for one in found])


def _png(values: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
