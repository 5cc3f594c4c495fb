"""Transports between the neurons of a layer of one model and those of the same layer of another."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback.core.errors import InvalidInput
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

MOST_COPIES = 8192
"""Neurons that an exact transport between layers of two widths may be solved over."""
ITERATIONS = 200


@dataclass(frozen=True, slots=True)
class Transport:
    """How much of each neuron of the first model goes to each one of the second.

    `plan` is `[n0, n1]`; its rows sum to 1 / n0, and its columns to 1 / n1. A neuron of the second takes the
    mean of what its neurons produce, and what reads a neuron of the first is shared among those it goes to:
    so a model whose neurons are doubled still computes the same.
    """

    plan: Array

    @classmethod
    def identity(cls, width: int) -> Transport:
        """Each neuron to itself."""
        return cls(np.eye(width, dtype=np.float32) / np.float32(width))

    def produced(self, rows: Array) -> Array:
        """What the first's neurons produce `[n0, ...]`, as the second's `[n1, ...]`."""
        return np.asarray(_divided(self.plan, 0).T @ rows)

    def read(self, columns: Array) -> Array:
        """What reads the first's neurons `[..., n0]`, as it reads the second's `[..., n1]`."""
        return np.asarray(columns @ _divided(self.plan, 1))

    def mixed(self, other: Transport, weight: Array | float) -> Transport:
        """`weight` of the other, a number or one for each neuron of the second, and the rest of this."""
        return Transport(np.asarray((1 - weight) * self.plan + weight * other.plan, np.float32))


def _divided(plan: Array, axis: int) -> Array:
    """A plan whose sums along an axis are 1: exactly 0 and 1 where each neuron goes to one."""
    sums = plan.sum(axis, keepdims=True)
    return np.asarray(plan / np.where(sums > 0, sums, 1), np.float32)


def squared_distances(first: Array, second: Array) -> Array:
    """Between the rows `[..., n0, d]` and `[..., n1, d]`: `[..., n0, n1]`."""
    one, other = first.astype(np.float64), second.astype(np.float64)
    products = one @ np.swapaxes(other, -1, -2)
    squares = (one**2).sum(-1)[..., :, None] + (other**2).sum(-1)[..., None, :] - 2 * products
    return np.asarray(np.maximum(squares, 0))


def transport(costs: Array, smoothing: float) -> Transport:
    """The plan for which Σ plan · costs `[n0, n1]` is smallest, both sides of equal masses.

    With `smoothing`, a share of the mean cost, that of Sinkhorn (Cuturi, 2013, arXiv:1306.0895), in which a
    neuron goes to several.
    """
    return Transport(_smooth(costs, smoothing) if smoothing else _exact(costs))


def among_heads(parts: Sequence[tuple[Array, Array]], smoothing: float) -> list[Transport]:
    """Heads as wholes to heads, and within each pair of heads the values of each part to values.

    A part has rows of the first `[heads0, size, d]` and of the second `[heads1, size, d]`. Two heads cost
    what the transports of their parts cost together. The transports are over all values of all heads.
    """
    inner = [_between_heads(first, second, smoothing) for first, second in parts]
    heads = transport(np.sum([costs for _, costs in inner], axis=0), smoothing).plan
    found = []
    for plans, _ in inner:
        size0, size1 = plans.shape[2:]
        whole = heads[:, :, None, None] * plans
        spread = whole.transpose(0, 2, 1, 3).reshape(len(heads) * size0, heads.shape[1] * size1)
        found.append(Transport(np.asarray(spread, np.float32)))
    return found


def _between_heads(first: Array, second: Array, smoothing: float) -> tuple[Array, Array]:
    """For each pair of heads the plan `[heads0, heads1, size, size]`, and what it costs."""
    costs = squared_distances(first[:, None], second[None])
    pairs = costs.reshape(-1, *costs.shape[2:])
    plans = np.stack([transport(one, smoothing).plan for one in pairs]).reshape(costs.shape)
    return plans, (plans * costs).sum((2, 3))


def _exact(costs: Array) -> Array:
    """By an assignment of equally many copies of the neurons of either side."""
    from scipy.optimize import linear_sum_assignment

    n0, n1 = costs.shape
    copies = math.lcm(n0, n1)
    if copies > MOST_COPIES:
        raise InvalidInput(
            f"an exact transport of {n0} neurons to {n1} takes {copies} copies, and {MOST_COPIES} are the "
            "most; give a smoothing above 0",
            field=at("parameters", "smoothing"),
        )
    spread = np.repeat(np.repeat(costs, copies // n0, 0), copies // n1, 1)
    rows, columns = linear_sum_assignment(spread)
    plan = np.zeros((n0, n1), np.float32)
    np.add.at(plan, (rows // (copies // n0), columns // (copies // n1)), np.float32(1 / copies))
    return plan


def _smooth(costs: Array, smoothing: float) -> Array:
    """Sinkhorn's plan, in logarithms; the columns are exact."""
    n0, n1 = costs.shape
    kernel = -costs / max(smoothing * float(costs.mean()), np.finfo(np.float64).tiny)
    left, right = np.zeros((n0, 1)), np.zeros((1, n1))
    for _ in range(ITERATIONS):
        left = -_log_sums(kernel + right, 1) - math.log(n0)
        right = -_log_sums(kernel + left, 0) - math.log(n1)
    return np.asarray(np.exp(kernel + left + right), np.float32)


