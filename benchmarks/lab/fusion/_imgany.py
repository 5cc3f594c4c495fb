"""Animals seen and heard, one part spoilt: the entity that is named first, by ImgAny and by the joint space.

Photos of CIFAR-10 (test) with sounds of the same animal; the two sets share cats, dogs, birds and frogs
alone. The photo is blurred, or the sound has noise as loud as itself. An entity is right where it is the
animal or a kind of it, of 1,270 entities. Nothing is trained, on either side: the rivals are the better of
the two parts alone, and the nearest name to the sum of both parts' joint vectors.
"""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from tieback.catalog.catalog import Catalog
from tieback.core.types.content import Content
from tieback.methods.projection import unit_rows
from tieback.models.label_recogniser import label_table
from tieback.models.store import Store
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_lab.methods.fusion import FIT, TAGS, Goal, fusions
from tieback_lab.recipes.train.fusing import Things
from tieback_lab.recipes.train.naming import TREE, naming

from benchmarks.binding.artifact import newest
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.served import Joint
from benchmarks.lab.fusion._compared import ALONE, Comparison
from benchmarks.lab.fusion._things import SEEN, TEXT, dense, things
from benchmarks.progress import log
from benchmarks.report import Report

ANIMALS = ("cat", "dog", "bird", "frog")
HEARD = "yamnet"
BLUR = 1.5
"""Pixels, of 32."""
OURS, JOINT = "imgany", "joint-space sum"
PHOTO, SOUND = "photo", "sound"


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds tables and claims; each of the `seeds` draws the sound of each photo."""
    cards = {one.name: one for one in Catalog.load().encoders()}
    bound = newest(list(cards.values()), Store(), log)
    joint = Joint(bound, Encoders(bound, cards.values(), Store(), log))
    named = naming([cards[SEEN], cards[HEARD]], cards[TEXT], (), Store())
    photos, labels = _photos(data)
    sounds, heard = _sounds(data)
    table = label_table(TREE)
    kinds = _kinds(named.entities, [set(one) for one in table.classes])
    names = joint.queries(Encoders(bound, cards.values(), Store(), log).texts(list(named.entities)))
    empty = things([photos[False], photos[False]], np.ones((len(labels), 2), bool), labels)
    state = fusions.form(FIT, OURS)(
        [photos[False][:, None], sounds[False][:, None]], empty.there, None, Goal(labels, names=named.names)
    )
    spoilt = Comparison("one part spoilt", (PHOTO, SOUND))
    each = {
        (False, False): Comparison("neither spoilt", (PHOTO, SOUND)),
        (True, False): Comparison("photo blurred", (PHOTO, SOUND)),
        (False, True): Comparison("sound with noise", (PHOTO, SOUND)),
    }
    for seed in range(seeds):
        log(f"animals: seed {seed}")
        draw = np.random.default_rng(seed)
        clips = np.array([draw.choice(np.flatnonzero(heard == one)) for one in labels])
        found: dict[str, list[Array]] = {}
        for (blurred, noisy), comparison in each.items():
            parts = [photos[blurred], sounds[noisy][clips]]
            given = things(parts, np.ones((len(labels), 2), bool), labels)
            sums = joint.documents({SEEN: parts[0]}) + joint.documents({HEARD: parts[1]})
            firsts = {
                OURS: _first(state, given, len(named.entities)),
                f"{PHOTO} alone": _first(state, given.only([0]), len(named.entities)),
                f"{SOUND} alone": _first(state, given.only([1]), len(named.entities)),
                JOINT: (unit_rows(sums) @ names.T).argmax(axis=1),
            }
            for way, first in firsts.items():
                right = kinds[labels, first]
                comparison.add(way, right)
                if blurred or noisy:
                    found.setdefault(way, []).append(right)
        for way, both in found.items():
            spoilt.add(way, np.mean(both, axis=0))
    for comparison in (spoilt, *each.values()):
        comparison.table(report)
    called = "(arXiv:2401.17664) animals seen and heard"
    for comparison in (spoilt, *each.values()):
        for other in (ALONE, JOINT):
            what = f"{called}, {comparison.what}"
            comparison.claim(report, what, OURS, other, 27, of="paper" if comparison is spoilt else "ours")


def _first(state: object, given: Things, entities: int) -> Array:
    """The entity that is named first `[things]`; -1 where none is."""
    scores = fusions.form(TAGS, OURS)(given.rows, given.there, state).sum(axis=1)[:, :entities]  # type: ignore[arg-type]
    return np.where(scores.any(axis=1), scores.argmax(axis=1), -1)


def _kinds(entities: object, classes: list[set[int]]) -> Array:
    """True for the animal and its kinds `[animals, entities + 1]`; the last, none, never is."""
    said = list(entities)  # type: ignore[call-overload]
    above = [classes[said.index(animal)] for animal in ANIMALS]
    return np.array([[*(own <= one for own in classes), False] for one in above], np.float64)


def _photos(data: Path) -> tuple[dict[bool, Array], Array]:
    """Vectors of photos as they are and blurred, and their animals."""
    with np.load(data / "classes/cifar10_test.npz") as file:
        images, labels, names = file["images"], file["labels"], list(file["names"])
    numbers = [names.index(animal) for animal in ANIMALS]
    kept = np.flatnonzero(np.isin(labels, numbers))
    found = {}
    for blurred in (False, True):
        pictures = [Content(Modality.IMAGE, _png(images[place], blurred=blurred)) for place in kept]
        found[blurred] = dense(SEEN, f"animals, blurred: {blurred}", pictures)
    return found, np.array([numbers.index(int(labels[place])) for place in kept])


def _sounds(data: Path) -> tuple[dict[bool, Array], Array]:
    """Vectors of sounds as they are and with noise, and their animals."""
    listed: dict[str, str] = json.loads((data / "sounds/labels.json").read_text())
    kept = [(name, animal) for name, animal in sorted(listed.items()) if animal in ANIMALS]
    found = {}
    for noisy in (False, True):
        change: Callable[[Array], Array] = _with_noise if noisy else np.asarray
        clips = [Content(Modality.AUDIO, _wav(data / "sounds" / name, change)) for name, _ in kept]
        found[noisy] = dense(HEARD, f"animals, with noise: {noisy}", clips)
    return found, np.array([ANIMALS.index(animal) for _, animal in kept])


def _png(pixels: Array, *, blurred: bool) -> bytes:
    picture = Image.fromarray(pixels)
    file = io.BytesIO()
    (picture.filter(ImageFilter.GaussianBlur(BLUR)) if blurred else picture).save(file, "PNG")
    return file.getvalue()


def _wav(path: Path, change: Callable[[Array], Array]) -> bytes:
    with wave.open(str(path)) as file:
        shape = file.getparams()
        samples = np.frombuffer(file.readframes(shape.nframes), np.int16).astype(np.float64)
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams(shape)
        file.writeframes(np.clip(change(samples), -32768, 32767).astype(np.int16).tobytes())
    return written.getvalue()


def _with_noise(samples: Array) -> Array:
    """White noise with the power of the sound."""
    noise = np.random.default_rng(len(samples)).normal(size=len(samples))
    return np.asarray(samples + noise * np.sqrt((samples**2).mean()))
