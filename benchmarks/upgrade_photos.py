"""The ways of an upgrade of photos, in arrays; see `benchmarks/upgrade.py`.

One encoder is the served EfficientNet-Lite0, the other the same network with the pooling that `tieback train
dolg` learns from photos of another collection than the one that is searched. What is learned is thrown away.
Two collections are asked, as far as DIR has them, by photos that are not in them:

    photos    photos/images: a photo asks for others of its kind, whose names end in the same word
    captions  captions/images: a photo asks for ten of which people wrote most alike; or a part of a photo
              that is in the collection, pasted into one that is not (as in `benchmarks/instances.py`), for it
"""

from __future__ import annotations

import functools
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from tieback.answer.moving.upgrading import word_numbers
from tieback.catalog.catalog import Catalog
from tieback.core.types.content import Content
from tieback.core.types.moving import Anchors
from tieback.models.encoder_model import EncoderModel
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.operations.kinds.plan_upgrade import ITEMS
from tieback.operations.upgrades.measures import alike
from tieback.operations.upgrades.worth import SHARES
from tieback.recipes.train.encoding import encode
from tieback.training.step_cache import StepCache
from tieback_contract.modality import Modality
from tieback_lab.recipes.train.photo_views import photo_files
from tieback_lab.recipes.trained.dolg import dolg

from benchmarks.lab.instances import queries_of, trained
from benchmarks.report import Report
from benchmarks.upgrade_claims import PAIRED, tell
from benchmarks.upgrade_ways import (
    OWN,
    POLICIES_TRIED,
    Floats,
    Gains,
    Rows,
    Say,
    Vectors,
    fitted,
    kept_rows,
    map_times,
    plan_of,
    plan_row,
    translated,
    whole,
)

SERVED, TRAINED = "efficientnet-lite0", "efficientnet-lite0-dolg"
PAIRS = ((SERVED, TRAINED), (TRAINED, SERVED))
"""Old and new."""
PARAMETERS: Mapping[str, Any] = {}
"""Of the recipe, where they are not its own."""
ASKING = 5
"""Of so many photos with captions, one asks."""


@dataclass(frozen=True, slots=True, eq=False)
class Photos:
    """A collection: the files of its photos, those that ask, and what they are to find.

    `asked` are the questions by what they ask for. `labels` are those that a plan asks by; empty where there
    are none. `learned_from` is the folder of the photos that the other pooling is learned from.
    """

    name: str
    documents: Sequence[bytes]
    questions: Sequence[bytes]
    gains: Gains
    asked: Mapping[str, slice]
    labels: Sequence[str]
    learned_from: Path


def study(report: Report, data: Path, only: Sequence[str] | None, say: Say) -> None:
    """Tables of what is kept, and claims."""
    found = []
    for one in collections(data):
        if only and one.name not in only:
            continue
        known = {SERVED: _vectors(one, say), TRAINED: _vectors(one, say, learns=True)}
        for (called, asked), pair in product(one.asked.items(), PAIRS):
            old, new = (known[space] for space in pair)
            inputs = {
                "vectors": [array for side in (old, new) for array in (side.documents, side.questions)],
                "gains": [[[*each], [*each.values()]] for each in one.gains[asked]],
                "labels": list(one.labels),
            }
            make = functools.partial(rows_of, old, new, one, asked)
            rows = kept_rows(f"{called}, {pair[0]} to {pair[1]}", rows_of, inputs, make)
            names = dict(zip(PAIRED, (called, *pair), strict=True))
            found.append({name: [names | row for row in table] for name, table in rows.items()})
            curve = rows["curve"][0]
            say(f"{called}, {pair[0]} to {pair[1]}: {curve['0%']:.3f} to {curve['100%']:.3f}")
    if found:
        tell(report, found, POLICIES_TRIED, "photos")


def collections(data: Path) -> Iterator[Photos]:
    """Those that the folder has."""
    for file, make in {"photos/labels.json": by_kind, "captions/captions.json": by_captions}.items():
        if (data / file).is_file():
            yield make(data)


