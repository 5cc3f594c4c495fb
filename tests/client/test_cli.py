"""The command line as a person, a pipe and a program see it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.terminal import in_a_terminal
from tieback_client import Box, Client
from tieback_client.cli import app, connection, leading_options
from tieback_client.cli.search import place_of

Run = Callable[..., Result]


@pytest.fixture
def run(served: Any) -> Run:
    """Runs a command against the canned server, its output not a terminal."""

    def invoke(*words: str, **options: Any) -> Result:
        return CliRunner().invoke(app.tieback, words, env={"TIEBACK_SERVER": served.address}, **options)

    return invoke


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder of each kind of file, some of which cannot be indexed."""
    folder = tmp_path / "library"
    (folder / "old").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "tides.md").write_text(
        "# Tides\n\nWater.\n\n## The moon\n\nIt pulls.\n\n## The sun\n\nIt helps.\n"
    )
    (folder / "plain.txt").write_text("Plain words.\n")
    (folder / "old" / "draft.txt").write_text("A draft.\n")
    (folder / "photo_of-sea.jpg").write_bytes(b"\xff\xd8\xffa picture")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    (folder / "latin.txt").write_bytes(b"caf\xe9")
    (folder / "photo.txt").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (folder / "table.xlsx").write_bytes(b"PK\x03\x04\0cells")
    (folder / ".hidden" / "secret.txt").write_text("secret")
    return folder


def documents(result: Result) -> list[Any]:
    return [json.loads(line) for line in result.stdout.splitlines()]


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
        "Filled from the other spaces: third (substitute)",
    ):
        assert part in result.output
    assert "Where the time went" not in result.output


def test_a_timed_search_says_where_the_time_went(run: Run) -> None:
    result = run("search", "the", "moon", "--timing")

    assert "encode:tiny 1.5 ms" in result.output
    assert "Weights of the spaces" not in result.output


def test_a_search_is_one_json_document_where_asked_for(run: Run) -> None:
    found = documents(run("search", "moon", "--json"))

    assert len(found) == 1
    assert found[0]["hits"][0]["hit"]["item_id"] == "tides.md"
    assert [one["text"] for one in found[0]["hits"][0]["hit"]["pieces"]] == ["The sun helps."]
    assert found[0]["hits"][1]["hit"]["part"] == {"x": 0.5, "y": 0.0, "width": 0.5, "height": 0.5}
    assert found[0]["routing"]["weights"] == {"tiny": 0.75, "other": 0.25}


