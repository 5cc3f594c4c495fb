"""The network that reads two texts: when its training ends, and what it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from tieback.training.loop import Attempt
from tieback_lab.recipes.reading.reading_network import Plan, ReadingNetwork, learn_to_read
from tieback_lab.recipes.reading.reading_pairs import UNKNOWN, Read
from transformers import BertConfig, BertModel

PLAN = Plan(steps=9, tokens=40, learning_rate=0.01, frozen=0, seed=0, shares={"claims": 1.0}, look_every=1)


def small_network() -> ReadingNetwork:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    return ReadingNetwork(BertModel(config), 0)


def pairs() -> list[Read]:
    return [
        Read("claims", "bridges", [2, 5 + one, 3, 9, 3], [0, 0, 0, 1, 1], one % 3, UNKNOWN, [UNKNOWN] * 5)
        for one in range(12)
    ]


def test_training_ends_where_no_look_finds_more_and_keeps_what_was_best(tmp_path: Path) -> None:
    network, found = small_network(), iter([0.5, 0.8, 0.7, 0.6, 0.9])
    weights: list[torch.Tensor] = []

    def look(one: ReadingNetwork) -> float:
        weights.append(one.verdict.weight.detach().clone())
        return next(found)

    losses = learn_to_read(
        network, pairs(), replace(PLAN, patience=2),
        Attempt(tmp_path / "checkpoint", "bridges"), look,
    )  # fmt: skip

    assert [round(one[2], 1) for one in losses] == [0.5, 0.8, 0.7, 0.6]
    assert torch.equal(network.verdict.weight, weights[1])
    assert not (tmp_path / "checkpoint").exists()


def test_without_patience_it_takes_all_of_its_steps(tmp_path: Path) -> None:
    found: Iterator[float] = iter([0.9, *[0.1] * 8])

    losses = learn_to_read(
        small_network(), pairs(), PLAN,
        Attempt(tmp_path / "checkpoint", "bridges"), lambda _: next(found),
    )  # fmt: skip

    assert len(losses) == PLAN.steps