def by_kind(data: Path) -> Photos:
    """Of each kind, half of the photos ask, and the collection has the others and all without a kind."""
    names: dict[str, str] = json.loads((data / "photos" / "labels.json").read_text())
    kinds = {file: name.split()[-1].lower() for file, name in names.items()}
    of_kind = defaultdict(list)
    for file, kind in kinds.items():
        of_kind[kind].append(file)
    asking = [file for files in of_kind.values() for file in files[: len(files) // 2]]
    documents = [file for file in names if file not in set(asking)]
    labels = [kinds[file] for file in documents]
    return Photos(
        "photos",
        _read(data / "photos", documents),
        _read(data / "photos", asking),
        [{place: 1.0 for place, label in enumerate(labels) if label == kinds[file]} for file in asking],
        {"photos, of a kind": slice(None)},
        labels,
        data / "captions" / "images",
    )


def by_captions(data: Path) -> Photos:
    """One in `ASKING` asks, and is what parts of one in `ASKING` of the others are pasted into."""
    said: dict[str, list[str]] = json.loads((data / "captions" / "captions.json").read_text())
    asking, files = [*said][::ASKING], [file for n, file in enumerate(said) if n % ASKING]
    words = np.stack([word_numbers(" ".join(said[file])) for file in (*files, *asking)])
    # All that ask are one item, so that they are not alike to each other.
    items = np.minimum(np.arange(len(said)), len(files))
    near = alike(words, items, range(len(files), len(said)))
    documents, questions = (_read(data / "captions", one) for one in (files, asking))
    return Photos(
        "captions",
        documents,
        questions + queries_of(documents[::ASKING], questions, 0),
        [
            *(dict.fromkeys(one, 1.0) for one in near),
            *({place: 1.0} for place in range(0, len(documents), ASKING)),
        ],
        {"captions, alike": slice(len(asking)), "captions, of a part": slice(len(asking), None)},
        (),
        data / "photos" / "images",
    )


def rows_of(old: Vectors, new: Vectors, photos: Photos, asked: slice) -> Rows:
    """As of texts. A plan asks by labels, of photos of the collection, and is made where there are labels."""
    truth = whole(old, new, photos.gains, asked)
    count = len(old.documents)
    own = np.random.default_rng(2).permutation(count)[: round(OWN * count)]
    states = fitted(old.documents[own], new.documents[own])
    plans = []
    if photos.labels:
        chosen = np.random.default_rng(5).permutation(count)[:ITEMS]
        anchors = Anchors(
            old.documents[chosen],
            new.documents[chosen],
            np.arange(len(chosen)),
            labels=[photos.labels[place] for place in chosen],
        )
        found, published = plan_of(anchors, None, (), len(chosen) / count)
        plans = [plan_row("labels", len(chosen), found, published, {"all": truth})]
    return {
        "curve": [{f"{share:.0%}": one for share, one in zip(SHARES, truth.curve(truth.old), strict=True)}],
        "kept": [translated(truth, states, ())],
        "plans": plans,
        "times": [map_times(states)],
    }


def _vectors(photos: Photos, say: Say, *, learns: bool = False) -> Vectors:
    """By the served encoder, or by the one that learns; kept as the steps of recipes are."""
    base = next(card for card in Catalog.load().encoders() if card.name == SERVED)
    files = photo_files([photos.learned_from]) if learns else []

    def encoded(model: EncoderModel) -> dict[str, Floats]:
        return {
            name: encode(model, [Content(Modality.IMAGE, one) for one in part]).dense
            for name, part in (("documents", photos.documents), ("questions", photos.questions))
        }

    def make() -> dict[str, Floats]:
        say(f"{photos.name} in {TRAINED if learns else SERVED}")
        if not learns:
            return encoded(load_encoder(base, Store()))
        with tempfile.TemporaryDirectory() as folder:
            return encoded(trained(base, PARAMETERS, files, Path(folder))[0])

    inputs = {
        "space": f"{base.space} {base.space.fingerprint}",
        "parameters": PARAMETERS,
        "learned_from": [_digest(path.read_bytes()) for path in files],
        **{name: [_digest(one) for one in getattr(photos, name)] for name in ("documents", "questions")},
    }
    kept = StepCache(Store().steps).arrays(
        f"{photos.name} for upgrades", encode, inputs, make, beside=(dolg,)
    )
    return Vectors(kept["documents"], kept["questions"])


def _read(folder: Path, names: Sequence[str]) -> list[bytes]:
    return [(folder / "images" / name).read_bytes() for name in names]


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
