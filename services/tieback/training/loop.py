"""The training loop: seeded, with early stopping, checkpoints that a run goes on from, and a forecast.

A recipe gives a module and a function that draws a batch and returns its loss. Everything that is drawn comes
from one generator, whose state is part of a checkpoint: a run that was interrupted ends with the weights of
one that was not, bit for bit.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, normalize

from tieback.core.durable_files import write_durably
from tieback.training.digests import digest

Loss = Callable[[torch.Generator], Tensor]
"""Draws a batch and returns its loss, a scalar that the module's parameters can be moved by."""

Progress = Callable[[float, str], None]
"""Is called with the share that is done, 0 to 1, and what is being done."""


# A training that can be gone on with: safetensors with a JSON header, written in one step.
#
# It holds the module's weights, the best ones so far, the optimiser's state and that of the generator. One
# that is broken, or of another plan, module or data (its key), is as good as none.
MODULE, BEST, OPTIMISER, DRAW = "module.", "best.", "optimiser.", "draw"


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """`tensors` by what they belong to, and the `history` up to then."""

    tensors: Mapping[str, Tensor]
    history: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        module: torch.nn.Module,
        best: Mapping[str, Tensor],
        optimiser: torch.optim.Optimizer,
        draw: torch.Generator,
        history: Mapping[str, Any],
    ) -> Checkpoint:
        """As it is now."""
        tensors = {f"{MODULE}{name}": one for name, one in module.state_dict().items()}
        tensors |= {f"{BEST}{name}": one for name, one in best.items()}
        for place, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{OPTIMISER}{place}.{name}": torch.as_tensor(one) for name, one in state.items()}
        return cls(tensors | {DRAW: draw.get_state()}, history)

    def write(self, path: Path, key: str) -> None:
        """Replaces the one of before."""
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: one.detach().clone().contiguous() for name, one in self.tensors.items()}
        write_durably(path, save(tensors, {"key": key, "history": json.dumps(self.history)}))

    @classmethod
    def read(cls, path: Path, key: str) -> Checkpoint | None:
        """None where there is none of that key that can be read."""
        try:
            with safe_open(path, "pt") as file:
                header = file.metadata() or {}
                if header.get("key") != key:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
                return cls(tensors, json.loads(header["history"]))
        except (OSError, SafetensorError, ValueError, KeyError):
            return None

    def restore(
        self, module: torch.nn.Module, optimiser: torch.optim.Optimizer, draw: torch.Generator
    ) -> dict[str, Tensor]:
        """Puts everything back where it was; returns the best weights."""
        module.load_state_dict(self._under(MODULE))
        state: dict[int, dict[str, Tensor]] = {}
        for name, one in self._under(OPTIMISER).items():
            place, _, what = name.partition(".")
            state.setdefault(int(place), {})[what] = one
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        draw.set_state(self.tensors[DRAW])
        return self._under(BEST)

    def _under(self, prefix: str) -> dict[str, Tensor]:
        names: Iterable[str] = (name for name in self.tensors if name.startswith(prefix))
        return {name.removeprefix(prefix): self.tensors[name] for name in names}


