"""Search and answers on the command line, as a person, a pipe and a program see them."""

from __future__ import annotations

from typing import Any

import pytest
from support.command_line import Run, documents
from support.each import each
from tieback_client import (
    Answer,
    AnswerStyle,
    Box,
    Finish,
    FinishReason,
    Hit,
    Modality,
    QuestionFit,
    RetrievalPlan,
    RetrievalResult,
    RetrievedHit,
    RoutingExplanation,
    SameText,
    Timing,
)
from tieback_client.cli.query.search import hit, snippet
from tieback_client.shown.excerpts import SNIPPET, marked
from tieback_client.shown.places import cited_uri, place_of
from tieback_client.shown.titles import told_apart
from tieback_contract.query import NO_OPTIONS

QUOTED = Finish(FinishReason.END, "", 0, 0, None, Timing(), 0.1, AnswerStyle.QUOTE)
SURE = QuestionFit.ANSWERS
PLAN = RetrievalPlan(NO_OPTIONS)


def test_a_search_shows_hits_and_a_line_where_something_is_wrong(run: Run) -> None:
    result = run("search", "the", "moon")

    assert result.exit_code == 0
    for part in (
        "Tides",
        "§ 2 Why the sea moves",
        "The moon pulls the sea",
        "1 more piece of this text found",
        "relevance 0.90   ",
        "relevance 0.05, probably unrelated",
        "1 of 2 hits is probably unrelated to the query",
        "third (late) did not answer; about 4.2 points of recall are lost",
        "Beach  photo, upper right",
    ):
        assert part in result.output
    for unasked in (
        "→",
        "score",
        "vector",
        "seashore 80%",
        "Weights of the spaces",
        "Where the time went",
        " ms",
    ):
        assert unasked not in result.output
    assert "\x1b" not in result.output


def test_an_explained_search_names_what_the_score_is_made_of_and_the_weights(run: Run) -> None:
    result = run("search", "the", "moon", "--explain")

    for part in (
        "relevance 0.90   score 0.750 (vector 0.750, reranked 0.750, place 3 before",
        "seashore 80%",
        "75%",
        "Weights of the spaces (uniform, image+text, 0123456789ab)",
        "Not routed: no router knows image",
        "Filled from the other spaces: third (ridge)",
    ):
        assert part in result.output
    assert "Where the time went" not in result.output


def test_an_explained_search_shows_its_steps_and_what_they_made_of_each_hit(run: Run) -> None:
    result = run("search", "the", "moon", "--explain")

    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "merge 0.600 (0.800) #3 both · rerank not_compared" in lines
    merge = next(line for line in lines if line.startswith("merge █"))
    assert merge.endswith("1.0 ms 1,300 → 2 0.3 ms waiting, 1,298 depth")
    assert next(line for line in lines if line.startswith("vector_search")).endswith("0.5 ms by graph")
    assert "merge, depth: waves.md § 4 (0.250)" in lines
    bars = {
        name: line for line in result.output.splitlines() for name in ("encode:", "search ") if name in line
    }
    assert bars["encode:"].index("█") < bars["search "].index("█")


def test_an_explained_search_is_whole_in_json_and_others_have_no_steps(run: Run) -> None:
    (told,) = documents(run("search", "moon", "--explain", "--json"))
    (plain,) = documents(run("search", "moon", "--json"))

    found, merge = told["timing"]["stages"][-2:]
    assert found["structure"] == "graph"
    assert (merge["within"], merge["candidates_in"], merge["dropped"][0]["count"]) == ("search", 1300, 1298)
    assert told["hits"][0]["hit"]["stages"][0]["kept"] == "both"
    assert told["hits"][0]["hit"]["stages"][1]["score"] is None
    assert not plain["hits"][0]["hit"]["stages"]


@pytest.mark.parametrize(
    ("said", "name", "parameters"),
    [
        ("exact", "exact", {}),
        ("within:similarity=0.5", "within", {"similarity": 0.5}),
        ("some:a=1,b=text", "some", {"a": 1, "b": "text"}),
    ],
)
def test_how_far_the_vector_is_searched_for_is_asked_for_with_its_parameters(
    run: Run, served: Any, said: str, name: str, parameters: dict[str, Any]
) -> None:
    run("search", "moon", "--vector-search", said)

    [sent] = served.log.retrievals
    assert sent.options.vector_search.name == name
    assert dict(sent.options.vector_search.parameters.items()) == parameters


