"""The recipe of the checker that reads claims: what it learns from, is stopped by and is weighed by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import small_language_model
from support.small_reading import claims, small_reading, written
from support.small_training import SmallTraining
from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.methods.grounding._chosen import bounds
from tieback.methods.grounding._features import FEATURES, HEARD
from tieback.models.learned import kind_in
from tieback.models.learned.claim_reading import CLAIMS
from tieback.models.text.question_reader import GRAPH, load_question_reader
from tieback.recipes.train import REPORT, TrainingOutcome
from tieback_lab.recipes.reading.claim_pairs import Pair, read_pairs
from tieback_lab.recipes.reading.claim_weights import (
    left_out,
    likelihoods,
    measured,
    weights_and_bounds,
    weights_of_likelihood,
)

QUICK: dict[str, Any] = {
    "space": "own", "steps": 4, "tokens": 64, "made": 20, "unseen": ["towns"],
    "weighed_by": ["north", "south"], "asked": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallTraining:
    folder = tmp_path_factory.mktemp("reading")
    rows = [claims(200, "bridges"), claims(20, "towns"), claims(40, "north"), claims(40, "south")]
    written(folder / "data" / "claims.jsonl", [one for some in rows for one in some])
    return small_reading(folder, "claim_reading", QUICK)


@pytest.fixture(scope="module")
def outcome(world: SmallTraining) -> TrainingOutcome:
    return world.train("out")


def test_what_is_learned_is_a_state_of_the_method_and_the_graph_that_is_served(
    world: SmallTraining, outcome: TrainingOutcome
) -> None:
    state = CLAIMS.learned(outcome.folder, [world.card.space])
    reader = load_question_reader(CLAIMS.file(outcome.folder, GRAPH), world.card, world.store)

    assert state is not None
    assert state["weight"].shape == (len(FEATURES),)
    assert np.isfinite(reader.read("owl at night", "wren flies")).all()
    assert kind_in(outcome.folder) == CLAIMS.kind.name
    assert len(state["heard.weight"]) == 0  # no language model was asked
    assert "likelihood" not in outcome.artifact.facts


def test_no_set_is_learned_from_and_weighed_by(outcome: TrainingOutcome) -> None:
    facts = outcome.artifact.facts

    assert (facts["sets"], facts["stopped_by"], facts["weighed_by"]) == (
        ["bridges"],
        ["towns"],
        ["north", "south"],
    )
    assert "north" in (outcome.folder / REPORT).read_text()


def test_a_run_that_was_done_is_not_done_again(world: SmallTraining, outcome: TrainingOutcome) -> None:
    again = world.train("again")

    assert (again.made, again.artifact.revision) == ((), outcome.artifact.revision)


def test_a_language_model_is_asked_of_some_claims_of_each_set_and_once_for_every_network(
    world: SmallTraining,
) -> None:
    model = small_language_model.build(world.folder / "small", world.store)
    how: dict[str, Any] = {"model": "small", "asked": 15, "generators": [model]}

    first = world.train("asked", **how)
    other = world.train("other", steps=2, **how)

    state = CLAIMS.learned(first.folder, [world.card.space])
    assert state is not None
    assert state["heard.weight"].shape == (len(HEARD),)
    assert state["heard.weight"][-1] != 0
    assert first.artifact.facts["likelihood"] == "small"
    assert "AUC, asked" in (first.folder / REPORT).read_text()
    assert "where small is asked of them" in (first.folder / REPORT).read_text()
    assert "likelihoods by small" in first.made
    assert "likelihoods by small" in other.found
    assert other.artifact.revision != first.artifact.revision
    with pytest.raises(NotFound, match="language model"):
        world.train("none", asked=15, model="none-such")


def test_too_few_claims_are_refused(world: SmallTraining) -> None:
    few = written(world.folder / "few" / "few.jsonl", claims(50, "bridges"))

    with pytest.raises(InvalidInput, match="50 pairs to learn from, and it takes 100"):
        world.train("few", data=few)


def test_a_domain_is_measured_by_weights_of_the_others() -> None:
    """In one domain a feature says the opposite of what it says in the others: only there it fails."""
    draw = np.random.default_rng(0)
    pairs, rows = [], []
    for domain in ("one", "two", "odd"):
        for number in range(80):
            label = number % 2
            pairs.append(Pair("", "", label, domain, None, domain))
            value = (1 - label) * 2.0 - 1
            row = draw.normal(0, 0.1, len(FEATURES))
            row[0] = -value if domain == "odd" else value
            rows.append(row)
    measures, _ = measured(*left_out(np.array(rows), pairs), pairs)

    found = {row["set"]: row["AUC"] for row in measures}
    assert found["odd"] < 0.1
    assert min(found["one"], found["two"]) < 1.0  # the odd one is among those that weigh them


def test_what_a_language_model_finds_of_few_claims_is_weighed_beside_what_is_found_of_all() -> None:
    """A feature of 400 claims says nothing of which claims are supported; a likelihood of 40 says it all."""
    draw = np.random.default_rng(0)
    pairs = [Pair("", "", 2 * (number % 2), "one", None, "one") for number in range(400)]
    found = np.full((400, len(HEARD)), np.nan)
    found[:, : len(FEATURES)] = draw.normal(0, 1, (400, len(FEATURES)))
    asked = np.arange(40)
    found[asked, -1] = [1 - one.label for one in pairs[:40]] + draw.normal(0, 0.1, 40)

    state = weights_of_likelihood(found, pairs)

    likely = likelihoods(found[asked], state["weight"], float(state["bias"][0]))
    assert min(likely[::2]) > max(likely[1::2])
    assert np.array_equal(state["curve"], weights_and_bounds(found[:, :-1], pairs)["curve"])


def test_a_tick_is_as_often_right_in_the_worst_domain() -> None:
    draw = np.random.default_rng(0)
    pairs, rows = [], []
    for domain in ("fair", "copied"):
        for number in range(200):
            supported = number % 2 == 0
            value = 2.0 if supported else -2.0
            if domain == "copied" and number % 5 == 1:
                value = 1.0  # not supported, and near to what is
            pairs.append(Pair("", "", 0 if supported else 2, domain, None, domain))
            rows.append([value + draw.normal(0, 0.1), *[0.0] * (len(FEATURES) - 1)])
    found = np.array(rows)

    state = weights_and_bounds(found, pairs)
    fair = weights_and_bounds(found[:200], pairs[:200])

    likely = likelihoods(found, state["weight"], float(state["bias"][0]))
    least = bounds(state["curve"], 0.95)[0]
    ticked = [one for one, value in zip(pairs, likely, strict=True) if value >= least]
    for domain in ("fair", "copied"):
        own = [one.label == 0 for one in ticked if one.domain == domain]
        assert len(own) > 50
        assert sum(own) / len(own) >= 0.95
    assert bounds(state["curve"], 0.95)[0] > bounds(fair["curve"], 0.95)[0]


def test_wrong_characters_are_read_from_lines_that_mark_them(tmp_path: Path) -> None:
    mark = {"id": "a-1", "claim": "It is red.", "source": "a", "spans": [{"start": 6, "end": 9}]}
    pair = {"evidence": "It is blue.", "claim": "It is red.", "label": "contradicted", "source": "a"}
    path = written(tmp_path / "a.jsonl", [pair, mark, {"question": "Is it?", "passage": "Yes."}])

    [found] = read_pairs([path], most=10, seed=0)
    assert found.wrong == ((6, 9),)


def test_a_line_that_is_no_labelled_claim_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    for line, told in (
        ("not json", "bad.jsonl, line 2"),
        ('{"evidence": "a", "claim": "b", "label": "maybe"}', "a label out of supported"),
        ('{"claim": "b", "label": "supported"}', "bad.jsonl, line 2"),
        ('["a", "b", "supported"]', "bad.jsonl, line 2"),
    ):
        path.write_text(f"{json.dumps(claims(1)[0])}\n{line}\n")

        with pytest.raises(StartupError, match=told):
            read_pairs([path], most=10, seed=0)
