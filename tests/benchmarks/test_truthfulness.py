"""The measures are those of the literature, and a run scores every variant."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import small_language_model
from support.present import present
from tieback.generator.writing.prompting import plain_request
from tieback.methods.decoding import PLAIN, Stream, amateur
from tieback.models.language.model import LanguageModel, load_language_model
from tieback.models.store import Store

from benchmarks.__main__ import main
from benchmarks.kept_rows import KeptRows
from benchmarks.report import Report
from benchmarks.stream_scores import StreamReader, entropy, log_probability, matched
from benchmarks.truthfulness import METHODS, TOLD, Question, cost, measure, multiple_choice, read

pytestmark = pytest.mark.all


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    store = Store(tmp_path_factory.mktemp("store"))
    card = small_language_model.build(tmp_path_factory.mktemp("small") / "model", store)
    return load_language_model(card, store)


def test_mc1_asks_whether_the_best_answer_beats_all_false_ones_and_mc2_for_the_mass_of_true_ones() -> None:
    scores: list[float] = np.log([0.1, 0.5, 0.3, 0.1]).tolist()
    low = [score - 2000 for score in scores]

    assert multiple_choice(scores, correct=2, best=1) == pytest.approx((1.0, 0.6))
    assert multiple_choice(scores, correct=2, best=0) == pytest.approx((0.0, 0.6))
    assert multiple_choice(low, correct=2, best=1) == pytest.approx((1.0, 0.6))


def test_probability_and_entropy_are_those_of_the_softmax_at_its_temperature() -> None:
    scores = np.log(np.array([0.7, 0.2, 0.1], np.float32))
    cold = np.array([0.49, 0.04, 0.01]) / 0.54

    assert log_probability(scores, 1) == pytest.approx(np.log(0.2), abs=1e-6)
    assert log_probability(scores, 0, 0.5) == pytest.approx(np.log(cold[0]), abs=1e-6)
    assert entropy(scores, 0.5) == pytest.approx(-(np.log(cold) @ cold), abs=1e-6)
    assert entropy(np.array([0, -np.inf, 0], np.float32)) == pytest.approx(np.log(2), abs=1e-6)


def test_the_matched_temperature_has_the_nearest_entropy() -> None:
    assert matched(2.4, {0.5: 1.0, 1.0: 2.0, 2.0: 3.0}) == 1.0


def test_an_answer_is_scored_as_if_it_were_read_after_the_prompt_alone(model: LanguageModel) -> None:
    streams = [PLAIN, Stream(layer=1), Stream(amateur)]
    asked = plain_request("Who?", ())
    reader = StreamReader(model, asked, streams, room=8)
    reader.logits(model.tokens("a longer"))

    found = reader.logits(model.tokens("short"))
    fresh = StreamReader(model, asked, streams, room=8).logits(model.tokens("short"))

    assert len(found) == len("short")
    for one, other in zip(found, fresh, strict=True):
        for stream in streams:
            assert one[stream] == pytest.approx(other[stream], abs=1e-4)
    [alone] = reader.logits(model.tokens("s"))
    assert alone[PLAIN] == pytest.approx(found[0][PLAIN], abs=1e-4)


def test_a_run_scores_every_variant(model: LanguageModel) -> None:
    questions = [Question("Who?", ["me", "myself"], ["you"], 1), Question("Why?", ["so"], ["not", "no"], 0)]
    report = Report()

    measure(model, questions, report)

    [rows] = [rows for name, rows in report.tables.items() if name.startswith("MC1")]
    scored = {row["scored"]: row for row in rows}
    assert {"plain", TOLD, *METHODS} <= scored.keys()
    for name in ("VCD", "M3ID", "context-aware"):  # without evidence they are plain decoding
        assert scored[name]["MC2"] == pytest.approx(scored["plain"]["MC2"])
    assert scored["RITUAL"]["MC2"] == pytest.approx(scored["plain at 0.25"]["MC2"])
    assert all(0 <= row["MC2"] <= 100 for row in rows)
    assert scored["plain at 0.5"]["entropy"] < scored["plain"]["entropy"] < scored["plain at 2"]["entropy"]
    assert len(report.claims) == 8
    assert all(present(claim.low) <= present(claim.value) <= present(claim.high) for claim in report.claims)


def test_what_a_token_costs_is_measured_for_every_strategy(model: LanguageModel) -> None:
    report = Report()

    cost(model, report)

    [rows] = report.tables.values()
    found = {row["strategy"]: row for row in rows}
    assert found.keys() == {"plain", *METHODS}
    assert all(row["ms a token"] > 0 for row in rows)
    assert (found["DoLa"]["prompts"], found["LOL, half refocused"]["prompts"]) == (1, 3)


def test_questions_are_read_in_an_order_of_their_own(tmp_path: Path) -> None:
    rows = [{"question": f"{n}?", "best": "b", "correct": ["a", "b"], "incorrect": ["c"]} for n in range(20)]
    (tmp_path / "truthfulqa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    some, more = read(tmp_path, 5), read(tmp_path, 8)

    assert more[:5] == some
    assert some[0].correct[some[0].best] == "b"
    assert len({one.text for one in more}) == 8


def test_a_folder_without_the_questions_ends_the_program_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"truthfulqa\.jsonl"):
        main(["truthfulness", "--data", str(tmp_path)])


def test_a_run_goes_on_from_what_was_kept(model: LanguageModel, tmp_path: Path) -> None:
    questions = [Question("Who?", ["me", "myself"], ["you"], 1), Question("Why?", ["so"], ["not", "no"], 0)]
    whole, again = Report(), Report()
    measure(model, questions, whole, ["ICD"], KeptRows(tmp_path / "kept"))
    lines = (tmp_path / "kept").read_text().splitlines()
    (tmp_path / "kept").write_text(lines[0] + "\n" + lines[1][:40])

    measure(model, questions, again, ["ICD"], KeptRows(tmp_path / "kept"))

    assert len(lines) == 2
    assert again.tables == whole.tables
    assert {row["scored"] for rows in again.tables.values() for row in rows} >= {"ICD", "plain"}
