"""Photos that are found by a part of them that was turned, pasted into another photo and compressed again.

The photos of DIR/photos are dealt by a seed into three parts: one to learn from, one of backgrounds, and one
that is searched. Of each searched photo a query is made: 15 to 40 % of its area, turned by up to 30 degrees,
in a background that is none of the searched photos, as a JPEG of quality 30 to 70. There is one right answer.

`tieback train dolg` learns DOLG (arXiv:2108.02927) from the first part, and in the same way its global half
alone (GeM). What is learned is thrown away: those photos may not be trained into anything that ships. Both
are exported and encode queries and photos as they are served, beside the features that the network's own
encoder serves, which nothing was trained for. Then the best are reranked by their regions, by the product's
methods and its way to merge them with the search. Intervals are drawn over queries, the same for both sides;
they say nothing of other photos to learn from. The views that are learned from are made like the queries, so
this is the best that can be hoped for. What is seen of a photo and how fast is learned were chosen with the
photos as --seed 0 deals them.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tieback.answer.stages.order import RERANKING
from tieback.artifacts import Artifact
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog, read_card
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.methods.rank_fusion import rank_fusions
from tieback.methods.reranking import rerankings
from tieback.models.encoder_model import EncoderModel, RawEncoding
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.recipes.train import train
from tieback.recipes.trained import describe
from tieback.serving.commands.train import assigned
from tieback.training.ranks import ranks
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind
from tieback_lab.recipes.train.photo_views import pasted, photo_files, read_photo

from benchmarks.data_folder import add_data, data_of
from benchmarks.progress import PullProgress, log
from benchmarks.report import Report, Tried
from benchmarks.statistics import Interval, bootstrap

Floats = NDArray[np.floating[Any]]

NAMED = "42 DOLG (arXiv:2108.02927)"
PHOTOS = Path("photos/images")
HOLDS = f"photos in {PHOTOS}"
TRAIN, BACKGROUNDS = 0.5, 0.1  # shares of the photos; the rest is searched
BASE, POOLINGS = "efficientnet-lite0", ("gem", "dolg")
FEATURES, GEM, DOLG = "served features", "GeM, trained", "DOLG, trained"
OF = {
    GEM: Tried(42, "paper", product=True, data="real"),
    FEATURES: Tried(42, "ours", product=True, data="real"),
}
"""By what DOLG is compared with. What regions and rerankers add to it is of other methods."""
BEST_REGION = "DOLG, the whole and its best region"
SHORTLIST = 50
LARGEST = 256  # pixels a side, as the photos are
AT_ONCE, ROUNDS = 16, 15
INTERVAL = "95 %, bootstrap of queries"
POINTS = 10
KINDS = frozenset({VectorKind.DENSE, VectorKind.MULTI_VECTOR})


@dataclass(frozen=True)
class Encoded:
    """The vectors `[n, width]` of pictures, and the rows `[n, regions, width]` where they have some."""

    vectors: Floats
    rows: Floats | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--seed", type=int, default=0, help="deals the photos and makes the queries [0]")
    parser.add_argument("--most", type=int, default=0, metavar="N", help="so many photos alone; 0 for all")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the recipe"
    )


def run(options: argparse.Namespace) -> Report:
    folder_of_photos = data_of(options, HOLDS) / PHOTOS
    if not folder_of_photos.is_dir():
        raise SystemExit(f"instances: there is no folder {PHOTOS} in the folder that --data names")
    parameters = assigned(options.set, describe("dolg").schema)
    learnt, backgrounds, searched = dealt(photo_files([folder_of_photos]), options.seed, options.most)
    photos = [path.read_bytes() for path in searched]
    queries = queries_of(photos, [path.read_bytes() for path in backgrounds], options.seed)
    log(f"{len(learnt)} photos to learn from, {len(queries)} queries in {len(backgrounds)} backgrounds")
    report = Report()
    base = next(card for card in Catalog.load().encoders() if card.name == BASE)
    places = {FEATURES: _places(*_encoded(load_encoder(base, Store()), photos, queries, regions=False))}
    milliseconds = {f"{FEATURES}, ten views one by one": _milliseconds(load_encoder(base, Store()), photos)}
    with tempfile.TemporaryDirectory() as folder:
        for pooling, name in zip(POOLINGS, (GEM, DOLG), strict=True):
            model, artifact = trained(base, parameters | {"pooling": pooling}, learnt, Path(folder))
            sides = _encoded(model, photos, queries, regions=pooling == "dolg")
            places[name] = _places(*sides)
            _tell_training(name, artifact, report)
        milliseconds[f"{DOLG}, regions in the same run"] = _milliseconds(model, photos)
        places |= by_regions(*sides)
    tell_found(places, report)
    report.table(
        "milliseconds a photo with its regions, one thread, decoding included",
        [{"encoder": name, "ms": value} for name, value in milliseconds.items()],
    )
    claim(places, report)
    return report


def dealt(files: Sequence[Path], seed: int, most: int = 0) -> tuple[list[Path], list[Path], list[Path]]:
    """The photos to learn from, those that are backgrounds, and those that are searched."""
    order = np.random.default_rng(seed).permutation(len(files))[: most or None]
    ends = [round(TRAIN * len(order)), round((TRAIN + BACKGROUNDS) * len(order))]
    learnt, backgrounds, searched = ([files[place] for place in part] for part in np.split(order, ends))
    return learnt, backgrounds, searched


def queries_of(photos: Sequence[bytes], backgrounds: Sequence[bytes], seed: int) -> list[bytes]:
    """A query for each photo, in order."""
    draw = np.random.default_rng([seed, 1])
    scenes = [read_photo(data, longest=LARGEST) for data in backgrounds]
    found = []
    for data in photos:
        scene = scenes[int(draw.integers(len(scenes)))]
        found.append(_written(pasted(read_photo(data, longest=LARGEST), scene, draw)))
    return found


def by_regions(photos: Encoded, queries: Encoded) -> dict[str, Floats]:
    """The places of the right photos where regions count: in the search, or in a reranking of the best."""
    assert photos.rows is not None
    assert queries.rows is not None
    whole = queries.vectors @ photos.vectors.T
    regions = np.einsum("qd,nrd->qnr", queries.vectors, photos.rows[:, 1:]).max(axis=2)
    own = np.arange(len(queries.vectors))
    found = {BEST_REGION: ranks((whole + regions) / 2, own)}
    merge = rank_fusions.configure(RERANKING.name, RERANKING.parameters)
    for name in rerankings.names():
        compare = rerankings.configure(name)
        scores = whole.copy()
        for query in own.tolist():
            best = np.argsort(-whole[query], kind="stable")[:SHORTLIST]
            mask = np.ones((len(best), photos.rows.shape[1]), bool)
            compared = compare(queries.rows[query], photos.rows[best], mask, lambda: None)
            merged = merge(np.array([whole[query, best], compared]))
            scores[query, best] = 2 + np.argsort(np.argsort(merged, kind="stable"))  # before all others
        found[f"DOLG, the best {SHORTLIST} reranked by {name}"] = ranks(scores, own)
    return found


def tell_found(places: Mapping[str, Floats], report: Report) -> None:
    """The table of what each way finds, with its intervals."""
    rows = []
    for name, found in places.items():
        recall, precision = mean(first(found)), mean(1 / found)
        rows.append(
            {
                "vectors": name,
                "recall@1, %": 100 * recall.value,
                "from": 100 * recall.low,
                "to": 100 * recall.high,
                "recall@10, %": 100 * float((found <= 10).mean()),
                "mAP": precision.value,
                "mAP from": precision.low,
                "mAP to": precision.high,
            }
        )
    count = len(next(iter(places.values())))
    report.table(f"{count} parts of photos, each looked for among {count} photos", rows)


def claim(places: Mapping[str, Floats], report: Report) -> None:
    """DOLG against what is served and against its global half, and reranking against none."""
    reranked = [name for name in places if "reranked" in name]
    pairs = [(DOLG, FEATURES, f">= {POINTS}"), (DOLG, GEM, f">= {POINTS}"), (BEST_REGION, DOLG, "> 0")]
    pairs += [(name, DOLG, "> 0") for name in reranked]
    for better, other, target in pairs:
        for what, gained, aim in (
            ("recall@1", 100 * (first(places[better]) - first(places[other])), target),
            ("mAP", 100 * (1 / places[better] - 1 / places[other]), "> 0"),
        ):
            report.claim(
                f"{NAMED}: {what} of a pasted part, {better}, over {other}", mean(gained), "points", aim,
                note=f"{len(gained)} queries", interval=INTERVAL, of=OF.get(other),
            )  # fmt: skip


def first(places: Floats) -> Floats:
    """1 for each query whose photo was found first, else 0."""
    return np.asarray(places == 1, float)


def mean(values: Floats) -> Interval:
    """The mean over queries."""
    return bootstrap(len(values), lambda places: values[places].mean())


def trained(
    base: EncoderCard, parameters: Mapping[str, Any], photos: Sequence[Path], folder: Path
) -> tuple[EncoderModel, Artifact]:
    """The encoder that the recipe makes of these photos, as it is served."""
    store = Store(folder / "store")  # what is computed of the photos goes with it
    if not (place := store.folder(base)).exists():
        place.parent.mkdir(parents=True)
        place.symlink_to(Store().folder(base), target_is_directory=True)
    learned = train("dolg", parameters, cards=[base], store=store, data=photos, output=folder, say=log)
    assert learned.card is not None
    card = read_card(learned.card)
    assert isinstance(card, EncoderCard)
    assert pull([card], [card], store, PullProgress()) == []
    return load_encoder(card, store), learned.artifact


def _encoded(
    model: EncoderModel, photos: Sequence[bytes], queries: Sequence[bytes], *, regions: bool
) -> tuple[Encoded, Encoded]:
    log(f"encoding {len(photos)} photos and {len(queries)} queries by {model.card.name}")
    plan = EncodePlan(kinds=KINDS if regions else frozenset({VectorKind.DENSE}))
    return _side(model, photos, plan), _side(model, queries, plan)


def _side(model: EncoderModel, pictures: Sequence[bytes], plan: EncodePlan) -> Encoded:
    found: list[RawEncoding] = []
    for begin in range(0, len(pictures), AT_ONCE):
        contents = [Content(Modality.IMAGE, data) for data in pictures[begin : begin + AT_ONCE]]
        found += model.run([model.prepare(one, plan, Limits()) for one in contents], plan)
    rows = [one.rows for one in found if one.rows is not None]
    return Encoded(np.array([one.dense for one in found]), np.stack(rows) if rows else None)


def _places(photos: Encoded, queries: Encoded) -> Floats:
    return ranks(queries.vectors @ photos.vectors.T, np.arange(len(queries.vectors)))


def _milliseconds(model: EncoderModel, photos: Sequence[bytes]) -> float:
    """The median time that one photo takes with its regions."""
    plan, times = EncodePlan(kinds=KINDS), []
    for data in photos[:ROUNDS]:
        begun = time.perf_counter()
        model.run([model.prepare(Content(Modality.IMAGE, data), plan, Limits())], plan)
        times.append(1000 * (time.perf_counter() - begun))
    return float(np.median(times))


def _tell_training(name: str, artifact: Artifact, report: Report) -> None:
    metrics, provenance = artifact.facts["metrics"], artifact.provenance
    report.table(
        f"{name}: views of held-out photos of those that were learned from",
        [{"vectors": which, **found} for which, found in metrics["found"].items()],
    )
    report.table(
        f"{name}: training",
        [
            {
                "revision": artifact.revision,
                "seconds": provenance["seconds"],
                **metrics["photos"],
                **{key: str(value) for key, value in provenance["configuration"].items()},
            }
        ],
    )


def _written(picture: Image.Image) -> bytes:
    """Without loss: the picture was a JPEG already."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
