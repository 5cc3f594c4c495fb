"""The training loop: the same seed, the same weights, whether or not it was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tieback.training.loop import Attempt, Forecast, History, Plan, batch, falling, said_every, train
from torch import Tensor

PLAN = Plan(steps=40, learning_rate=0.05, look_every=10, seed=3)
INPUTS = torch.randn(64, 5, generator=torch.Generator().manual_seed(1))
TARGETS = INPUTS @ torch.arange(5.0)[:, None]


def linear() -> torch.nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return torch.nn.Linear(5, 1)


def error_of(module: torch.nn.Module) -> Callable[[torch.Generator], Tensor]:
    def loss(draw: torch.Generator) -> Tensor:
        rows = batch(len(INPUTS), 16, draw)
        error: Tensor = ((module(INPUTS[rows]) - TARGETS[rows]) ** 2).mean()
        return error

    return loss


def fitted(plan: Plan = PLAN, *, validated: bool = False, **further: Any) -> tuple[torch.nn.Linear, History]:
    module = linear()

    def validate() -> float:
        return -float(((module(INPUTS) - TARGETS) ** 2).mean())

    asked = validate if validated else None
    return module, train(module, error_of(module), plan, Attempt(**further), validate=asked)


def test_a_module_learns_and_the_history_says_how() -> None:
    module, history = fitted(replace(PLAN, steps=400, learning_rate=0.3))

    assert torch.allclose(module.weight, torch.arange(5.0)[None], atol=0.2)
    assert history.steps == history.best_step == 400
    assert [step for step, _ in history.losses][:3] == [10, 20, 30]
    assert history.losses[-1][1] < history.losses[0][1] / 100
    assert history.seconds > 0


def test_the_seed_decides_what_is_drawn() -> None:
    first, again, other = (fitted(replace(PLAN, seed=seed))[0].weight for seed in (3, 3, 4))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("interrupted_at", [10, 13, 25, 39])
def test_an_interrupted_training_ends_as_one_that_was_not(interrupted_at: int, tmp_path: Path) -> None:
    checkpoint = tmp_path / "head.checkpoint"
    whole, expected = fitted(validated=True)

    def interrupt(share: float, _doing: str) -> None:
        if round(share * PLAN.steps) == interrupted_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(validated=True, checkpoint=checkpoint, progress=interrupt)
    again, history = fitted(validated=True, checkpoint=checkpoint)

    last_look = (interrupted_at - 1) // 10 * 10
    assert history.resumed_at == last_look
    assert torch.equal(again.weight, whole.weight)
    assert history.metrics() == expected.metrics()
    assert not checkpoint.exists()


@pytest.mark.parametrize("change", ["plan", "data", "broken"])
def test_a_checkpoint_of_something_else_is_not_gone_on_from(change: str, tmp_path: Path) -> None:
    checkpoint = tmp_path / "head.checkpoint"

    def interrupt(share: float, _doing: str) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(checkpoint=checkpoint, trained_on="a", progress=interrupt)
    if change == "broken":
        checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    plan = replace(PLAN, learning_rate=0.01) if change == "plan" else PLAN
    trained_on = "b" if change == "data" else "a"

    _, history = fitted(plan, checkpoint=checkpoint, trained_on=trained_on)

    assert history.resumed_at == 0


def test_training_stops_where_it_gets_no_better_and_keeps_the_best_weights() -> None:
    values = iter([0.5, 1.0, 3.0, 2.0, 2.0, 9.0])
    module = linear()
    seen: list[Tensor] = []

    def validate() -> float:
        seen.append(module.weight.clone())
        return next(values)

    history = train(module, error_of(module), replace(PLAN, steps=50, patience=2), validate=validate)

    assert history.stopped_early
    assert (history.steps, history.best_step, history.best) == (40, 20, 3.0)
    assert torch.equal(module.weight, seen[2])
    assert history.validations == [(0, 0.5), (10, 1.0), (20, 3.0), (30, 2.0), (40, 2.0)]


def test_a_training_that_makes_it_worse_leaves_the_module_as_it_was() -> None:
    module, before = linear(), linear().weight
    values = iter([1.0, 0.0, 0.0, 0.0, 0.0])

    history = train(module, error_of(module), PLAN, validate=lambda: next(values))

    assert history.best_step == 0
    assert torch.equal(module.weight, before)


def test_the_forecast_is_the_mean_of_the_steps_so_far_times_those_that_are_left() -> None:
    now = [100.0]
    forecast = Forecast(20, 100, clock=lambda: now[0])
    now[0] = 105.0

    assert forecast.seconds_left(30) == pytest.approx(35)
    assert forecast.seconds_left(20) == 0
    assert forecast.words(30) == "step 30 of 100, 35 s left"


def test_progress_ends_at_one_and_says_the_loss() -> None:
    heard: list[tuple[float, str]] = []

    fitted(progress=lambda share, doing: heard.append((share, doing)))

    assert heard[-1][0] == 1
    assert "step 40 of 40, 0 s left, loss " in heard[-1][1]


def test_the_rate_falls_from_all_to_nothing() -> None:
    rates = [falling(step, 100) for step in range(101)]

    assert rates[0] == 1
    assert rates[50] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0)
    assert (np.diff(rates) < 0).all()


def test_a_batch_holds_each_row_once() -> None:
    draw = torch.Generator().manual_seed(0)

    assert len(set(batch(100, 30, draw).tolist())) == 30
    assert sorted(batch(5, 30, draw).tolist()) == [0, 1, 2, 3, 4]


def test_how_far_it_is_may_be_said_every_so_many_steps() -> None:
    said: list[str] = []

    fitted(replace(PLAN, steps=25), progress=said_every(10, said.append))

    assert [one.partition(",")[0] for one in said] == ["step 10 of 25", "step 20 of 25"]
