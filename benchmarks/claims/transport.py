"""Method 41: words and regions are aligned by a transport plan (UNITER, arXiv:1909.11740).

The sets of rows are made. A query has 8 random rows. The matched candidate has a noisy copy of each. The
wrong candidate has copies of half of them, and unrelated rows for the others. One of the two, by turns, has
further unrelated rows, as a long text or a full picture has parts that the query does not ask for. Counted is
how often the matched candidate scores above the wrong one, and how many rows of the query have the largest
weight of the plan on their copy, where the matched candidate has the unrelated rows.

`optimal_transport` is the paper's alignment, in which every row of a candidate must be accounted for.
`partial_transport` relaxes that. The noise was chosen with a seed that is not reported, so that no method is
always right. At first, only the matched candidate had unrelated rows. That favoured late interaction, in
which a longer candidate has more chances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from tieback.methods.reranking import SUMMARY, rerankings
from tieback.models.encoder_model import unit_rows
from tieback_contract.arrays import Array

from benchmarks.claims import claim
from benchmarks.report import Report, Tried

METHOD = "41 (arXiv:1909.11740)"
OF = Tried(41, "toy", product=True, data="generated")
ROWS, WIDTH, NOISE = 8, 64, 2.5  # a copy is the row and noise of so many times its length
TRIALS = 200
UNRELATED = (0, 4, 16, 64)
MANY = 16
BALANCED, PARTIAL, LATE = "optimal_transport", "partial_transport", "late_interaction"
FIRST, ALIGNED, POINTS = 95, 90, 10
COMPARED = ((BALANCED, MANY, f">= {POINTS}"), (BALANCED, 0, ">= -1"), (LATE, MANY, "> 0"))

Found = Mapping[int, Sequence[Mapping[str, float]]]
"""By the number of unrelated rows, for each seed, a share in per cent by the method."""


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims of what scores higher, and of what the plans align."""
    first: dict[int, list[dict[str, float]]] = {}
    aligned: dict[int, list[dict[str, float]]] = {}
    for unrelated in UNRELATED:
        say(f"{unrelated} unrelated rows")
        first[unrelated] = [preferred(seed, unrelated) for seed in seeds]
        aligned[unrelated] = [recovered(seed, unrelated) for seed in seeds]
    _tell(report, "pairs in which the matched candidate scores higher, %", first)
    _tell(report, "rows whose copy has the largest weight, %", aligned)
    claim(
        report, OF, f"{METHOD}: matched above wrong, {BALANCED}, 0 unrelated rows",
        [row[BALANCED] for row in first[0]], "% of pairs", f">= {FIRST}",
    )  # fmt: skip
    for name, unrelated in ((BALANCED, 0), (PARTIAL, MANY)):
        claim(
            report, OF if name == BALANCED else None,
            f"{METHOD}: rows whose copy the plan finds, {name}, {unrelated} unrelated rows",
            [row[name] for row in aligned[unrelated]], "%", f">= {ALIGNED}",
        )  # fmt: skip
    for other, unrelated, target in COMPARED:
        both = [(row[PARTIAL], row[other]) for row in first[unrelated]]
        claim(
            report, None,
            f"{METHOD}: matched above wrong, {PARTIAL} minus {other}, {unrelated} unrelated rows",
            [ours - theirs for ours, theirs in both], "points", target,
            note="{:.1f} % against {:.1f} %".format(*np.mean(both, axis=0)),
        )  # fmt: skip


def preferred(seed: int, unrelated: int) -> dict[str, float]:
    """In how many per cent of the trials the matched candidate scores higher, by the method."""
    trials = list(_trials(seed, unrelated))
    found = {}
    for name in rerankings.names():
        compare = rerankings.configure(name)
        scores = np.stack([compare(query, rows, mask, lambda: None) for query, rows, mask in trials])
        found[name] = 100 * float((scores[:, 0] > scores[:, 1]).mean())
    return found


def recovered(seed: int, unrelated: int) -> dict[str, float]:
    """Of how many per cent of the query's rows the largest weight is on the copy, by the method."""
    trials = list(_trials(seed, unrelated))
    found = {}
    for name in rerankings.names():
        summarise = rerankings.form(SUMMARY, name)
        best = [
            summarise(query, rows[:1], np.ones_like(mask[:1]), lambda: None).weights[0].argmax(axis=1)
            for query, rows, mask in trials
        ]
        found[name] = 100 * float((np.stack(best) == np.arange(ROWS)).mean())
    return found


def _trials(seed: int, unrelated: int) -> Iterator[tuple[Array, Array, Array]]:
    """A query's rows, and the rows and the mask of its two candidates, the matched one first.

    The first rows of the matched candidate are the copies, in the query's order. Both candidates have
    unrelated rows, and the mask hides those of one, by turns.
    """
    draw = np.random.default_rng([seed, unrelated])

    def random(*shape: int) -> Array:
        return unit_rows(draw.normal(size=(*shape, WIDTH)))

    for number in range(TRIALS):
        query = random(ROWS)
        rows = random(2, ROWS + unrelated)
        rows[:, :ROWS] = unit_rows(query + NOISE * rows[:, :ROWS])
        rows[1, ROWS // 2 : ROWS] = random(ROWS - ROWS // 2)
        mask = np.ones(rows.shape[:2], bool)
        mask[number % 2, ROWS:] = False
        yield query, rows, mask


def _tell(report: Report, what: str, found: Found) -> None:
    report.table(
        f"{METHOD}: {what}, mean over seeds",
        [
            {"unrelated rows": count, **{name: float(np.mean([row[name] for row in of])) for name in of[0]}}
            for count, of in found.items()
        ],
    )
