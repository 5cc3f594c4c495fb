"""Method 59: heads that a low-rank form weights keep what the mean of the tokens has (LAMA,
arXiv:1912.00835).

Definitions of WordNet are to be told apart by what they define: one of eight topics, by their hypernyms.
MiniLM stays as it is. LAMA over the tokens of its last layer, with a linear classifier behind it, is compared
with the same classifier behind the mean of the tokens. Some of the training texts choose the step and the
learning rate of each. The paper compares with attention of a full bilinear form, which has m·D² parameters
where LAMA has 2Dm + D; that is a count, and a test has it. It trains the network below as well.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
from tieback.training.loop import Plan
from tieback.training.ranks import signed_rank
from tieback_lab.methods import layer_pooling
from tieback_lab.methods.layer_pooling import READS, layer_poolings
from tieback_lab.recipes.train.layer_pooling import LearnedPooling, last_mean

from benchmarks.lab.claims import by_seed, claim
from benchmarks.lab.claims._frozen import (
    Classifier,
    classified,
    data_folder,
    definitions,
    halves,
    states_of,
)
from benchmarks.report import Report, Tried

METHOD = "59 (arXiv:1912.00835)"
OF = Tried(59, "ours", product=True, data="real")
TOPICS = {
    "taxonomic group": "07992450",
    "person": "00007846",
    "location": "00027167",
    "artifact": "00021939",
    "human activity": "00030358",
    "attribute": "00024264",
    "to move": "02367363",
    "to modify": "00126264",
}
"""What is defined, with its number in WordNet."""
PER_TOPIC, TESTED = 160, 1 / 3
HEADS = 8
STEPS, RATES, LOOK_EVERY = 200, (1e-3, 3e-3, 1e-2), 25
POINTS = -0.5


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims how many points of accuracy the heads lose at most."""
    texts = definitions(data_folder(), list(TOPICS.values()), PER_TOPIC)
    states = states_of(texts.texts, layer_poolings.form(READS, "lama"), "definitions of eight topics", say)
    width = states.flat.shape[2]
    method, differences = layer_poolings.get("lama"), []

    def one(seed: int) -> dict[str, float]:
        places = halves(len(states), TESTED, seed)
        sample = [one.numpy() for one in states.of(places[0][:64])[0]]
        heads = LearnedPooling(method, layer_pooling.fit("lama", sample, {"heads": HEADS}, seed=seed))
        right = {}
        for name, pool, wide in (("mean", last_mean, width), ("LAMA", heads, HEADS * width)):
            found = [
                classified(
                    states,
                    texts.labels,
                    *places,
                    Classifier(copy.deepcopy(pool), wide, len(TOPICS)),
                    Plan(STEPS, rate, look_every=LOOK_EVERY, seed=seed),
                )
                for rate in RATES
            ]
            right[name] = max(found, key=lambda pair: pair[1])[0]
        differences.append(right["LAMA"].astype(float) - right["mean"])
        return {name: 100 * float(found.mean()) for name, found in right.items()}

    rows = by_seed(report, f"{METHOD}: accuracy of {len(TOPICS)} topics, %", seeds, one, say)
    gained = [row["LAMA"] - row["mean"] for row in rows]
    p = signed_rank(np.concatenate(differences))
    note = f"Wilcoxon's signed-rank test over tested texts of all seeds: p = {p:.2g}"
    name = f"{METHOD}: accuracy over the mean of the tokens"
    claim(report, OF, name, gained, "points", f">= {POINTS}", note=note)