@pytest.mark.parametrize(
    ("said", "told"),
    [("within:similarity", "within:similarity=VALUE"), ("wanted_recall=0.9", "METHOD:NAME=VALUE")],
)
def test_a_parameter_that_is_not_written_as_one_is_a_usage_error(run: Run, said: str, told: str) -> None:
    result = run("search", "moon", "--vector-search", said)

    assert result.exit_code == 2
    assert told in " ".join(result.output.split())


def test_a_timed_search_says_where_the_time_went(run: Run) -> None:
    result = run("search", "the", "moon", "--timing")

    assert "encode:tiny 1.5 ms" in result.output
    assert "Weights of the spaces" not in result.output


def test_a_search_is_one_json_document_where_asked_for(run: Run) -> None:
    found = documents(run("search", "moon", "--json"))

    assert len(found) == 1
    assert found[0]["hits"][0]["hit"]["item_id"] == "tides.md"
    assert [one["text"] for one in found[0]["hits"][0]["hit"]["pieces"]] == [
        "The sun helps.",
        "See below.",
    ]
    assert found[0]["hits"][1]["hit"]["region"] == {"x": 0.5, "y": 0.0, "width": 0.5, "height": 0.5}
    assert found[0]["routing"]["weights"] == {"tiny": 0.75, "other": 0.25}


@each(
    "box, words",
    [
        ((0, 0, 0.5, 0.5), "upper left"),
        ((0.25, 0, 0.5, 0.5), "upper middle"),
        ((0.5, 0.25, 0.5, 0.5), "right"),
        ((0.25, 0.25, 0.5, 0.5), "centre"),
        ((0, 0.5, 1, 0.5), "lower middle"),
        ((0, 0, 1, 1), "centre"),
    ],
)
def test_a_part_of_a_picture_is_said_in_words(box: tuple[float, ...], words: str) -> None:
    assert place_of(Box(*box)) == words


@each(
    "uri, span, shown",
    [
        ("hosts.csv#L1", (14, 22), "hosts.csv#L3"),
        ("prices.xlsx#sheet=A&row=5", (14, 22), "prices.xlsx#sheet=A&row=7"),
        ("keys.md#L12", (0, 6), "keys.md#L12"),
        ("keys.md#L12", None, "keys.md#L12"),
        ("page.html#limits", (14, 22), "page.html#limits"),
        ("", (14, 22), ""),
    ],
)
def test_a_citation_names_its_own_line(uri: str, span: tuple[int, int] | None, shown: str) -> None:
    assert cited_uri(uri, "höste:\nweb-1\ndb-2 is here", span) == shown


def test_a_hit_names_the_other_items_that_hold_its_text() -> None:
    others = [SameText(f"copy-{n}\n.md", "", "1", "") for n in range(7)]
    found = Hit("tolls", "Tolls", "1", "", Modality.TEXT, "The toll is 2.", "", {}, 1.0, also_in=others)

    lines = hit(1, RetrievedHit(found, 1.0, 0), (), explain=False, width=100).plain.splitlines()

    named = ", ".join(f"copy-{n}\\n.md" for n in range(5))
    assert f"    also in: {named} and 2 more" in lines


def test_the_line_below_the_names_of_columns_is_not_shown() -> None:
    table = "Prices\n\n| Part | Price |\n| --- | :--: |\n| lid | 4 |\n\nPart | Price\n--- | ---\nspout | 9\n"

    assert (
        "Prices | Part | Price | | lid | 4 | Part | Price spout | 9" in snippet(table, (), width=1000).plain
    )


def test_a_text_without_spaces_is_cut_around_the_words_that_were_found() -> None:
    sentence = "東京は日本の首都である。"
    text = f"序 {sentence * 60}人口は一千四百万人。{sentence * 60}"

    shown = snippet(text, ("人口",), width=1000).plain
    begins = snippet(sentence * 60, (), width=1000).plain
    spaced = snippet("words and " * 60, (), width=1000).plain

    assert "人口は一千四百万人" not in begins
    assert begins.strip().startswith(sentence)
    assert begins.strip().endswith("…")
    assert "序" not in shown
    assert len(shown) > SNIPPET
    assert set(spaced.split()) == {"words", "and", "…"}