@dataclass(frozen=True, slots=True)
class Plan:
    """How a module is trained: by AdamW (arXiv:1711.05101), its rate falling to 0 in half a cosine.

    Every `look_every` steps the module is validated and a checkpoint written. Training stops where `patience`
    looks in a row were not better than the best; 0 never stops early.
    """

    steps: int
    learning_rate: float
    weight_decay: float = 0.01
    look_every: int = 50
    patience: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a training, which another may go on from, and who hears how far it is.

    A `checkpoint` that is there is gone on from if it is of the same plan, module and what `trained_on`
    names, and is removed at the end. Without one, a training that was interrupted begins anew.
    """

    checkpoint: Path | None = None
    trained_on: str = ""
    progress: Progress = lambda _share, _doing: None

    def found(self, key: str) -> Checkpoint | None:
        """The checkpoint of that key, if there is one."""
        return None if self.checkpoint is None else Checkpoint.read(self.checkpoint, key)

    def keep(self, checkpoint: Checkpoint, key: str) -> None:
        """Replaces the checkpoint of before."""
        if self.checkpoint is not None:
            checkpoint.write(self.checkpoint, key)

    def end(self) -> None:
        """Removes the checkpoint."""
        if self.checkpoint is not None:
            self.checkpoint.unlink(missing_ok=True)


UNKEPT = Attempt()
"""One that nobody goes on from or hears of."""


@dataclass(slots=True)
class History:
    """What a training did: losses (the mean since the last look) and validations by step, and the best one.

    `resumed_at` is the step that a checkpoint was gone on from. `seconds` are those of this run alone.
    """

    steps: int = 0
    best_step: int = 0
    best: float | None = None
    stopped_early: bool = False
    resumed_at: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float]] = field(default_factory=list)
    validations: list[tuple[int, float]] = field(default_factory=list)

    def metrics(self) -> dict[str, Any]:
        """Without what differs between two runs that end alike."""
        found = asdict(self)
        del found["resumed_at"], found["seconds"]
        return found


def train(
    module: torch.nn.Module,
    loss: Loss,
    plan: Plan,
    attempt: Attempt = UNKEPT,
    *,
    validate: Callable[[], float] | None = None,
) -> History:
    """Trains the module in place, and leaves it with the weights of the best validation, or the last.

    `validate` returns how good the module is; higher is better.
    """
    torch.set_num_threads(1)
    draw = torch.Generator().manual_seed(plan.seed)
    optimiser = torch.optim.AdamW(module.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    history, best, pending = History(), _copied(module), list[float]()
    shapes = {name: list(one.shape) for name, one in module.state_dict().items()}
    key = digest(asdict(plan), attempt.trained_on, shapes)
    if (found := attempt.found(key)) is not None:
        history = History(**found.history)
        history.losses = [(step, value) for step, value in history.losses]
        history.validations = [(step, value) for step, value in history.validations]
        history.resumed_at, history.seconds = history.steps, 0.0
        best = found.restore(module, optimiser, draw)
    elif validate is not None:
        _look(history, validate)
    forecast = Forecast(history.steps, plan.steps)
    begin = time.monotonic()
    while history.steps < plan.steps and not history.stopped_early:
        for group in optimiser.param_groups:
            group["lr"] = plan.learning_rate * falling(history.steps, plan.steps)
        value = loss(draw)
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]  # torch's own
        optimiser.step()
        history.steps += 1
        pending.append(float(value.detach()))
        words = f"{forecast.words(history.steps)}, loss {pending[-1]:.4f}"
        attempt.progress(history.steps / plan.steps, words)
        if history.steps % plan.look_every and history.steps < plan.steps:
            continue
        history.losses.append((history.steps, sum(pending) / len(pending)))
        pending.clear()
        if _look(history, validate):
            best = _copied(module)
        history.stopped_early = _is_over(history, plan)
        history.seconds = time.monotonic() - begin
        attempt.keep(Checkpoint.of(module, best, optimiser, draw, asdict(history)), key)
    module.load_state_dict(best)
    attempt.end()
    return history


def said_every(steps: int, say: Callable[[str], None]) -> Progress:
    """A progress that reports after every so many steps what is being done."""
    counted = itertools.count(1)

    def heard(_share: float, doing: str) -> None:
        if next(counted) % steps == 0:
            say(doing)

    return heard


class Forecast:
    """How long the rest will take, by the mean of the steps so far."""

    def __init__(self, begun_at: int, steps: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._begun_at, self._steps, self._clock, self._begin = begun_at, steps, clock, clock()

    def words(self, step: int) -> str:
        """For instance ``step 200 of 300, 12 s left``."""
        return f"step {step} of {self._steps}, {self.seconds_left(step):.0f} s left"

    def seconds_left(self, step: int) -> float:
        """Where `step` steps are done; 0 where no step was measured yet."""
        done = step - self._begun_at
        return (self._clock() - self._begin) / done * (self._steps - step) if done > 0 else 0.0


def falling(step: int, steps: int) -> float:
    """Half a cosine: 1 at step 0, 0 at the last (arXiv:1608.03983 without restarts)."""
    return (1 + math.cos(math.pi * step / steps)) / 2


def batch(rows: int, size: int, draw: torch.Generator) -> Tensor:
    """`size` places of `rows`, each at most once; all of them where there are fewer."""
    return torch.randperm(rows, generator=draw)[:size]


def _look(history: History, validate: Callable[[], float] | None) -> bool:
    """Notes how good the module is, and returns whether it is the best so far."""
    if validate is None:
        history.best_step = history.steps
        return True
    with torch.no_grad():
        value = validate()
    history.validations.append((history.steps, value))
    better = history.best is None or value > history.best
    if better:
        history.best, history.best_step = value, history.steps
    return better


def _is_over(history: History, plan: Plan) -> bool:
    since: Sequence[tuple[int, float]] = [one for one in history.validations if one[0] > history.best_step]
    return 0 < plan.patience <= len(since)


def _copied(module: torch.nn.Module) -> dict[str, Tensor]:
    return {name: one.detach().clone() for name, one in module.state_dict().items()}


SMALLEST_SQUARE = 1e-6
"""Of a sine: at an angle of 0 its root has no derivative."""


def neighbours(rows: Tensor, *, temperature: float) -> Tensor:
    """The logarithms `[n, n - 1]` of each row's distribution over the others, nearer ones likelier.

    `rows` `[n, d]` may have any length: what counts are their cosines, divided by `temperature`.
    """
    unit = normalize(rows, dim=1)
    cosines = unit @ unit.T
    others = ~torch.eye(len(rows), dtype=torch.bool)
    return (cosines[others].view(len(rows), -1) / temperature).log_softmax(dim=1)


def neighbour_distillation(student: Tensor, teacher: Tensor) -> Tensor:
    """How far the student's `neighbours` `[n, n - 1]` are from the teacher's, a scalar of 0 or more.

    The Kullback-Leibler divergence of the student's distributions from the teacher's, the mean over rows: as
    Hinton et al. (2015, arXiv:1503.02531) do with classes. A low temperature looks at the nearest alone.
    """
    return kl_div(student, teacher, reduction="batchmean", log_target=True)


def angular_contrast(left: Tensor, right: Tensor, *, temperature: float, margin: float = 0.0) -> Tensor:
    """How badly partners stand out in a batch, in nats: InfoNCE, both ways (arXiv:1807.03748).

    Row i of `left` `[n, d]` and of `right` `[n, d]` are partners; all rows are unit. Before they are
    compared, the angle between partners is widened by `margin` radians, so that they come nearer than they
    have to (ArcFace; Deng et al., 2019, arXiv:1801.07698, which compares with learned classes and not with
    others).
    """
    cosines = left @ right.T
    own = cosines.diagonal()
    sines = (1 - own**2).clamp_min(SMALLEST_SQUARE).sqrt()
    widened = own * math.cos(margin) - sines * math.sin(margin)
    scores = (cosines + torch.diag(widened - own)) / temperature
    partners = torch.arange(len(scores))
    return (cross_entropy(scores, partners) + cross_entropy(scores.T, partners)) / 2


def output_distillation(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """How far the student's outputs `[n, d]` are from the teacher's, a scalar of 0 or more.

    Both are read as distributions over their dimensions, divided by `temperature`; the divergence is the mean
    over rows, times the temperature (2D Matryoshka, Li et al., 2024, arXiv:2402.14776, aligns layers so). The
    teacher is not moved.
    """
    wanted = (teacher.detach() / temperature).log_softmax(dim=1)
    given = (student / temperature).log_softmax(dim=1)
    return temperature * kl_div(given, wanted, reduction="batchmean", log_target=True)
