"""Which weights a modality's queries get: by what each of them is, or the same for all.

What a query looks for is not known, so what counts is the largest loss of weights on any task, against those
that are best on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.joint.block_weights import block_weights
from tieback.joint.retrieval import Task, places, reciprocal, score, similarities
from tieback.joint.space import Joint
from tieback.models.joint.artifact import BoundRouter


@dataclass(frozen=True, slots=True)
class Compared:
    """By candidate, and by task, the mean reciprocal rank of held-out partners."""

    modality: Modality
    found: Mapping[str, Mapping[str, float]]

    def loss(self, candidate: str) -> float:
        """The largest loss of the candidate on a task, against the one that is best on it."""
        best = {task: max(one[task] for one in self.found.values()) for task in self.found[candidate]}
        return max(best[task] - value for task, value in self.found[candidate].items())

    @property
    def best(self) -> str:
        """The candidate with the smallest loss; of equal ones the first."""
        return min(self.found, key=self.loss)

    def reported(self, served: str) -> dict[str, Any]:
        """For the artifact's metrics, with the candidate that is `served`."""
        candidates = [
            {"candidate": candidate, "loss": round(self.loss(candidate), 4)}
            | {task: round(value, 4) for task, value in tasks.items()}
            for candidate, tasks in self.found.items()
        ]
        return {
            "modality": self.modality.value,
            "served": served,
            "smallest_loss": self.best,
            "candidates": candidates,
        }

    def words(self, served: str) -> str:
        """In words; a warning where another candidate loses less than the one that is `served`."""
        losses = ", ".join(f"{candidate} {self.loss(candidate):.3f}" for candidate in self.found)
        warning = "" if served == self.best else f"warning: {self.best} would lose less: "
        return (
            f"{warning}queries of {self.modality} are weighted by {served}; the most that is lost of the "
            f"reciprocal rank of held-out partners on a task: {losses}"
        )


def compared(joint: Joint, tasks: Sequence[Task], candidates: Mapping[str, BoundRouter]) -> Compared | None:
    """The candidates, all of one modality, by its tasks; those of one name count together. None without any.

    Each task looks among the documents of all of them, as in a library of texts, photos and sounds.
    """
    modality = next(iter(candidates.values())).modality
    chosen = [task for task in tasks if task.modality is modality]
    stored = {id(task.documents): joint.project_inputs(task.documents) for task in chosen}
    sizes = {id(task.documents): task.size for task in chosen}
    begins = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
    found: dict[str, dict[str, list[float]]] = {candidate: {} for candidate in candidates}
    for task in chosen:
        queries = joint.project_inputs(task.queries)
        cosines = [similarities(queries, documents) for documents in stored.values()]
        right = begins[id(task.documents)] + np.arange(task.size)
        for candidate, router in candidates.items():
            weights = block_weights(router, task.queries, joint.widths, joint.names, queries)
            scores = np.concatenate(
                [
                    score(one, weights) if one else np.zeros((task.size, size))
                    for one, size in zip(cosines, sizes.values(), strict=True)
                ],
                axis=1,
            )
            found[candidate].setdefault(task.name, []).append(float(reciprocal(places(scores, right)).mean()))
    if not chosen:
        return None
    means = {
        candidate: {task: float(np.mean(values)) for task, values in by_task.items()}
        for candidate, by_task in found.items()
    }
    return Compared(modality, means)


def fixed(modality: Modality, weights: Mapping[str, float]) -> BoundRouter:
    """The same weights for all queries of the modality."""
    return BoundRouter(modality, (), "explicit", {"weights": dict(weights)}, {})


# The weights of several spaces that encode the same kind of thing.
#
# One weight per space, the same for all inputs, by which partners are separated best. It is what a router's
# scores are drawn towards for blocks of one kind: which of three encoders of texts finds a sentence's
# partner is a fact about the encoders, and a router that was to learn it from single inputs would be less
# sure of it.
TEMPERATURE = 0.05
MOST, STEPS = 2000, 30


def block_priors(
    queries: Sequence[Array], documents: Sequence[Array], groups: Array | None = None, *, trust: float = 1.0
) -> Array:
    """Weights `[spaces]`, which sum to 1, from unit rows `[pairs, width]` of each space, partners in place.

    They make partners most likely among all documents (InfoNCE, both ways) when each space's cosine counts by
    its weight; `trust` is how far they are followed, and the rest is equal weights. Rows of one `groups`
    number `[pairs]` are never separated.
    """
    count = min(len(queries[0]), MOST)
    chosen = np.linspace(0, len(queries[0]) - 1, count).astype(int)
    cosines = np.stack([one[chosen] @ other[chosen].T for one, other in zip(queries, documents, strict=True)])
    numbers = chosen if groups is None else np.asarray(groups)[chosen]
    alike = (numbers[:, None] == numbers) & ~np.eye(count, dtype=bool)
    import torch
    from torch.nn.functional import cross_entropy

    near, right = torch.from_numpy(cosines / TEMPERATURE), torch.arange(count)
    never = torch.from_numpy(alike)
    logits = torch.zeros(len(cosines), requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=STEPS, line_search_fn="strong_wolfe")

    def step() -> float:
        optimiser.zero_grad()
        scores = torch.tensordot(logits.softmax(0), near, 1).masked_fill(never, -torch.inf)
        loss = (cross_entropy(scores, right) + cross_entropy(scores.T, right)) / 2
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        return loss.item()

    optimiser.step(step)  # type: ignore[no-untyped-call]  # torch's own
    fitted = logits.detach().softmax(0).numpy()
    return np.asarray(trust * fitted + (1 - trust) / len(fitted))


def scores_for(weights: Array, sharpness: float) -> Array:
    """The scores, 1 for the largest, that a softmax of this sharpness makes the weights of."""
    return np.asarray(np.clip(1 + np.log(weights / weights.max()) / sharpness, 0, 1))
