"""Speakers whose fused vector is not to tell what they said: a shallow branch at random or always (IITF).

Spoken digits: the identity is the speaker, and in the place of the pose of a face is the digit of the clip.
A thing is a clip and a text that names any digit; its class is the speaker with the digit of the text.
YAMNet's rows are the identity's deep part, since they tell the speaker and hardly the digit (a ridge
regression is right on 0.80 and 0.30 of other clips); Whisper's are the shallow part, since they tell both
(0.73 and 0.96). Speakers are known, and each clip is tested by networks of which none has heard it.

Decodability is by a ridge regression on the fused vectors of the clips of training. Values are one for each
clip, means over the texts. Nothing here is video.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tieback.core.state import State
from tieback.core.types.content import Content
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_lab.methods.fusion.iitf import fit_by
from tieback_lab.recipes.train.fusing import Things, vectors

from benchmarks.lab.fusion._compared import PARALLEL, SMALL, Comparison, classified, learned
from benchmarks.lab.fusion._things import DIGITS, SPOKEN, TEXT, dense, things
from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.statistics import paired

NAME = "(arXiv:2501.13452) spoken digits"
PARTS = ("identity", "text", "shallow")
DEEP = "yamnet"
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FOLDS = 5
SHARES = {"iitf, p = 0.5": 0.5, "iitf, p = 1": 1.0, "iitf, no shallow part": 0.0}
OURS, ALWAYS, NEVER = SHARES
FALL, WITHIN = 0.2, 2.0
PENALTY = 0.1
OF = Tried(2, "paper", product=True, data="real")


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds tables and claims."""
    clips = _Clips(data)
    digit = Comparison("digit of the clip, decoded from the fused vector", PARTS)
    speaker = Comparison("speaker, decoded from the fused vector", PARTS)
    task = Comparison("speaker and the digit of the text, classified", PARTS)
    compared = {digit: clips.said, speaker: clips.speakers, task: None}
    for seed in range(seeds):
        log(f"seed {seed + 1} of {seeds}")
        order = np.random.default_rng(seed).permutation(len(clips.said))
        found: dict[Comparison, dict[str, Array]] = {one: {} for one in compared}
        for fold in range(FOLDS):
            held_out = np.sort(order[fold::FOLDS])
            known = np.setdiff1d(order, held_out)
            training, tested = clips.things(known), clips.things(held_out)
            for way, (method, state, parts) in _ways(training, seed).items():
                given = [one.of(parts) if parts else one for one in (training, tested)]
                fused = [vectors(method, state, one) for one in given]
                for comparison, labels in compared.items():
                    values = found[comparison].setdefault(way, np.zeros(len(order)))
                    right = (
                        classified(method, state, given[1])
                        if labels is None
                        else _decoded(fused, [np.repeat(labels[one], DIGITS) for one in (known, held_out)])
                    )
                    values[held_out] = right.reshape(-1, DIGITS).mean(axis=1)
        for comparison, by_way in found.items():
            for way, values in by_way.items():
                comparison.add(way, values)
    for comparison in compared:
        comparison.table(report)
    for rival in (ALWAYS, PARALLEL):
        ours, theirs = 100 * digit.mean(OURS), 100 * digit.mean(rival)
        report.claim(
            f"2 {NAME}: digit decoded from {OURS}, less {1 - FALL} of that from {rival}",
            paired(ours, (1 - FALL) * theirs), "points", "<= 0", of=OF if rival == ALWAYS else None,
            note=f"{ours.mean():.1f} against {theirs.mean():.1f}, {seeds} seeds, {len(ours)} clips",
        )  # fmt: skip
    speaker.claim(report, f"{NAME}, speaker decoded", OURS, ALWAYS, 2, f">= -{WITHIN:g}", of="paper")
    speaker.claim(report, f"{NAME}, speaker decoded", OURS, NEVER, 2)
    task.claim(report, f"{NAME}, classes", OURS, ALWAYS, 2)
    task.claim_rivals(report, f"{NAME}, classes", OURS, 2)


class _Clips:
    """Clips of digits in two encoders, with the names of all digits as texts."""

    def __init__(self, data: Path) -> None:
        clips = sorted((data / "speech/digits").glob("*.wav"))
        self.deep, self.shallow = (dense(one, "spoken digits", clips) for one in (DEEP, SPOKEN))
        self.texts = dense(TEXT, "names of digits", [Content(Modality.TEXT, one) for one in NUMBERS])
        self.said = np.array([int(one.stem.split("_")[0]) for one in clips])
        self.speakers = np.unique([one.stem.split("_")[1] for one in clips], return_inverse=True)[1]

    def things(self, clips: Array) -> Things:
        """Each of the clips with each text."""
        clip, text = np.repeat(clips, DIGITS), np.tile(np.arange(DIGITS), len(clips))
        parts = [self.deep[clip], self.texts[text], self.shallow[clip]]
        classes = DIGITS * (int(self.speakers.max()) + 1)
        return things(parts, np.ones((len(clip), 3), bool), DIGITS * self.speakers[clip] + text, classes)


def _ways(training: Things, seed: int) -> dict[str, tuple[str, State, list[int]]]:
    """Of each way a method, its state, and the parts that it has, none for all."""
    found: dict[str, tuple[str, State, list[int]]] = {}
    for way, kept in SHARES.items():
        fit = fit_by(kept)
        how = {**SMALL, "dropout": 0.0}
        state = fit(training.rows, training.there, None, training.goal, seed=seed, **how)
        found[way] = ("iitf", state, [])
    found[PARALLEL] = ("parallel", learned("parallel", training, seed), [])
    for place, part in enumerate(PARTS):
        state = learned("parallel", training.of([place]), seed, dropout=0.0)
        found[f"{part} alone"] = ("parallel", state, [place])
    return found


def _decoded(fused: list[Array], labels: list[Array]) -> Array:
    """1 where the label of a vector to test is right by ridge regression from those of training, else 0."""
    known, asked = (np.concatenate([one, np.ones((len(one), 1))], 1, dtype=np.float64) for one in fused)
    wanted = np.eye(int(labels[0].max()) + 1)[labels[0]]
    map_ = np.linalg.solve(known.T @ known + PENALTY * np.eye(known.shape[1]), known.T @ wanted)
    return np.asarray((asked @ map_).argmax(axis=1) == labels[1], np.float64)
