"""Recognised speech and writing, alone and fused with the language model (GFD).

    speech     the clips of speech/ of DIR, through the served recogniser of speech: characters and words that
               are wrong, with processor seconds for each second of sound. Written numbers above ten count
               as wrong ("15th" for "fifteenth"), and some of the transcripts are not what is said; both are
               the same for all rows
    sentences  eight sentences, and lines of the receipts of DIR (receipts/words.json), read by a simulated
               recogniser: a quarter of the characters that look like another one have 0.45 for what is
               written and 0.55 for the other, and the rest are sure. So says the set-up of
               "Let's Fuse Step by Step: A Generative Fusion Decoding Algorithm with LLMs for Multi-modal
               Text Recognition" at a small scale

The weight of the language model is chosen on every second clip, and the result is that of the other clips.
Intervals are by drawing clips or lines with replacement, for both sides of a ratio together.
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from tieback.catalog.card import GeneratorCard, RecogniserCard
from tieback.catalog.catalog import Catalog
from tieback.methods.recognition_fusion import NO_FUSION, recognition_fusions
from tieback.models.language.model import load_language_model
from tieback.models.loading import load_recogniser
from tieback.models.pictures.text_recogniser import Alternatives, CharacterAlternatives
from tieback.models.recognition_search import search
from tieback.models.sounds.decoding import resample
from tieback.models.sounds.speech_recogniser import PROMPT, Manner, SpeechRecogniserModel
from tieback.models.store import Store
from tieback.recogniser.partners import Partners
from tieback_contract.arrays import Array

from benchmarks.data_folder import add_data, data_of
from benchmarks.progress import log
from benchmarks.report import BOOTSTRAP, Report, Tried
from benchmarks.statistics import Interval, bootstrap

HOLDS = "recorded speech and receipts"
RECOGNISER, WRITER = "whisper-tiny-en-recogniser", "smollm2-135m-instruct"
GFD = "gfd"
WIDTH = 5
WEIGHTS = (0.05, 0.2)
SETS = ("ljspeech", "speechbrain", "librivox", "cards")
DIGITS = "digits"
SPEECH_RATIO, SIMULATED_RATIO = 0.7, 0.5
SENTENCES = (
    "The president of the council opened the meeting at nine.",
    "Water boils at a lower temperature on high mountains.",
    "She bought a ticket for the last train to the coast.",
    "Our teacher explained the history of the old castle.",
    "The results of the experiment were published in spring.",
    "Please send the signed contract back before Friday.",
    "A small river runs through the middle of the town.",
    "The children built a house out of snow and branches.",
)
PRINTED = "The following is a line of printed text: "
ALIKE = dict(
    zip(
        "abcefghiklmnopqrstuvwyz01358ABDEFHIMNOPRSTUVZ",
        "oheclqnlhtnhaqpntfvuvvs87860H8OFEA1NM0RP5IVU2",
        strict=True,
    )
)
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
CONFUSED, OWN, OTHER = 0.25, 0.45, 0.55


@dataclass(frozen=True)
class Mistakes:
    """Edits and lengths of one text, in characters and in words."""

    characters: int
    length: int
    words: int
    count: int


def edits(found: Sequence[object], wanted: Sequence[object]) -> int:
    """The Levenshtein distance."""
    row = np.arange(len(wanted) + 1)
    for one in found:
        changed = row[:-1] + np.array([one != other for other in wanted], int)
        new = np.empty_like(row)
        new[0] = row[0] + 1
        for place in range(len(wanted)):
            new[place + 1] = min(changed[place], row[place + 1] + 1, new[place] + 1)
        row = new
    return int(row[-1])


def plain(text: str) -> str:
    """Small letters, digits and single spaces; numbers up to ten in words."""
    words = re.sub(r"[^a-z0-9']+", " ", text.lower()).split()
    return " ".join(NUMBERS[int(one)] if one.isdecimal() and int(one) <= 10 else one for one in words)


def mistakes(found: str, wanted: str) -> Mistakes:
    """Mistakes in a text."""
    return Mistakes(
        edits(found, wanted), len(wanted), edits(found.split(), wanted.split()), len(wanted.split())
    )


def character_rate(every: Iterable[Mistakes]) -> float:
    """Edits a character."""
    listed = list(every)
    return sum(one.characters for one in listed) / sum(one.length for one in listed)


def word_rate(every: Iterable[Mistakes]) -> float:
    """Edits a word."""
    listed = list(every)
    return sum(one.words for one in listed) / sum(one.count for one in listed)


def ratio(fused: Sequence[Mistakes], alone: Sequence[Mistakes]) -> Interval:
    """The ratio of the characters' error rates."""
    errors, others = (np.array([one.characters for one in side]) for side in (fused, alone))
    return bootstrap(len(alone), lambda places: errors[places].sum() / max(others[places].sum(), 1))