def test_the_part_with_the_rarer_words_of_the_question_is_shown() -> None:
    rows = [
        f"{part}; Supplier: {name}; Shelf: {shelf}; Pieces: {shelf * 3}"
        for shelf, (part, name) in enumerate(
            {
                "The grease tin of the supplier": "Fett Supplies",
                "The drill": "Bohr",
                "The bench vice": "Amboss and Son",
                "The torque wrench": "Nordtool",
                "The lamp": "Licht",
            }.items(),
            1,
        )
    ]
    table = "\n".join([*rows, *(f"The bolt of size {size}; Supplier: Schraub" for size in range(30))])

    (run,) = marked(table, (), "Who is the supplier of the torque wrench?")
    searched = snippet(table, ("supplier", "torque", "wrenches"), width=1000)

    assert "The torque wrench; Supplier: Nordtool; Shelf: 4;" in run.text
    assert (run.text[:2], run.text[-2:]) == ("… ", " …")
    assert "The torque wrench; Supplier: Nordtool; Shelf: 4;" in searched.plain
    set_off = {searched.plain[one.start : one.end] for one in searched.spans if one.style == "bold yellow"}
    assert {"torque", "wrench", "Supplier"} <= set_off


def test_words_that_an_excerpt_counts_are_within_it() -> None:
    text = (
        "moon " + "and so on " * 17 + "pull " + "and so on " * 60 + "the moon will pull the sea " + "so " * 99
    )

    (run,) = marked(text, (), "moon pull")

    assert "moon will pull" in run.text


def test_a_word_that_begins_as_an_option_is_searched_for_behind_two_dashes(run: Run) -> None:
    refused = run("search", "--location")

    assert refused.exit_code == 2
    assert "No such option '--location'" in refused.output
    assert "If it is a word, not an option, put -- before it: " in refused.output
    assert " search -- --location" in refused.output
    assert run("search", "--", "--location").exit_code == 0
    assert "put -- before it" not in run("health", "--location").output


def test_what_stands_under_a_heading_of_many_options_is_cited_by_its_option() -> None:
    text = "-x, --proxy <host>\nUse a proxy.\n\n--location\nFollow what moved.\n\nIt may move again.\n\n--max"
    found = Hit("curl", "curl", "12", "ALL OPTIONS", Modality.TEXT, text, "curl.1#ALL_OPTIONS", {}, 1.0)

    def place(of: str, uri: str) -> str:
        begin = text.index(of)
        return cited_uri(uri, text, (begin, begin + len(of)))

    assert place("Use a proxy.", "curl.1#ALL_OPTIONS") == "curl.1#ALL_OPTIONS -x, --proxy"
    assert place("It may move again.", "curl.1#ALL_OPTIONS") == "curl.1#ALL_OPTIONS --location"
    assert place("It may move again.", "curl.pdf#page=3") == "curl.pdf#page=3"
    assert place("It may move again.", "curl.txt") == "curl.txt"
    searched = hit(1, RetrievedHit(found, 1.0, 0), ("moved",), explain=False, width=100).plain
    assert searched.rstrip().endswith("curl.1#ALL_OPTIONS --location")


def test_items_that_are_called_alike_are_told_apart_by_their_paths() -> None:
    assert told_apart(
        [
            ("METADATA", "lib/click-8.1.dist-info/METADATA"),
            ("Tides", "tides.md"),
            ("METADATA", "lib/rich-13.dist-info/METADATA"),
            ("README", "README.md"),
            ("README", "docs/README.md"),
            ("Tides", "tides.md"),
            ("", "beach.jpg"),
        ]
    ) == [
        "METADATA (click-8.1.dist-info)",
        "Tides",
        "METADATA (rich-13.dist-info)",
        "README (README.md)",
        "README (docs/README.md)",
        "Tides",
        "beach.jpg",
    ]


def test_passages_that_are_called_alike_are_told_apart() -> None:
    hits = [
        RetrievedHit(Hit(name, "METADATA", "1", "", Modality.TEXT, "Tides", "", {}, 1.0), 1.0, place)
        for place, name in enumerate(("a/METADATA", "b/METADATA"))
    ]
    result = RetrievalResult(hits, RoutingExplanation(), [], Timing(), PLAN)

    answer = Answer(retrieval=result, finish=QUOTED)

    assert [one.title for one in answer.shown.passages] == ["METADATA (a)", "METADATA (b)"]


def test_a_row_behind_a_quoted_one_stands_in_its_own_line() -> None:
    for rows in ("| Soren | 4423 |\n| Ingrid | 4431 |", "- Soren: 4423\n- Ingrid: 4431"):
        first, second = rows.split("\n")
        quote, behind = marked(rows, [(0, len(first))])

        assert (quote.is_marked, behind.is_marked) == (True, False)
        assert behind.text == f"\n{second}"
    wrapped = "The toll\nis 2.\nIt was raised."
    assert [one.text for one in marked(wrapped, [(0, 14)])] == ["The toll is 2.", " It was raised."]