def _log_sums(values: Array, axis: int) -> Array:
    largest = values.max(axis, keepdims=True)
    return np.asarray(largest + np.log(np.exp(values - largest).sum(axis, keepdims=True)))


# The parts of a transformer of BERT's build, by the names of its tensors: which neurons a tensor has.
#
# Behind the blocks, and in a model without any, are linear layers in a chain, as of a head or a perceptron.
WEIGHT, BIAS = ".weight", ".bias"
QUERY, KEY, VALUE = (f"attention.self.{name}" for name in ("query", "key", "value"))
MIXED, MIXED_NORM = "attention.output.dense", "attention.output.LayerNorm"
WIDENED, NARROWED, NORM = "intermediate.dense", "output.dense", "output.LayerNorm"
OF_BLOCK = (QUERY, KEY, VALUE, MIXED, MIXED_NORM, WIDENED, NARROWED, NORM)
TABLES = ("word_embeddings", "position_embeddings", "token_type_embeddings")
TABLES_NORM = "LayerNorm"
_IN_BLOCK = re.compile(rf"((?:.*\.)?layer\.\d+)\.(?:{'|'.join(map(re.escape, OF_BLOCK))})$")
_EMBEDDINGS = re.compile(r"(?:^|\.)embeddings$")


@dataclass(frozen=True, slots=True)
class Parts:
    """Names of modules: what holds the tables of the embeddings, the tables, the blocks, the chain behind."""

    embeddings: str | None
    tables: tuple[str, ...]
    blocks: tuple[str, ...]
    chain: tuple[str, ...]


def parts_of(weights: Mapping[str, Array]) -> Parts:
    """The parts of a model. InvalidInput, with a tensor, where it is neither of BERT's build nor a chain."""
    modules = {name.removesuffix(WEIGHT).removesuffix(BIAS) for name in weights}
    found = {match[1] for name in modules if (match := _IN_BLOCK.match(name))}
    blocks = sorted(found, key=_numbers)
    tables = [name for name in modules if name.rpartition(".")[2] in TABLES]
    rooms = {name.rpartition(".")[0] for name in tables}
    taken = {f"{block}.{part}" for block in blocks for part in OF_BLOCK} | set(tables)
    taken |= {f"{room}.{TABLES_NORM}" for room in rooms}
    if blocks or tables:
        if len(rooms) != 1 or not _EMBEDDINGS.search(next(iter(rooms))):
            raise _no_transformer("embeddings.word_embeddings.weight")
        for module in sorted(taken):
            if module + WEIGHT not in weights:
                raise _no_transformer(module + WEIGHT)
    chain = sorted(modules - taken, key=_numbers)
    return Parts(next(iter(rooms), None), tuple(sorted(tables)), tuple(blocks), tuple(chain))


def check_chain(weights: Mapping[str, Array], chain: tuple[str, ...], width: int | None) -> None:
    """InvalidInput where layers do not follow each other, the first behind neurons of that number."""
    shapes = [weights[layer + WEIGHT].shape if layer + WEIGHT in weights else () for layer in chain]
    fits = all(len(shape) == 2 for shape in shapes)
    if fits and shapes and width is not None:
        fits = shapes[0][1] == width
    if not fits or any(after[1] != before[0] for before, after in itertools.pairwise(shapes)):
        raise InvalidInput(
            "optimal_transport aligns transformers of BERT's build and chains of linear layers, and "
            f"{', '.join(chain)} are none; take another method",
            field="base",
        )


def _no_transformer(tensor: str) -> InvalidInput:
    return InvalidInput(
        f"optimal_transport aligns transformers of BERT's build, and these weights lack {tensor}; take "
        "another method",
        field="base",
    )


def _numbers(name: str) -> list[tuple[int, str]]:
    """Names in the order of the numbers within them: layer 10 behind layer 9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
