"""Method 59: heads that a low-rank form weights keep what the mean of the tokens has (LAMA,
arXiv:1912.00835).

Definitions of WordNet are to be told apart by what they define: one of eight topics, by their hypernyms.
MiniLM stays as it is. LAMA over the tokens of its last layer, with a linear classifier behind it, is compared
with the same classifier behind the mean of the tokens. Some of the training texts choose the step and the
learning rate of each. The paper's own rival is there too: as many heads, of which each has a full bilinear
form between the context and the tokens, so m·D² + D parameters where LAMA has 2Dm + D. The paper trains the
network below as well.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from tieback.methods.projection import unit_tensor
from tieback.training.loop import Plan
from tieback.training.ranks import signed_rank
from tieback_contract.arrays import Array
from tieback_lab.methods import layer_pooling
from tieback_lab.methods.layer_pooling import READS, layer_poolings
from tieback_lab.recipes.train.layer_pooling import LearnedPooling, last_mean
from torch import Tensor

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


class BilinearHeads(torch.nn.Module):
    """LAMA with a form of full rank `[width, width]` for each head: a token h has the score tanh(cᵀWh)."""

    def __init__(self, width: int, heads: int, seed: int) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.forms = torch.nn.Parameter(torch.empty(heads, width, width))
        self.context = torch.nn.Parameter(torch.empty(width, 1))
        for one in (*self.forms, self.context):
            torch.nn.init.xavier_uniform_(one, generator=draw)

    def forward(self, states: Sequence[Tensor], sizes: Tensor) -> Tensor:
        """Unit vectors `[texts, heads · width]`."""
        asked = (self.context.T @ self.forms).squeeze(1)
        scores = torch.tanh(states[-1] @ asked.T)
        raised = unit_tensor(scores).exp() * sizes[..., None]
        weights: Tensor = raised / raised.sum(dim=1, keepdim=True)
        return unit_tensor((weights.transpose(1, 2) @ states[-1]).flatten(1))


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims how many points of accuracy the heads lose at most against the mean and against full forms."""
    texts = definitions(data_folder(), list(TOPICS.values()), PER_TOPIC)
    states = states_of(texts.texts, layer_poolings.form(READS, "lama"), "definitions of eight topics", say)
    width = states.flat.shape[2]
    method, rivals = layer_poolings.get("lama"), ("mean", "full forms")
    differences: dict[str, list[Array]] = {name: [] for name in rivals}

    def one(seed: int) -> dict[str, float]:
        places = halves(len(states), TESTED, seed)
        sample = [one.numpy() for one in states.of(places[0][:64])[0]]
        heads = LearnedPooling(method, layer_pooling.fit("lama", sample, {"heads": HEADS}, seed=seed))
        full = BilinearHeads(width, HEADS, seed)
        right = {}
        for name, pool, wide in (
            ("mean", last_mean, width),
            ("LAMA", heads, HEADS * width),
            ("full forms", full, HEADS * width),
        ):
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
        for rival in rivals:
            differences[rival].append(right["LAMA"].astype(float) - right[rival])
        return {name: 100 * float(found.mean()) for name, found in right.items()}

    rows = by_seed(report, f"{METHOD}: accuracy of {len(TOPICS)} topics, %", seeds, one, say)
    for rival, said in zip(rivals, ("the mean of the tokens", "heads of full bilinear forms"), strict=True):
        gained = [row["LAMA"] - row[rival] for row in rows]
        p = signed_rank(np.concatenate(differences[rival]))
        note = f"Wilcoxon's signed-rank test over tested texts of all seeds: p = {p:.2g}"
        claim(report, OF, f"{METHOD}: accuracy over {said}", gained, "points", f">= {POINTS}", note=note)
