"""The recipe of the judge that reads question and passage together: what it makes of labelled claims."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.small_reading import claims, small_reading, written
from support.small_training import SmallTraining
from tieback.core.errors import InvalidInput
from tieback.methods.answerability._candidates import FEATURES
from tieback.models.learned import kind_in
from tieback.models.learned.question_reading import READER
from tieback.models.text.question_reader import GRAPH, load_question_reader
from tieback.recipes.train import TrainingOutcome
from tieback_lab.recipes.reading.made_claims import Texts
from tieback_lab.recipes.reading.question_candidates import Question, candidates_of
from tieback_lab.recipes.reading.reading_pairs import OtherWords

QUICK: dict[str, Any] = {
    "space": "own", "steps": 4, "tokens": 64, "made": 60, "unseen": ["towns"],
}  # fmt: skip


def questions(count: int, source: str) -> list[dict[str, Any]]:
    """Tell whether the passage has the year that is asked for."""
    return [
        {
            "question": f"When was the bridge of town {number} built?",
            "passage": f"Boats pass. It was {'built' if number % 3 else 'paid'} in {1700 + number}.",
            "answerable": bool(number % 3),
            "answers": [str(1700 + number)] if number % 3 else [],
            "source": source,
            "domain": source,
        }
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallTraining:
    folder = tmp_path_factory.mktemp("reading")
    written(folder / "data" / "bridges.jsonl", claims(200))
    written(folder / "data" / "asked.jsonl", [*questions(120, "rivers"), *questions(20, "towns")])
    written(folder / "data" / "dev.jsonl", [*questions(30, "north"), *questions(30, "south")])
    return small_reading(folder, "question_reading", QUICK)


@pytest.fixture(scope="module")
def outcome(world: SmallTraining) -> TrainingOutcome:
    return world.train("out")


def test_what_is_learned_is_a_state_of_the_method_and_the_graph_that_is_served(
    world: SmallTraining, outcome: TrainingOutcome
) -> None:
    state = READER.learned(outcome.folder, [world.card.space])
    reader = load_question_reader(READER.file(outcome.folder, GRAPH), world.card, world.store)

    assert state is not None
    assert np.isfinite(reader("owl at night", "wren flies"))
    assert kind_in(outcome.folder) == READER.kind.name
    rows = {row["set"]: row for row in outcome.artifact.facts["metrics"]["sets"]}
    assert {*rows} == {"north", "south"}  # what was learned from is not reported on
    assert {*outcome.artifact.facts["metrics"]["features"]} == {*FEATURES}
    assert state["weight"].shape == (len(FEATURES),)
    assert outcome.artifact.facts["sets"] == ["bridges", "rivers", "towns"]


def test_a_run_that_was_done_is_not_done_again(world: SmallTraining, outcome: TrainingOutcome) -> None:
    again = world.train("again")

    assert (again.made, again.artifact.revision) == ((), outcome.artifact.revision)


def test_too_few_questions_are_refused(world: SmallTraining) -> None:
    few = written(world.folder / "few" / "few.jsonl", questions(50, "rivers"))
    none = written(world.folder / "none" / "none.jsonl", questions(120, "rivers"))

    with pytest.raises(InvalidInput, match="50 questions to learn from, and it takes 100"):
        world.train("few", data=few)
    with pytest.raises(InvalidInput, match="no questions of dev, dev_domains to weigh by"):
        world.train("none", data=none, steps=1)


def test_parts_of_a_passage_answer_where_people_marked_them_or_where_the_answer_stands() -> None:
    passage = "Boats pass the bridge. It was built in 1884. It is red."
    marked = Question("When?", passage, "Bridges", ["1884"], "It was built in 1884.", True, "rivers")

    found = [(one.text, one.is_answer) for one in candidates_of([marked], 0)]
    assert found[0] == ("It was built in 1884. ‖ Bridges ‖ Boats pass the bridge.", True)
    assert [is_answer for _, is_answer in found[1:]] == [False, False]
    assert not any(one.is_answer for one in candidates_of([replace(marked, is_answered=False)], 0))
    assert list(candidates_of([replace(marked, answers=["of two parts"], evidence="")], 0)) == []


def test_a_word_becomes_a_neighbour_in_the_table_that_the_evidence_does_not_have() -> None:
    table = np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32)
    words = OtherWords(table, {"rises": 0, "falls": 1, "bridge": 2}, frozenset())
    draw = np.random.default_rng(0)

    assert words("The tide rises.", Texts([], ["The tide rises."]), draw) == "The tide falls."
    assert words("The tide rises.", Texts([], ["It falls again."]), draw) is None
    assert words("The tide turns.", Texts([], []), draw) is None