@pytest.mark.parametrize(
    ("box", "words"),
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


def test_an_answer_has_footnotes_with_verdicts_and_a_list_of_sources(run: Run) -> None:
    result = run("ask", "What", "moves", "the", "sea?")

    assert "The moon moves it. ✓[1]" in result.output
    assert "Sources" in result.output
    assert "[1] Tides" in result.output
    assert "The moon pulls the sea towards it," in result.output
    assert "support 0.90" in result.output
    assert "5 tokens by writer" in result.output


def test_an_abstention_is_shown_plainly(run: Run) -> None:
    result = run("ask", "unanswerable")

    assert (
        "No answer. Nothing that was found bears on the question  (measured 0.10, needed 0.30)"
        in result.output
    )
    assert "Nearest passages" in result.output


def test_an_answer_is_one_json_object_per_event(run: Run) -> None:
    events = [one["event"] for one in documents(run("ask", "Why?", "--json"))]

    assert events == ["retrieval", "text", "text", "claim", "citation", "verdict", "finish"]


def test_a_folder_is_indexed_and_each_failure_is_told(run: Run, library: Path, served: Any) -> None:
    result = run("index", str(library), "-c", "notes", "--exclude", "old/*")

    assert result.exit_code == 1
    summary = (
        "4 files indexed (2 text, 1 image, 1 markdown; 6 sections), 1 of other kinds (1 .xlsx), 2 failed"
    )
    assert summary in " ".join(result.stdout.split())
    assert re.search(r"failed +library/photo.txt +it is a PNG picture, not text", result.stderr)
    assert re.search(r"failed +library/broken.png +the picture cannot be decoded", result.stderr)
    with Client(served.address) as client:
        items = {one.id: one for one in client.items("notes")}
    assert sorted(items) == [
        "library/latin.txt",
        "library/photo_of-sea.jpg",
        "library/plain.txt",
        "library/tides.md",
    ]
    assert items["library/latin.txt"].sections[0].content == "café"
    assert items["library/photo_of-sea.jpg"].title == "photo of sea"
    tides = items["library/tides.md"]
    assert [(one.id, one.title, one.content) for one in tides.sections] == [
        ("1", "Tides", "Water."),
        ("1.1", "The moon", "It pulls."),
        ("1.2", "The sun", "It helps."),
    ]
    assert tides.sections[1].uri == "library/tides.md#L7"


def test_a_collection_can_be_made_with_a_routing_of_its_own(run: Run, library: Path, served: Any) -> None:
    run("index", str(library), "-c", "even", "--routing", "uniform")
    run("index", str(library), "-c", "tilted", "--weights", "tiny=3,other=1")
    both = run("index", str(library), "-c", "no", "--weights", "tiny=3", "--routing", "uniform")

    with Client(served.address) as client:
        even, tilted = client.get_collection("even"), client.get_collection("tilted")
        assert (even.policy, even.weights) == ("uniform", {})
        assert tilted.weights == {"tiny": 3, "other": 1}
        assert "no" not in [one.name for one in client.collections()]
    assert both.exit_code == 2
    assert "leave --routing out" in both.output


def test_arrays_are_of_another_kind_where_no_space_takes_clouds(run: Run, library: Path) -> None:
    np.save(library / "vectors.npy", np.zeros((4, 8)))

    result = run("index", str(library), "-c", "notes", "--exclude", "old/*")

    assert "2 of other kinds (1 .xlsx, 1 .npy)" in " ".join(result.stdout.split())


def test_indexing_again_skips_what_is_unchanged_and_prunes_what_is_gone(run: Run, library: Path) -> None:
    run("index", str(library), "-c", "notes")
    (library / "plain.txt").write_text("Changed.\n")
    (library / "tides.md").unlink()

    again = documents(run("index", str(library), "-c", "notes", "--json", "--prune"))[0]

    assert (again["written"], again["unchanged"], again["removed"]) == (1, 3, ["library/tides.md"])
    assert sorted(again["failures"]) == ["library/broken.png", "library/photo.txt"]


def test_what_became_of_long_texts_is_told_once_for_all_files(run: Run, tmp_path: Path) -> None:
    for name in ("lengthy one.md", "lengthy two.md", "short.md"):
        (tmp_path / name).write_text("# Tides\n\nThe moon pulls the sea.\n")

    told = run("index", str(tmp_path), "-c", "notes").output.replace("\n", " ")
    report = documents(run("index", str(tmp_path), "-c", "notes", "--force", "--json"))[0]

    assert "7 sections" in told
    assert "2 sections longer than a space reads were stored as 6, so that all of the text is read" in told
    assert "tiny reads 128 tokens of a section, and did not read the ends of 2 sections (80 tokens)" in told
    assert (report["split_sections"], report["added_sections"]) == (2, 4)
    assert report["truncated"] == {"tiny": {"sections": 2, "tokens": 80, "window": 128}}


def test_a_file_over_the_servers_limit_fails_alone(run: Run, library: Path, canned: Any) -> None:
    (library / "huge.wav").write_bytes(bytes(canned.MESSAGE_BYTES))

    report = documents(run("index", str(library), "--json"))[0]

    assert "the server takes 6,291,456 in a message" in report["failures"]["library/huge.wav"]
    assert report["written"] == 5


def test_vectors_are_tab_separated_in_a_pipe_and_can_be_kept(run: Run, tmp_path: Path) -> None:
    lines = run("encode", "-", "--space", "tiny", input="a\nbb\n").stdout.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["a", "1"], ["bb", "0.7071068"]]

    run("encode", "a", "bb", "--space", "tiny", "--dtype", "int8", "-o", str(tmp_path / "v.npy"))
    assert np.load(tmp_path / "v.npy").dtype == np.int8


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A thousand texts, some of which are refused."""
    file = tmp_path / "corpus.txt"
    file.write_text("".join(f"{'bad' if n % 100 == 7 else 'x' * (1 + n % 8)}\n" for n in range(1000)))
    return file


def test_a_file_of_many_lines_becomes_an_array_with_a_row_a_line(
    run: Run, corpus: Path, tmp_path: Path
) -> None:
    result = run("encode", "--lines", str(corpus), "--space", "tiny", "-o", str(tmp_path / "v.npy"))

    vectors = np.load(tmp_path / "v.npy")
    assert vectors.shape == (1000, 8)
    assert np.isnan(vectors[7]).all()
    assert [int(np.count_nonzero(row)) for row in vectors[:4]] == [1, 2, 3, 4]
    assert result.exit_code == 1
    assert "8: the text has 900 tokens" in result.stderr
    assert re.search(
        r"1,000 × 8 float32 to .*v.npy in .* s; (.* a second; )?990 from memory; 10 failed", result.stderr
    )
    assert not list(tmp_path.glob("*.partial"))


def test_json_lines_keep_their_ids_and_say_where_each_vector_came_from(run: Run, tmp_path: Path) -> None:
    texts = '{"id": "a", "text": "x"}\n{"text": "xx"}\n{"id": 9, "text": "bad"}\n'

    result = run("encode", "--lines", "-", "--space", "tiny", "--json", "--width", "2", input=texts)

    found = documents(result)
    assert [one["id"] for one in found] == ["a", 2, 9]
    assert found[1] == {"id": 2, "vector": found[1]["vector"], "tokens": 3, "source": "memory"}
    assert len(found[1]["vector"]) == 2
    assert found[2]["error"]["reason"] == "TOO_LONG"
    run("encode", "--lines", "-", "--space", "tiny", "-o", str(tmp_path / "v.jsonl"), input=texts)
    assert [json.loads(one)["id"] for one in (tmp_path / "v.jsonl").read_text().splitlines()] == ["a", 2, 9]


def test_lines_in_a_pipe_are_tab_separated_and_one_each(run: Run) -> None:
    result = run("encode", "--lines", "-", "--space", "tiny", input="a\n\nbb\n")

    lines = result.stdout.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["a", "1"], [""], ["bb", "0.7071068"]]


@pytest.mark.parametrize(
    "words", [("--lines", "lines.txt", "-o", "v.npy"), ("-o", "v.npy", "-"), ("--lines", "-", "-o", "v.npy")]
)
def test_a_blank_line_is_a_row_so_that_row_and_line_stay_the_same(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "a\n\n  \nbad\nbb\n"
    Path("lines.txt").write_text(text)

    result = run("encode", "--space", "tiny", *words, input=text)

    vectors = np.load("v.npy")
    assert np.isnan(vectors).all(axis=1).tolist() == [False, True, True, True, False]
    assert np.count_nonzero(vectors[4]) == 2
    assert result.exit_code == 1
    for told in ("2: the text is empty", "3: the text is empty", "the text has 900 tokens"):
        assert told in result.stderr


@pytest.mark.parametrize("text", ['"a"\n\n{"text": "bb"}\n', '\n"a"\n{"text": "bb"}\n'])
def test_a_blank_line_among_json_lines_is_a_row_too(run: Run, tmp_path: Path, text: str) -> None:
    run("encode", "--lines", "-", "--space", "tiny", "-o", str(tmp_path / "v.npy"), input=text)

    blank = text.splitlines().index("")
    assert np.isnan(np.load(tmp_path / "v.npy")).all(axis=1).tolist() == [n == blank for n in range(3)]


def test_labels_are_printed_with_their_probabilities_and_no_numbers(run: Run, served: Any) -> None:
    result = run("encode", "a", "--space", "tiny", "--labels")

    assert result.stdout == "a\tcat:0.9000\n"
    shown = in_a_terminal(served.address, "encode", "a", "--space", "tiny", "--labels")
    assert "90%  cat" in shown
    assert "float32" not in shown


def test_vectors_and_labels_are_both_there_where_both_are_asked_for(run: Run, tmp_path: Path) -> None:
    row = run("encode", "a", "--space", "tiny", "--kinds", "dense,labels").stdout.strip().split("\t")
    assert (row[1], row[-1]) == ("1", "cat:0.9000")

    run("encode", "a", "--space", "tiny", "--labels", "-o", str(tmp_path / "v.npy"))
    assert np.load(tmp_path / "v.npy").shape == (1, 8)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'"a"\nb\n', 'line 2 is neither a JSON string nor an object with "text"'),
        (b"a\nb\ncaf\xe9\n", "is not UTF-8 text"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_and_no_half_a_file_is_left(
    run: Run, tmp_path: Path, data: bytes, message: str
) -> None:
    (tmp_path / "lines").write_bytes(data)

    result = run(
        "encode", "--lines", str(tmp_path / "lines"), "--space", "tiny", "-o", str(tmp_path / "v.npy")
    )

    assert (result.exit_code, message in result.stderr) == (1, True)
    assert [one.name for one in tmp_path.iterdir()] == ["lines"]


def test_the_terms_of_a_text_are_printed_by_their_names_the_heaviest_first(run: Run, served: Any) -> None:
    result = run("encode", "cab", "--space", "tiny", "--kinds", "sparse")

    assert result.stdout == "cab\tb:3\ta:2\tc:1\n"
    assert served.log.requests[0].output.terms


def test_a_terminal_shows_the_heaviest_terms_and_how_many_more_there_are(served: Any) -> None:
    shown = in_a_terminal(
        served.address, "encode", "abcdefghijklm", "--space", "tiny", "--kinds", "sparse,multi_vector"
    )

    assert re.search(r"13\.00\s+m", shown)
    assert "4.00  d" in shown
    assert "3.00  c" not in shown
    assert "and 3 terms more, tiny@r1" in shown
    assert "2 token vectors of 8" in shown


def test_sparse_and_multi_vectors_are_whole_as_json(run: Run) -> None:
    words = ("--space", "tiny", "--kinds", "sparse,multi_vector", "--json")

    (one,) = documents(run("encode", "cab", *words))
    (line,) = documents(run("encode", "--lines", "-", *words, input="cab\n"))

    assert one["sparse"][0]["terms"] == line["sparse"]["terms"] == ["a", "b", "c"]
    assert line["sparse"]["weights"] == [2, 3, 1]
    assert line["multi_vector"] == one["multi_vectors"][0]
    assert line["multi_vector"]["locators"] == {"kind": "byte_span", "places": [[0, 2], [2, 4]]}
    assert "vector" not in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--kinds", "sparse,spares"),
            "'spares' is no kind; the kinds are dense, multi_vector, labels, sparse",
        ),
        (("--kinds", "sparse", "-o", "v.npy"), "A NumPy file holds dense vectors"),
    ],
)
def test_kinds_that_do_not_fit_are_a_usage_error(run: Run, words: tuple[str, ...], message: str) -> None:
    result = run("encode", "a", "--space", "tiny", *words)

    assert (result.exit_code, message in " ".join(result.stderr.split())) == (2, True)


def test_cache_and_batch_invariance_are_flags(run: Run, served: Any) -> None:
    record = documents(run("encode", "a", "--space", "tiny", "--no-cache", "--batch-invariant", "--json"))[0]

    request = served.log.requests[0]
    assert (request.cache, request.output.batch_invariant) == (2, True)
    assert record["sources"] == ["memory"]
    assert record["cost"]["cached_items"] == 1


def test_in_a_terminal_a_file_of_lines_has_a_bar_that_goes_away(
    served: Any, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "few.txt").write_text("a\nbb\n")
    words = ("encode", "--space", "tiny", "-o", str(tmp_path / "v.npy"), "--lines")

    shown = in_a_terminal(served.address, *words, str(tmp_path / "few.txt"))

    assert "2/2" in shown
    assert "2 × 8 float32 to" in shown


def test_a_text_that_fails_is_told_and_the_others_are_printed(run: Run) -> None:
    result = run("encode", "a", "bad", "--space", "tiny")

    assert result.exit_code == 1
    assert result.stdout.startswith("a\t1")
    assert "900 tokens" in result.stderr


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["spaces"], "tiny\ttext, image, audio\t8\t256\tint8\tcomponent\tyes\tA tiny space."),
        (["spaces", "tiny"], "width\t8 (or 4, 8)"),
        (["spaces", "tiny"], "cosine, smallest\t0.9934 (in float32 1)"),
        (["methods"], "reranking\tlate_interaction\tpairs=5\tSums each query token's best match."),
        (["health"], "encoder:tiny\tyes"),
        (["status"], "encoder:tiny\tyes"),
        (["collections"], "notes\t0\t0\ttiny\t8\t2023-11-14 22:13"),
        (["collections", "list"], "notes\t0\t0\ttiny\t8\t2023-11-14 22:13"),
    ],
)
def test_lists_are_tab_separated_in_a_pipe(run: Run, served: Any, words: list[str], line: str) -> None:
    with Client(served.address) as client:
        client.create_collection("notes", "tiny")

    assert line in run(*words).stdout.splitlines()


@pytest.mark.parametrize(
    "words",
    [
        ["search", "moon", "-c", "notes"],
        ["ask", "why", "-c", "notes"],
        ["encode", "a", "--space", "tiny"],
        ["spaces"],
        ["spaces", "tiny"],
        ["methods"],
        ["health"],
        ["collections"],
        ["collections", "items", "notes"],
        ["collections", "delete", "notes", "--yes"],
    ],
)
def test_every_command_speaks_json(run: Run, served: Any, words: list[str]) -> None:
    with Client(served.address) as client:
        client.create_collection("notes", "tiny")

    result = run(*words, "--json")

    assert result.exit_code == 0, result.output
    documents(result)


def test_a_failed_call_is_one_line_with_the_way_out_and_exit_code_1(run: Run) -> None:
    result = run("encode", "a", "--space", "nope")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: no space is named 'nope'; the choices are: tiny\n"


def test_a_failed_call_is_json_where_asked_for(run: Run) -> None:
    error = json.loads(run("encode", "a", "--space", "nope", "--json").stderr)["error"]

    assert (error["code"], error["reason"]) == ("NOT_FOUND", "SPACE_NOT_FOUND")


def test_a_server_that_is_not_there_is_told_with_how_to_start_one() -> None:
    result = CliRunner().invoke(
        app.tieback, ["search", "moon", "--server", "localhost:1", "--timeout", "0.5"]
    )

    assert result.exit_code == 1
    assert "no server answers at localhost:1" in result.stderr
    assert "tieback serve --local" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["search"], "Say what to look for: words, --image, --audio or --points."),
        (["encode", "--space", "tiny"], "Say what to encode"),
        (["encode", "a", "--lines", "-", "--space", "tiny"], "--lines stands alone"),
        (["search", "a", "--weights", "tiny"], "'tiny' is not SPACE=NUMBER"),
        (["search", "a", "--weights", "tiny=1", "--policy", "top_k"], "leave --policy out"),
        (["search", "a", "--image", "nowhere.png"], "File 'nowhere.png' does not exist"),
        (["serch", "a"], "Did you mean search?"),
        (["xyz"], "The commands are: index, search, ask"),
    ],
)
def test_wrong_usage_has_exit_code_2(run: Run, words: list[str], message: str) -> None:
    result = run(*words)

    assert result.exit_code == 2
    assert message in result.stderr


def test_a_collection_is_not_deleted_unless_that_is_meant(run: Run, served: Any) -> None:
    with Client(served.address) as client:
        client.create_collection("notes", "tiny")

    assert run("collections", "delete", "notes", input="n\n").exit_code == 2
    assert run("collections", "delete", "notes", input="y\n").exit_code == 0
    assert run("collections", "list").stdout == ""


def test_a_question_that_nobody_can_answer_is_answered_by_no(run: Run, served: Any) -> None:
    with Client(served.address) as client:
        client.create_collection("notes", "tiny")

    result = run("collections", "delete", "notes", input="")

    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert "notes" in run("collections", "list").stdout


def test_a_folder_in_which_nothing_can_be_indexed_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    result = run("index", str(tmp_path / "empty"))

    assert result.exit_code == 0
    assert "no files were found there" in result.stderr
    (tmp_path / "empty/tides.md").write_text("# Tides")
    assert "no files" not in run("index", str(tmp_path / "empty")).stderr


def test_a_link_to_nothing_is_told(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "tides.md").write_text("# Tides")
    (folder / "gone.md").symlink_to("nowhere.md")

    result = run("index", str(folder))

    assert result.exit_code == 1
    assert "notes/gone.md" in result.stderr
    assert "which is not there" in result.stderr


def test_a_token_is_sent_and_never_shown(run: Run, served: Any) -> None:
    result = run("spaces", "--token", "hush-hush")

    assert served.log.metadata[-1]["authorization"] == "Bearer hush-hush"
    assert "hush-hush" not in result.output
    assert (
        "hush-hush"
        not in CliRunner(env={"TIEBACK_TOKEN": "hush-hush"}).invoke(app.tieback, ["search", "-h"]).output
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "spaces"],
        ["--timeout=5", "--json", "collections"],
        ["--json", "--timeout", "5", "collections", "list"],
    ],
)
def test_options_of_the_server_may_stand_before_the_command(run: Run, words: list[str]) -> None:
    result = run(*words)

    assert result.exit_code == 0, result.output
    assert isinstance(json.loads(result.stdout), list)


def test_a_commands_own_options_count_before_those_in_front_of_it(served: Any) -> None:
    words = ["--server", "127.0.0.1:1", "--json", "spaces", "--server", served.address]

    assert CliRunner().invoke(app.tieback, words).exit_code == 0


@pytest.mark.parametrize("words", [["--json"], ["--json", "--help"], ["--server", "there"]])
def test_options_without_a_command_show_the_commands(words: list[str]) -> None:
    assert "Usage: tieback [OPTIONS] COMMAND" in CliRunner().invoke(app.tieback, words).output


def test_the_options_that_may_stand_before_a_command_are_those_that_all_share() -> None:
    parameters = {
        one.name: one for one in app.tieback.get_command(click.Context(app.tieback), "search").params
    }
    shared = [parameters[name] for name in connection.SHARED]

    assert {one.opts[0] for one in shared if one.is_flag} == leading_options.FLAGS
    assert {one.opts[0] for one in shared if not one.is_flag} == leading_options.WITH_VALUE


def test_the_list_of_commands_cuts_no_description_short() -> None:
    shown = CliRunner().invoke(app.tieback, ["--help"]).output

    assert "Commands:" in shown
    assert "..." not in shown.partition("Commands:")[2]


@pytest.mark.parametrize("name", [*app.COMMANDS])
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(app.tieback, [name, "--help"])

    assert result.exit_code == 0
    assert f"Usage: tieback {name}" in result.output


def test_the_servers_commands_say_what_to_install_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = EntryPoint("serve", "a_package_that_is_not_there.commands:serve", app.SERVER_GROUP)
    monkeypatch.setattr(app, "entry_points", lambda group: [absent])

    result = CliRunner().invoke(app.tieback, ["serve", "--local"])

    assert result.exit_code == 1
    assert "python -m pip install 'tieback[serve] @ " in result.stderr
    assert "a_package_that_is_not_there" in result.stderr


def test_without_its_two_packages_the_command_line_says_what_to_install() -> None:
    program = "import sys; sys.modules['rich'] = None; from tieback_client.cli import main; main()"

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert result.returncode == 1
    assert "python -m pip install 'tieback[cli] @ " in result.stderr
    assert "Traceback" not in result.stderr


def test_in_a_terminal_there_is_colour_and_none_where_it_is_not_wanted(served: Any) -> None:
    assert "\x1b[1mTides" in in_a_terminal(served.address, "search", "moon")
    assert "\x1b[1;33m" not in in_a_terminal(served.address, "search", "moon", NO_COLOR="1")


def test_in_a_terminal_an_answer_grows_and_ends_with_its_sources(served: Any) -> None:
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", in_a_terminal(served.address, "ask", "why"))

    assert "The moon moves it. ✓[1]" in shown
    assert shown.index("Sources") < shown.index("tokens by writer")


def test_an_interrupt_is_quiet(served: Any) -> None:
    program = (
        "import sys, time, threading, os, signal; from tieback_client.cli import app, output\n"
        "def slow(*a, **k):\n    os.kill(os.getpid(), signal.SIGINT); time.sleep(5)\n"
        "output.Output.table = slow\n"
        # A shell that runs the tests in the background has children ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "app.tieback(['spaces'], prog_name='tieback')"
    )
    environment = os.environ | {"TIEBACK_SERVER": served.address}

    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )

    assert result.returncode == 130
    assert result.stderr.strip() == ""


def test_a_reader_that_goes_away_is_no_error(served: Any) -> None:
    command = f"{sys.executable} -m tieback_client.cli ask why --json | head -1"

    result = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env=os.environ | {"TIEBACK_SERVER": served.address},
        check=False,
    )

    assert json.loads(result.stdout)["event"] == "retrieval"
    assert result.stderr == ""


def test_a_damaged_collection_is_shown_as_one_with_what_to_do(run: Run, client: Client) -> None:
    client.create_collection("broken", "tiny")
    client.create_collection("notes", "tiny")

    shown = run("collections")

    assert [line.split("\t")[-1] for line in shown.stdout.splitlines()] == ["damaged", "good"]
    assert "broken: its files are damaged; delete it" in shown.stderr
    assert documents(run("collections", "--json"))[0][0]["damage"] == "its files are damaged; delete it"


def test_whoami_says_whose_token_it_is_and_how_much_of_the_quota_is_used(run: Run) -> None:
    told = run("whoami", "--token", "acme-token")
    found = documents(run("whoami", "--token", "acme-token", "--json"))[0]

    assert told.exit_code == 0
    for part in (
        "acme",
        "role write",
        "1,200",
        "2,000",
        "globex/handbook",
        "read",
        "5,000,000",
        "none",
        "500",
    ):
        assert part in told.output
    assert (found["tenant"], found["role"], found["quota"]["item_count"]) == ("acme", "write", 2000)
    assert found["shared"] == {"globex/handbook": "read"}


def test_whoami_says_where_no_tokens_are_asked_for(run: Run) -> None:
    assert "asks for no tokens" in run("whoami").output


def test_a_wrong_token_is_told_with_the_way_to_give_another(run: Run) -> None:
    result = run("whoami", "--token", "wrong")

    assert result.exit_code == 1
    assert "the token is not one of this server's" in result.output
    assert "--token or TIEBACK_TOKEN" in result.output
    assert "metadata" not in result.output
    assert "token=" not in result.output