def clips(folder: Path, names: Sequence[str], rate: int, most: int) -> dict[str, tuple[Array, str]]:
    """Samples and words by name, at most so many of each set."""
    transcripts: Mapping[str, str] = json.loads((folder / "speech/transcripts.json").read_text())
    chosen: dict[str, tuple[Array, str]] = {}
    for name in names:
        of_set = [one for one in transcripts if one.startswith(f"{name}/")]
        for one in of_set[:: max(1, len(of_set) // most)][:most]:
            samples, original = soundfile.read(folder / "speech" / one, dtype="float32", always_2d=True)
            chosen[one] = resample(samples.mean(axis=1), original, rate), plain(transcripts[one])
    return chosen


def alternatives(text: str, seed: int) -> list[Alternatives]:
    """A simulated reading of a text."""
    random = np.random.default_rng(seed)
    return [
        [(ALIKE[one], OTHER), (one, OWN)] if one in ALIKE and random.random() < CONFUSED else [(one, 1.0)]
        for one in text
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The data, and how much of it."""
    add_data(parser, HOLDS)
    parser.add_argument("--clips", type=int, default=10, metavar="N", help="at most N clips of each set [10]")
    parser.add_argument("--lines", type=int, default=40, metavar="N", help="lines of receipts [40]")


def run(options: argparse.Namespace) -> Report:
    """Recognises everything alone and fused."""
    folder, catalog, store = data_of(options, HOLDS), Catalog.load(), Store()
    card, writer = catalog.get(RECOGNISER), catalog.get(WRITER)
    assert isinstance(card, RecogniserCard)
    assert isinstance(writer, GeneratorCard)
    model = load_recogniser(card, store)
    assert isinstance(model, SpeechRecogniserModel)
    partner = Partners(lambda: load_language_model(writer, store))
    report = Report()
    _simulated(report, "sentences", SENTENCES, partner)
    words = json.loads((folder / "receipts/words.json").read_text())
    lines = [line["text"] for receipt in words.values() for line in receipt]
    long = [line for line in lines if len(line) >= 12]
    _simulated(report, "receipts", long[:: max(1, len(long) // options.lines)][: options.lines], partner)
    _speech(report, folder, model, partner, options.clips)
    return report


def _simulated(report: Report, name: str, texts: Sequence[str], partner: Partners) -> None:
    rows: list[Mapping[str, object]] = []
    alone: list[Mistakes] = []
    for weight in (0.0, 0.2):
        method = recognition_fusions.configure(GFD, {"weight": weight})
        found = []
        for seed, text in enumerate(texts):
            reader = partner.reader(GFD, PRINTED, WIDTH) if weight else None
            steps = CharacterAlternatives(alternatives(text, seed))
            best, *_ = search(steps, method, width=WIDTH, most=len(text) + 1, reader=reader)
            found.append(mistakes(steps.text_of(best.tokens).decode(), text))
        log(f"{name}, weight {weight}: {character_rate(found):.3f}")
        rows.append({"weight": weight, "texts": len(texts), "characters wrong": character_rate(found)})
        alone = alone or found
    report.claim(
        f"errors left by GFD in a simulated reading of {name}", ratio(found, alone),
        "of the recogniser's own",
        f"<= {SIMULATED_RATIO if name == 'sentences' else SPEECH_RATIO}",
        interval=BOOTSTRAP, of=Tried(61, "ours", product=True, data="generated"),
    )  # fmt: skip
    report.table(f"{name}, simulated recogniser", rows)


def _speech(report: Report, folder: Path, model: SpeechRecogniserModel, partner: Partners, most: int) -> None:
    rate = model.options.sample_rate
    heard = clips(folder, SETS, rate, most)
    digits = clips(folder, [DIGITS], rate, most)
    rows: list[Mapping[str, object]] = []
    alone = recognition_fusions.configure(NO_FUSION)
    own: list[Mistakes] = []
    for width in (1, WIDTH):
        own = _recognised(rows, f"alone, width {width}", heard, model, Manner(width, alone))
    _recognised(rows, f"alone, width {WIDTH}", digits, model, Manner(WIDTH, alone), every=False)
    fused: dict[float, list[Mistakes]] = {}
    for weight in WEIGHTS:
        method = recognition_fusions.configure(GFD, {"weight": weight})
        reader = functools.partial(partner.reader, GFD, PROMPT, WIDTH)
        fused[weight] = _recognised(
            rows, f"GFD, weight {weight}", heard, model, Manner(WIDTH, method, reader)
        )
    report.table("speech", rows)
    chosen = min(WEIGHTS, key=lambda weight: character_rate(fused[weight][::2]))
    report.claim(
        "errors left by GFD in speech", ratio(fused[chosen][1::2], own[1::2]), "of the recogniser's own",
        f"<= {SPEECH_RATIO}", interval=BOOTSTRAP,
        note=f"weight {chosen}, chosen on the other half of the clips",
        of=Tried(61, "paper", product=True, data="real"),
    )  # fmt: skip


def _recognised(
    rows: list[Mapping[str, object]],
    name: str,
    heard: Mapping[str, tuple[Array, str]],
    model: SpeechRecogniserModel,
    manner: Manner,
    *,
    every: bool = True,
) -> list[Mistakes]:
    """Mistakes in each clip; adds a row for each set, and one for all of them."""
    found: dict[str, Mistakes] = {}
    took: dict[str, float] = {}
    for clip, (samples, words) in heard.items():
        begun = time.process_time()
        text = model.transcript(samples, manner).text
        took[clip] = time.process_time() - begun
        found[clip] = mistakes(plain(text), words)

    def row(label: str, of: Callable[[str], bool]) -> None:
        chosen = [clip for clip in heard if of(clip)]
        seconds = sum(len(heard[clip][0]) for clip in chosen) / model.options.sample_rate
        rows.append(
            {
                "recogniser": name,
                "set": label,
                "clips": len(chosen),
                "seconds": seconds,
                "characters wrong": character_rate(found[clip] for clip in chosen),
                "words wrong": word_rate(found[clip] for clip in chosen),
                "processor seconds a second": sum(took[clip] for clip in chosen) / seconds,
            }
        )

    for label in dict.fromkeys(clip.partition("/")[0] for clip in heard):
        row(label, lambda clip, label=label: clip.startswith(f"{label}/"))  # type: ignore[misc]  # a default binds it
    if every:
        row("all", lambda _: True)
    log(f"{name}: {character_rate(found.values()):.3f}")
    return list(found.values())
