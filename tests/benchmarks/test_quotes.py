"""The benchmark of quotes counts what is right by a stated rule, and chooses levels without the domain."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from tieback_client.shown import Level

from benchmarks.__main__ import main
from benchmarks.quotes import abstention, levels, measured
from benchmarks.quotes.asked import Asked, read
from benchmarks.quotes.outcomes import Outcome
from benchmarks.quotes.served import by_kind, by_level, shares
from benchmarks.report import Report

pytestmark = pytest.mark.all

TIDES = "The moon pulls the water of the sea. The tide rises twice a day. Boats wait in the harbour."


def asked(answers: list[str], *, answerable: bool = True, evidence: str = "") -> Asked:
    at = TIDES.find(evidence)
    places = [(at, at + len(evidence))] if evidence else []
    return Asked("How often does the tide rise?", TIDES, answerable, answers, places, "sea")


def found(level: Level | None, right: bool | None, score: float = 0.5, *, answerable: bool = True) -> Outcome:
    return Outcome(answerable, "" if answerable else "marked by people", level, right, score)


def test_a_quote_is_right_that_has_the_answer_or_overlaps_the_sentence_that_answers() -> None:
    sentence = "The tide rises twice a day."
    at = TIDES.find(sentence)
    one = asked(["yes"], evidence=sentence)

    assert asked(["twice a day"]).is_right(sentence, [])
    assert one.is_right("other words", [(at + 5, at + 40)])
    assert not one.is_right("other words", [(0, at + 4)]), "it overlaps by four letters"
    assert not asked(["twice a day"], answerable=False).is_right(sentence, [(0, 99)])


def test_of_a_question_with_a_bare_yes_and_no_sentence_it_is_only_known_whether_it_is_answered() -> None:
    assert not asked(["yes"]).tells_quotes
    assert not asked([]).tells_quotes
    assert asked(["yes"], evidence="Boats wait").tells_quotes
    assert asked([], answerable=False).tells_quotes, "every quote is wrong"


def test_questions_are_read_by_source_or_language_with_their_domain(tmp_path: Path) -> None:
    row = {"question": "q", "passage": "Ä. Twice a day.", "answerable": True, "answers": ["twice"]}
    rows = {
        "answerable/dev.jsonl": [row | {"source": "squad2"}, row | {"source": "new"}],
        "crosslingual/dev.jsonl": [
            row | {"source": "x", "language": "de", "evidence_sentence": "Twice a day.\nElsewhere."}
        ],
    }
    for name, own in rows.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("".join(f"{json.dumps(one)}\n" for one in own))

    squad, new = (read(tmp_path, "dev", 5)[name][0] for name in ("squad2", "new"))
    [german] = read(tmp_path, "languages", 5)["de"]

    assert (squad.domain, new.domain) == ("Wikipedia", "new")
    assert german.evidence == [(4, 16)], "bytes, of the lines that are there"
    with pytest.raises(SystemExit, match=r"dev_domains\.jsonl"):
        main(["quotes", "--data", str(tmp_path)])


def test_shares_are_of_all_questions_and_unknown_where_no_quote_can_be_told_right() -> None:
    row = shares(
        [
            found(Level.QUOTE, True),
            found(Level.PASSAGES, True),
            found(Level.QUOTE, False),
            found(Level.PASSAGE, False, answerable=False),
            found(None, False, answerable=False),
            found(None, True),
            found(Level.PASSAGE, None),
            found(Level.PASSAGES, False),
        ]
    )
    unknown = shares([found(Level.PASSAGE, None), found(None, False, answerable=False)])

    assert row["right and shown"] == 2 / 8
    assert (
        row["right, as the answer"]
        == row["wrong and ticked"]
        == row["wrong and shown, middle level"]
        == 1 / 8
    )
    assert row["wrong and shown, lowest level"] == row["shown, not told whether right"] == 1 / 8
    assert row["abstained rightly"] == row["abstained wrongly"] == 1 / 8
    assert math.isnan(unknown["right and shown"])
    assert unknown["abstained rightly"] == 0.5


def test_what_is_shown_is_told_by_level_and_open_questions_by_how_they_came_about() -> None:
    outcomes = {
        "a": [found(Level.QUOTE, True), found(Level.QUOTE, False), found(None, False, answerable=False)]
    }

    rows = by_level(outcomes, {"a": "sea"})

    assert [(one["domain"], one["shown"], one["right"]) for one in rows] == [("sea", 2, 0.5), ("all", 2, 0.5)]
    assert by_kind(outcomes) == [
        {"source": "a", "open because": "marked by people", "questions": 1, "abstained": 1.0}
    ]


def test_the_bounds_of_levels_are_chosen_by_the_other_domains_and_their_promises_told() -> None:
    def rows(high: int, middle: int) -> list[Outcome]:
        """Of each forty with a score, so many right quotes."""
        return [
            found(None, place < right, score)
            for score, right in ((0.9, high), (0.5, middle), (0.1, 0))
            for place in range(40)
        ]

    outcomes = {"a": rows(40, 20), "b": rows(40, 20), "odd": rows(8, 20)}
    domains = {"a": "one", "b": "other", "odd": "odd"}
    sources = levels.told_sources(outcomes, domains)
    bounds = levels.bounds_of(sources, (0.6, 0.4))
    told = {(row["level"], row["domain"]): row for row in levels.by_domain(sources, bounds, (0.6, 0.4))}

    assert bounds["odd"] == (0.5, 0.5), "the other two keep 0.6 down to there, so no second level is left"
    assert bounds["a"] == (0.9, 0.5)
    assert told[levels.FIRST, "odd"]["promise"] == "broken"
    assert told[levels.FIRST, "one"]["promise"] == "kept"
    assert told[levels.SECOND, "one"]["promise"] == "holds"
    report = Report()
    levels.tell(report, outcomes, domains, (0.6, 0.4))
    claims = {one.name: one for one in report.claims}
    assert claims["first level, right in the worst domain with 20"].note.startswith(
        "odd; not broken in 2 of 3"
    )


def test_the_bound_of_abstention_is_chosen_by_the_other_domains_and_marked_questions_are_told_apart() -> None:
    def rows(answered: float, open_at: float) -> list[Outcome]:
        return [found(None, True, answered), found(None, False, open_at, answerable=False)]

    outcomes = {"a": rows(0.9, 0.1), "b": rows(0.8, 0.2), "odd": rows(0.3, 0.4)}

    told = {row["source"]: row for row in abstention.by_source(outcomes, {name: name for name in outcomes})}

    assert told["odd"]["below"] == 0.8
    assert told["odd"]["abstained of answerable"] == told["odd"]["abstained of open, marked by people"] == 1.0
    assert told["odd"]["balanced accuracy"] == 0.5


def test_questions_are_asked_of_a_server_for_quote_level_and_score(tmp_path: Path) -> None:
    sets = {
        "sea": [
            asked(["twice a day"]),
            Asked("Who composed the opera Fidelio?", TIDES, False, [], [], "sea", "other text"),
        ]
    }

    report = measured(sets, each=tmp_path / "each.jsonl")

    row = report.tables["quotes as served, shares of questions"][0]
    assert (row["right and shown"], row["abstained rightly"]) == (0.5, 0.5)
    answered, left = [json.loads(line) for line in (tmp_path / "each.jsonl").read_text().splitlines()]
    assert answered["is_right"]
    assert not left["is_right"]
    assert answered["score"] > left["score"]
    assert left["level"] is None
    assert left["reason"]
    chosen_again = tmp_path / "again.json"
    main(["quotes", "--found", str(tmp_path / "each.jsonl"), "--json", str(chosen_again)])
    again = json.loads(chosen_again.read_text())["tables"]["quotes as served, shares of questions"]
    assert [again[0][key] for key in ("right and shown", "abstained rightly")] == [0.5, 0.5]
