"""The network that reads a question, or a claim, and sentences together, and how it is learned.

A text encoder's layers over both at once: its word table and its first layers stay as they are. Beside the
verdict and whether a question is answered, it tells token by token what of a claim is not there, and what of
the sentences is the answer: most made pairs differ from one another in a token or two.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tieback.models.text.question_reader import ANSWERED, EMBEDDED, OWN, VERDICT
from tieback.recipes.graphs.quantise import quantise
from tieback.recipes.graphs.torch_export import export_module
from tieback.training.loop import Attempt, Checkpoint
from tieback_contract.arrays import Array
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, softplus

from tieback_lab.recipes.reading.made_claims import SUPPORTED
from tieback_lab.recipes.reading.reading_pairs import NOT_SUPPORTED, UNKNOWN, Read

SMOOTHING = 0.05
ANSWERED_WEIGHT, TOKENS_WEIGHT, RARE = 1.4, 0.6, 4.0
"""Of the losses beside that of the verdict; how much more a marked token counts than another one."""
BATCHES_AT_ONCE = 12
"""Pairs of so many batches are drawn at once, and batches made of like lengths: less is padding."""
FEWEST = 8
"""Pairs of a batch: fewer are left over, and wait for nothing."""
WARM_UP = 120
HEADS_RATE, DECAY, LARGEST_NORM = 5.0, 0.01, 1.0
BETAS = (0.9, 0.98)
FAR = -1e4
SAMPLE = 64
"""Pairs by whose sizes the graph is coded in 8 bits."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and by what it is learned: a rate that rises over `WARM_UP` steps, then falls to 0 in a line.

    A step takes as many pairs as have `tokens` together, of which each kind has its part of `shares`. The
    first `frozen` layers stay as they are. It ends where `patience` looks in a row, of which there is one
    every `look_every` steps, found less than the best one; 0 for never.
    """

    steps: int
    tokens: int
    learning_rate: float
    frozen: int
    seed: int
    shares: Mapping[str, float]
    look_every: int = 500
    patience: int = 0


class ReadingNetwork(nn.Module):
    """A BERT's embeddings and layers, and three heads."""

    def __init__(self, bert: Any, frozen: int) -> None:
        super().__init__()
        self.bert = bert
        width = int(bert.config.hidden_size)
        self.verdict, self.answered = nn.Linear(2 * width, 3), nn.Linear(2 * width, 1)
        self.tokens = nn.Linear(width, 2)
        for head in self.heads:
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)
        for part in (bert.embeddings, *bert.encoder.layer[:frozen]):
            part.requires_grad_(False)

    @property
    def heads(self) -> tuple[nn.Linear, nn.Linear, nn.Linear]:
        """Of the verdict, the answer and the tokens."""
        return self.verdict, self.answered, self.tokens

    def embedded(self, ids: Tensor, types: Tensor) -> Tensor:
        """`[n, tokens, width]` of token numbers and types `[n, tokens]`."""
        found: Tensor = self.bert.embeddings(input_ids=ids, token_type_ids=types)
        return found

    def forward(self, embedded: Tensor, own: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the verdict `[n, 3]`, the answer `[n]` and the tokens `[n, tokens, 2]`; `own` and `mask`
        `[n, tokens]` are 1 for the tokens of the first text, and for those that are no padding.
        """
        states, beside = embedded, (1 - mask)[:, None, None, :] * FAR
        for layer in self.bert.encoder.layer:
            given = layer(states, beside)
            states = given[0] if isinstance(given, tuple) else given
        mean = (states * own[..., None]).sum(dim=1) / own.sum(dim=1, keepdim=True)
        both = torch.cat([states[:, 0], mean], dim=-1)
        return self.verdict(both), self.answered(both)[:, 0], self.tokens(states)


class Served(nn.Module):
    """The same of pairs without padding, to what is served: the logits of an answer `[n]` and of the verdict
    `[n, 3]`.
    """

    def __init__(self, network: ReadingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, embedded: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """The logits of an answer, and of the verdict."""
        verdict, answered, _ = self.network(embedded, own, torch.ones_like(own))
        return answered, verdict


def learn_to_read(
    network: ReadingNetwork,
    pairs: Sequence[Read],
    plan: Plan,
    attempt: Attempt,
    look: Callable[[ReadingNetwork], float] | None = None,
) -> list[tuple[int, float, float]]:
    """Trains the network in place, to where `look` found most; mean losses and what was found, by step.

    Products are computed in bfloat16, which takes a third of the time where a processor has them.
    """
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(plan.seed)
    body = [(name, one) for name, one in network.bert.named_parameters() if one.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [one for _, one in body if one.ndim > 1], "weight_decay": DECAY, "times": 1.0},
        {"params": [one for _, one in body if one.ndim < 2], "weight_decay": 0.0, "times": 1.0},
        {
            "params": [one for head in network.heads for one in head.parameters()],
            "weight_decay": 0.0,
            "times": HEADS_RATE,
        },
    ]
    optimiser = torch.optim.AdamW(groups, lr=plan.learning_rate, betas=BETAS)
    learned = [one for group in groups for one in group["params"]]
    losses: list[tuple[int, float, float]] = []
    pending: list[float] = []
    step, best = 0, {}
    if (found := attempt.found(attempt.trained_on)) is not None:
        best = found.restore(network, optimiser, generator)
        step, losses = int(found.history["step"]), [tuple(one) for one in found.history["losses"]]
    batches = _batches(pairs, plan, generator)
    network.train()
    begin, first = time.monotonic(), step
    while step < plan.steps:
        rate = plan.learning_rate * min((step + 1) / WARM_UP, 1 - step / plan.steps)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["times"]
        value = _loss(network, batches())
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]  # torch's own
        nn.utils.clip_grad_norm_(learned, LARGEST_NORM)
        optimiser.step()
        step += 1
        pending.append(float(value.detach()))
        if step % plan.look_every == 0 or step == plan.steps:
            seen = 0.0 if look is None else _looked(network, look)
            if seen >= max((one[2] for one in losses), default=0.0):
                best = {name: one.detach().clone() for name, one in network.state_dict().items()}
            losses.append((step, sum(pending) / len(pending), seen))
            pending.clear()
            left = (time.monotonic() - begin) / (step - first) * (plan.steps - step)
            attempt.progress(
                step / plan.steps,
                f"reading: step {step} of {plan.steps}, {left:.0f} s left, loss {losses[-1][1]:.4f}, "
                f"left out {seen:.4f}",
            )
            history = {"step": step, "losses": losses}
            attempt.keep(Checkpoint.of(network, best, optimiser, generator, history), attempt.trained_on)
            found_most = max(range(len(losses)), key=lambda place: losses[place][2])
            if 0 < plan.patience <= len(losses) - 1 - found_most:
                break
    network.load_state_dict(best)
    attempt.end()
    network.eval()
    return losses


def _looked(network: ReadingNetwork, look: Callable[[ReadingNetwork], float]) -> float:
    network.eval()
    with torch.no_grad():
        seen = look(network)
    network.train()
    return seen


def read_by(network: ReadingNetwork, pairs: Sequence[Read], tokens: int) -> Array:
    """The logits of verdict and answer `[n, 4]` of pairs, in their order."""
    order = sorted(range(len(pairs)), key=lambda place: len(pairs[place].ids))
    found, place = np.zeros((len(pairs), 4), np.float32), 0
    for some in _cut([pairs[one] for one in order], tokens, fewest=1):
        ids, types, mask, _ = _padded(some)
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            verdict, answered, _ = network(network.embedded(ids, types), (1 - types) * mask, mask)
        rows = torch.cat([verdict, answered[:, None]], dim=1).float().numpy()
        found[order[place : place + len(some)]] = rows
        place += len(some)
    return found


def _batches(pairs: Sequence[Read], plan: Plan, generator: torch.Generator) -> Callable[[], Sequence[Read]]:
    """Gives the next batch."""
    kinds: dict[str, list[Read]] = {}
    for one in pairs:
        kinds.setdefault(one.kind, []).append(one)
    weights = {kind: torch.from_numpy(_weights(those)) for kind, those in kinds.items()}
    lengths = {
        kind: float(weights[kind] @ torch.tensor([float(len(one.ids)) for one in those]).double())
        for kind, those in kinds.items()
    }
    waiting: list[Sequence[Read]] = []

    def following() -> Sequence[Read]:
        if not waiting:
            drawn: list[Read] = []
            for kind, share in plan.shares.items():
                if kind not in kinds:
                    continue
                count = max(1, int(share * plan.tokens * BATCHES_AT_ONCE / lengths[kind]))
                places = torch.multinomial(weights[kind], count, replacement=True, generator=generator)
                drawn += [kinds[kind][place] for place in places.tolist()]
            noise = torch.rand(len(drawn), generator=generator).tolist()
            order = sorted(range(len(drawn)), key=lambda place: len(drawn[place].ids) + noise[place])
            cut = list(_cut([drawn[place] for place in order], plan.tokens))
            waiting.extend(cut[place] for place in torch.randperm(len(cut), generator=generator).tolist())
        return waiting.pop()

    return following


def _cut(pairs: Sequence[Read], tokens: int, fewest: int = FEWEST) -> Iterator[Sequence[Read]]:
    """Batches of pairs, the shortest first, each of at most so many tokens with its padding."""
    begin = 0
    for end in range(1, len(pairs) + 1):
        if end == len(pairs) or len(pairs[end].ids) * (end + 1 - begin) > tokens:
            if end < len(pairs) or end - begin >= fewest or begin == 0:
                yield pairs[begin:end]
            begin = end


def _weights(pairs: Sequence[Read]) -> Array:
    """How often each pair is drawn: its set by a power of its size, within it every label alike."""
    counts: dict[str, int] = {}
    by_label: dict[tuple[str, int, int], int] = {}
    for one in pairs:
        counts[one.source] = counts.get(one.source, 0) + 1
        key = (one.source, one.label, one.answered)
        by_label[key] = by_label.get(key, 0) + 1
    labels = {source: sum(key[0] == source for key in by_label) for source in counts}
    power = 0.8 if pairs[0].kind == "sentences" else 0.6
    found = np.array(
        [
            counts[one.source] ** power / labels[one.source] / by_label[one.source, one.label, one.answered]
            for one in pairs
        ]
    )
    return np.asarray(found / found.sum())


def _loss(network: ReadingNetwork, batch: Sequence[Read]) -> Tensor:
    ids, types, mask, marked = _padded(batch)
    label = torch.tensor([one.label for one in batch])
    answered = torch.tensor([float(one.answered) for one in batch])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = network(network.embedded(ids, types), (1 - types) * mask, mask)
    verdict, answer, tokens = (one.float() for one in found)
    loss = torch.zeros(())
    judged, asked = (label != UNKNOWN) & (label != NOT_SUPPORTED), answered != UNKNOWN
    if (other := label == NOT_SUPPORTED).any():
        odds = verdict[other, SUPPORTED] - verdict[other, SUPPORTED + 1 :].logsumexp(dim=1)
        loss = loss + softplus(odds).mul(1 - SMOOTHING).add(softplus(-odds), alpha=SMOOTHING).sum()
    if judged.any():
        loss = loss + cross_entropy(
            verdict[judged], label[judged], label_smoothing=SMOOTHING, reduction="sum"
        )
    if asked.any():
        wanted = answered[asked] * (1 - 0.8 * SMOOTHING) + 0.4 * SMOOTHING
        loss = loss + ANSWERED_WEIGHT * binary_cross_entropy_with_logits(
            answer[asked], wanted, reduction="sum"
        )
    known = marked != UNKNOWN
    of = torch.tensor([int(one.answered != UNKNOWN) for one in batch])[:, None, None]
    of_tokens = tokens.gather(-1, of.expand(-1, tokens.shape[1], 1))[..., 0]
    each = binary_cross_entropy_with_logits(
        of_tokens, marked.clamp(min=0), reduction="none", pos_weight=torch.tensor(RARE)
    )
    each = (each * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)
    return (loss + TOKENS_WEIGHT * each.sum()) / len(batch)


def _padded(batch: Sequence[Read]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Token numbers, types, mask and marks `[n, tokens]`; padding has the mask 0."""
    shape = len(batch), max(len(one.ids) for one in batch)
    ids, types = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    mask, marked = np.zeros(shape, np.float32), np.full(shape, UNKNOWN, np.float32)
    for row, one in enumerate(batch):
        count = len(one.ids)
        ids[row, :count], types[row, :count], mask[row, :count] = one.ids, one.types, 1
        marked[row, :count] = one.marked
    return torch.from_numpy(ids), torch.from_numpy(types), torch.from_numpy(mask), torch.from_numpy(marked)


def graph_of(network: ReadingNetwork, sample: Sequence[Read]) -> bytes:
    """The graph that is served, its products in 8 bits, by the sizes that pairs lead to."""
    network.bert.config._attn_implementation = "eager"  # the tracer knows its operations
    network.eval()
    with tempfile.TemporaryDirectory() as folder:
        exact, coded = Path(folder) / "exact.onnx", Path(folder) / "coded.onnx"
        with torch.no_grad():
            ids, types, mask, _ = _padded(sample[:SAMPLE])
            values: Mapping[str, Tensor] = {
                EMBEDDED: network.embedded(ids, types) * mask[..., None],
                OWN: (1 - types) * mask,
            }
        export_module(
            Served(network),
            [one[:2] for one in values.values()],
            exact,
            inputs=list(values),
            outputs=[ANSWERED, VERDICT],
            dynamic={name: {0: "pairs", 1: "tokens"} for name in values}
            | {name: {0: "pairs"} for name in (ANSWERED, VERDICT)},
        )
        quantise(exact, coded, {name: one.numpy() for name, one in values.items()})
        return coded.read_bytes()
