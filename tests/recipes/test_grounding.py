"""The recipe of the checker of claims: what it makes of labelled pairs, and which files it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.own_encoder import write_folder
from support.small_training import SmallTraining
from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.state import check_state
from tieback.methods.grounding.token_alignment import STATE
from tieback.models.state_artifact import CHECKER
from tieback.recipes.train import REPORT, Outcome

QUICK: dict[str, Any] = {
    "space": "own", "steps": 300, "batch": 32, "hidden": 16, "learning_rate": 0.01, "asked": 0,
}  # fmt: skip
BIRDS, TIMES = ["owl", "wren"], ["night", "flies"]


def written(path: Path, pairs: list[dict[str, str]]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{json.dumps(one)}\n" for one in pairs))
    return path


def pairs(count: int) -> list[dict[str, str]]:
    """A claim is supported by the same words, contradicted by another bird, unsupported by anything else."""
    draw = np.random.default_rng(0)
    found = []
    for number in range(count):
        bird, time = draw.permutation(2), draw.choice(TIMES)
        label = ("supported", "contradicted", "unsupported")[number % 3]
        evidence = {
            "supported": f"{BIRDS[bird[0]]} at {time}.",
            "contradicted": f"{BIRDS[bird[1]]} at {time}.",
            "unsupported": f"at at {number}.",
        }[label]
        found.append(
            {"evidence": evidence, "claim": f"{BIRDS[bird[0]]} at {time}.", "label": label, "source": "birds"}
        )
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallTraining:
    folder = tmp_path_factory.mktemp("grounding")
    write_folder(folder / "own")
    written(folder / "pairs" / "birds.jsonl", pairs(600))
    return SmallTraining.of(folder, "grounding", QUICK, "pairs")


@pytest.fixture(scope="module")
def outcome(world: SmallTraining) -> Outcome:
    return world.train("out")


def test_what_is_learned_is_a_state_of_the_method_that_tells_held_out_pairs_apart(
    world: SmallTraining, outcome: Outcome
) -> None:
    state = CHECKER.learned(outcome.folder, [world.card.space])

    assert state is not None
    check_state(state, STATE, labels=3, one=1, three=3, hidden=16)
    assert 0 < state["contradicted"][0] < 1
    assert outcome.artifact.kind == CHECKER.kind
    assert outcome.artifact.facts["metrics"]["balanced_accuracy"] > 0.9
    assert "birds" in (outcome.folder / REPORT).read_text()


def test_a_run_that_was_done_is_not_done_again(world: SmallTraining, outcome: Outcome) -> None:
    again = world.train("again")

    assert (again.made, again.artifact.revision) == ((), outcome.artifact.revision)


def test_it_belongs_to_the_weights_that_it_was_learned_by(outcome: Outcome, world: SmallTraining) -> None:
    assert CHECKER.learned(outcome.folder, []) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("not json", "bad.jsonl, line 2"),
        ('{"evidence": "a", "claim": "b", "label": "maybe"}', "a label out of supported"),
        ('{"claim": "b", "label": "supported"}', "bad.jsonl, line 2"),
        ('["a", "b", "supported"]', "bad.jsonl, line 2"),
    ],
)
def test_a_line_that_is_no_labelled_pair_is_named(world: SmallTraining, line: str, words: str) -> None:
    path = world.folder / "bad.jsonl"
    path.write_text(f"{json.dumps(pairs(1)[0])}\n{line}\n")

    with pytest.raises(StartupError, match=words):
        world.train("bad", data=path)


def test_too_few_pairs_or_labels_are_refused(world: SmallTraining) -> None:
    few = written(world.folder / "few" / "few.jsonl", pairs(60))
    two = written(
        world.folder / "two" / "two.jsonl", [one for one in pairs(300) if one["label"] != "contradicted"]
    )

    with pytest.raises(InvalidInput, match="60 pairs of 3 labels"):
        world.train("few", data=few)
    with pytest.raises(InvalidInput, match="200 pairs of 2 labels"):
        world.train("two", data=two)
    with pytest.raises(NotFound, match="own"):
        world.train("none", space="none-such")
    with pytest.raises(NotFound, match="language model"):
        world.train("none", asked=10, model="none-such")
