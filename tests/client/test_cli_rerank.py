"""Reranking on the command line, as a person, a pipe and a program see it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from support.command_line import Run, documents
from support.pdfs import pdf


def test_texts_are_shown_in_their_new_order_with_what_matched(run: Run) -> None:
    result = run("rerank", "moon", "a", "the moon", "--explain")
    plain = run("rerank", "moon", "a", "the moon")

    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    assert lines == [
        "1  the moon",
        "moo ~ he 0.50",
        "score 8.000   place 2 before",
        "2  a",
        "score 1.000   place 1 before",
    ]
    assert "~" not in plain.stdout
    assert "\x1b" not in result.output


def test_a_candidate_that_fails_is_named_beside_the_results_of_the_others(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("bad")
    asked = ["rerank", "moon", "a", "--file", str(tmp_path / "notes.md"), "the moon"]

    shown = run(*asked)
    printed = run(*asked, "--json")

    assert (shown.exit_code, printed.exit_code) == (1, 1)
    assert "notes.md: the text is empty; send some" in shown.stderr.replace("\n", "")
    assert "the moon" in shown.stdout
    (found,) = documents(printed)
    assert [one["candidate"] for one in found["results"]] == ["the moon", "a"]
    (failed,) = found["failures"]
    assert failed["candidate"] == str(tmp_path / "notes.md")
    assert failed["error"]["message"] == "the text is empty; send some"


def test_files_and_lines_of_standard_input_are_candidates_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tides.md").write_text("The moon pulls the sea.")

    result = run("rerank", "moon", "-", "--file", str(tmp_path / "tides.md"), input="one\n\nanother\n")

    assert result.exit_code == 0, result.output
    shown = result.stdout.replace("\n", " ")
    assert shown.index("tides.md") < shown.index("another") < shown.index("one ")


def test_files_of_every_format_that_is_indexed_are_candidates(run: Run, served: Any, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<h1>Tides</h1><p>The moon pulls.")
    (tmp_path / "plan.pdf").write_bytes(pdf(["The sea is high."]))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("old/notes.txt", "Ångström".encode("latin-1"))
    files = [
        word for name in ("page.html", "plan.pdf", "all.zip") for word in ("--file", str(tmp_path / name))
    ]

    (found,) = documents(run("rerank", "moon", *files, "--json"))

    (sent,) = served.log.reranks
    texts = [one.source.content.text for one in sent.candidates]
    assert [" ".join(text.split()) for text in texts] == [
        "Tides The moon pulls.",
        "The sea is high.",
        "Ångström",
    ]
    assert {one["candidate"] for one in found["results"]} == {
        str(tmp_path / name) for name in ("page.html", "plan.pdf", "all.zip/old/notes.txt")
    }


def test_the_options_reach_the_server_and_json_names_each_candidate(run: Run, served: Any) -> None:
    options = ["--method", "optimal_transport", "--set", "iterations=5", "--limit", "3", "--space", "tiny"]

    (found,) = documents(run("rerank", "moon", "a", "the moon", *options, "--explain", "--json"))

    (sent,) = served.log.reranks
    assert (sent.method.name, sent.method.parameters["iterations"]) == ("optimal_transport", 5)
    assert (sent.limit, sent.space, sent.explain) == (3, "tiny", True)
    assert [(one["candidate"], one["first_rank"]) for one in found["results"]] == [("the moon", 1), ("a", 0)]
    assert found["results"][0]["alignment"]["pairs"][0]["similarity"] == 0.5


def test_photos_are_compared_in_a_space_that_gives_vectors_of_their_regions(
    run: Run, served: Any, tmp_path: Path
) -> None:
    from PIL import Image

    for name in ("cup", "a", "b"):
        picture = np.zeros((4, 4, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    files = [word for name in ("a", "b") for word in ("--file", str(tmp_path / f"{name}.png"))]

    result = run("rerank", "--query-file", str(tmp_path / "cup.png"), *files)

    (sent,) = served.log.reranks
    assert result.exit_code == 0, result.output
    assert sent.space == "tiny"
    assert sent.query.content.WhichOneof("kind") == "image"
    assert "a.png photo" in " ".join(result.stdout.split())


def test_a_name_of_a_file_among_the_texts_is_told_to_be_read_as_words(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tides.md").write_text("The moon pulls the sea.")

    result = run("rerank", "moon", str(tmp_path / "tides.md"))

    assert "is compared as text; to compare the file, use --file" in result.stderr.replace("\n", " ")
