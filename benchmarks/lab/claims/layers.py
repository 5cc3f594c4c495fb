"""Method 63: a pooling that looks at all layers reads what the last layer has lost (multi-layers trainable
pooling, arXiv:2409.02727).

How many words a sentence has is a property of its surface: early layers show it, and the last one, which was
trained for meaning, shows less of it. Real sentences are put into six classes by their number of words
(Conneau et al., 2018, arXiv:1805.01070, "SentLen"). MiniLM stays as it is. The same pooling is trained with
a linear classifier behind it, once over all six layers and once over the last alone; the table has the
accuracy of each single layer by the mean of its tokens, which shows where the classes can be read. Wilcoxon's
signed-rank test, which the paper asks for, is over the tested sentences: how often each is classified right,
over the seeds.

The paper's own claim is of large language models whose weights are trained as well, for similarity and
retrieval. `tieback train layer_pooling` reports what is gained there with a backbone that stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tieback.training.loop import Plan
from tieback.training.ranks import signed_rank
from tieback_contract.arrays import Array
from tieback_lab.methods import layer_pooling
from tieback_lab.methods.layer_pooling import READS, layer_poolings
from tieback_lab.recipes.train.layer_pooling import LearnedPooling, last_mean

from benchmarks.lab.claims import by_seed, claim
from benchmarks.lab.claims._frozen import (
    Classifier,
    Labelled,
    classified,
    data_folder,
    halves,
    premises,
    states_of,
)
from benchmarks.report import Report, Tried

METHOD = "63 (arXiv:2409.02727)"
OF = Tried(63, "ours", product=True, data="real")
BINS = ((5, 8), (9, 12), (13, 16), (17, 20), (21, 25), (26, 30))
PER_BIN, TESTED = 400, 1 / 3
FIT = {"latents": 2, "heads": 4, "expansion": 1}
STEPS, RATE, PROBE_RATE, LOOK_EVERY = 200, 1e-3, 0.01, 25
POINTS = 5


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims how many points of accuracy the other layers add."""
    sentences = of_lengths(list(premises(data_folder())))
    states = states_of(sentences.texts, layer_poolings.form(READS, "mltp"), "sentences of six lengths", say)
    layers = len(states.flat) - 1
    width = states.flat.shape[2]
    right: dict[str, list[Array]] = {"all layers": [], "last layer": []}
    tests = halves(len(states), TESTED, 0)

    def one(seed: int) -> dict[str, float]:
        for name, kept in (("all layers", range(layers + 1)), ("last layer", (0, layers))):
            sample = states.of(tests[0][:256])[0]
            start = layer_pooling.fit("mltp", [sample[layer].numpy() for layer in kept], FIT, seed=seed)
            pool = LearnedPooling(layer_poolings.get("mltp"), start)
            classifier = Classifier(pool, width, len(BINS))
            plan = Plan(STEPS, RATE, look_every=LOOK_EVERY, seed=seed)
            right[name].append(classified(states, sentences.labels, *tests, classifier, plan, kept)[0])
        return {name: 100 * float(found[-1].mean()) for name, found in right.items()}

    rows = by_seed(report, f"{METHOD}: accuracy of the number of words, %", seeds, one, say)
    probes = [
        classified(
            states,
            sentences.labels,
            *tests,
            Classifier(last_mean, width, len(BINS)),
            Plan(STEPS, PROBE_RATE, look_every=LOOK_EVERY),
            (layer,),
        )[0]
        for layer in range(layers + 1)
    ]
    report.table(
        f"{METHOD}: accuracy by the mean of one layer's tokens, % (0 are the embeddings)",
        [{"layer": layer, "accuracy": 100 * float(found.mean())} for layer, found in enumerate(probes)],
    )
    often = {name: np.mean(found, axis=0) for name, found in right.items()}
    p = signed_rank(often["all layers"] - often["last layer"])
    gained = [row["all layers"] - row["last layer"] for row in rows]
    name = f"{METHOD}: accuracy of a target of early layers over the last layer's trainable pooling"
    note = f"Wilcoxon's signed-rank test of all layers over the last: p = {p:.2g}"
    claim(report, OF, name, gained, "points", f">= {POINTS}", note=note)


def of_lengths(texts: Sequence[str]) -> Labelled:
    """The first `PER_BIN` texts of each number of words."""
    chosen: list[tuple[str, int]] = []
    for place, (least, most) in enumerate(BINS):
        fitting = [text for text in texts if least <= len(text.split()) <= most]
        chosen += [(text, place) for text in fitting[:PER_BIN]]
    return Labelled(tuple(text for text, _ in chosen), np.array([place for _, place in chosen]))
