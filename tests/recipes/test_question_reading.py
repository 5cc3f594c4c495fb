"""The recipe of the judge that reads question and passage together: what it makes of labelled claims."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.own_encoder import write_folder
from support.small_training import SmallTraining
from tieback.core.errors import InvalidInput
from tieback.models.question_reader import GRAPH, load_question_reader
from tieback.models.state_artifact import JUDGE, READER
from tieback.recipes.train import REPORT, Outcome
from tieback.recipes.trained._made_claims import Texts
from tieback.recipes.trained._reading_pairs import OtherWords
from tieback.recipes.trained.question_reading import side_of
from tokenizers import Tokenizer, processors

QUICK: dict[str, Any] = {
    "space": "own", "steps": 4, "tokens": 64, "made": 10, "questions": 60, "frozen": 0, "unseen": [],
}  # fmt: skip


def claims(count: int) -> list[dict[str, str]]:
    """Whether the evidence has the year of the claim."""
    return [
        {
            "evidence": f"The bridge of town {number} was built in {1700 + number % 300}. Boats pass it.",
            "claim": f"The bridge of town {number} was built in {1700 + (number + number % 2) % 300}.",
            "label": ("supported", "contradicted")[number % 2],
            "source": "bridges",
        }
        for number in range(count)
    ]


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallTraining:
    folder = tmp_path_factory.mktemp("reading")
    write_folder(folder / "own")
    tokenizer = Tokenizer.from_file(str(folder / "own" / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(folder / "own" / "tokenizer.json"))
    written(folder / "claims" / "bridges.jsonl", claims(600))
    return SmallTraining.of(folder, "question_reading", QUICK, "claims")


@pytest.fixture(scope="module")
def outcome(world: SmallTraining) -> Outcome:
    return world.train("out")


def test_what_is_learned_is_a_state_of_the_method_and_the_graph_that_is_served(
    world: SmallTraining, outcome: Outcome
) -> None:
    state = READER.learned(outcome.folder, [world.card.space])
    reader = load_question_reader(READER.file(outcome.folder, GRAPH), world.card, world.store)

    assert state is not None
    assert state["nearness"].tolist() == [8.0]
    assert np.isfinite(reader("owl at night", "wren flies"))
    assert "bridges" in (outcome.folder / REPORT).read_text()
    assert READER.is_in(outcome.folder)
    assert not JUDGE.is_in(outcome.folder)


def test_a_run_that_was_done_is_not_done_again(world: SmallTraining, outcome: Outcome) -> None:
    again = world.train("again")

    assert (again.made, again.artifact.revision) == ((), outcome.artifact.revision)


def test_too_few_claims_are_refused(world: SmallTraining) -> None:
    few = written(world.folder / "few" / "few.jsonl", claims(50))

    with pytest.raises(InvalidInput, match="pairs to learn from, and it takes 100"):
        world.train("few", data=few)


def test_a_text_of_evidence_is_always_on_the_same_side() -> None:
    sides = [side_of(f"text {number}") for number in range(2000)]

    assert 0.03 < sides.count("calibration") / len(sides) < 0.07
    assert 0.01 < sides.count("report") / len(sides) < 0.05
    assert side_of("Text 7 ") == side_of("text 7")


def test_a_word_becomes_a_neighbour_in_the_table_that_the_evidence_does_not_have() -> None:
    table = np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32)
    words = OtherWords(table, {"rises": 0, "falls": 1, "bridge": 2}, frozenset())
    draw = np.random.default_rng(0)

    assert words("The tide rises.", Texts([], ["The tide rises."]), draw) == "The tide falls."
    assert words("The tide rises.", Texts([], ["It falls again."]), draw) is None
    assert words("The tide turns.", Texts([], []), draw) is None
