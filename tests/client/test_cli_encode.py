"""Vectors, terms and labels on the command line, in pipes and in files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import Run, documents
from support.terminal import in_a_terminal


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
            "'spares' is not a kind; the kinds are dense, multi_vector, labels, sparse",
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


def test_a_token_reduction_and_a_layer_are_asked_for_and_told(run: Run, served: Any) -> None:
    words = ("encode", "a", "--space", "tiny")

    record = documents(run(*words, "--reduction", "pitome", "--ratio", "0.8", "--json"))[0]
    run(*words, "--layer", "2")
    refused = run(*words, "--ratio", "0.8")

    assert record["reductions"] == [{"method": "pitome", "ratio": 0.8}]
    assert [one.output.layer for one in served.log.requests] == [0, 2]
    assert refused.exit_code == 2
    assert "--ratio needs --reduction" in refused.stderr
    shown = in_a_terminal(served.address, *words, "--reduction", "pitome")
    assert "pitome at 0.9" in shown


def test_a_text_that_fails_is_told_and_the_others_are_printed(run: Run) -> None:
    result = run("encode", "a", "bad", "--space", "tiny")

    assert result.exit_code == 1
    assert result.stdout.startswith("a\t1")
    assert "900 tokens" in result.stderr


def test_the_name_of_a_file_among_texts_is_encoded_as_words_and_says_so(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photo.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)

    result = run("encode", "photo.png", "absent.png", "a" * 5000 + ".png", "--space", "tiny")

    assert result.exit_code == 0
    assert result.stderr.count("--file") == 1
    assert "to encode the file, use --file photo.png" in result.stderr
