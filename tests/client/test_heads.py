"""Heads by both clients and by the command line, against the canned server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import Run
from tieback_client import (
    AsyncClient,
    Client,
    Head,
    InvalidArgument,
    NotFound,
    OperationState,
    SpaceRef,
    Vector,
)

SPACE = SpaceRef("tiny", "r1", "f1")
PETS = {"cat": ["it purrs", "it meows"], "dog": ["it barks", "it growls", "it fetches"]}


def test_a_head_is_fitted_on_what_was_given_and_its_description_is_read(client: Client, served: Any) -> None:
    operation = client.fit_head("pets", PETS, space="tiny", method=("logistic", {"c": 4}))
    status = operation.wait()

    (asked,) = served.log.fitted
    assert (asked.name, asked.space, asked.method.name, dict(asked.method.parameters)) == (
        "pets",
        "tiny",
        "logistic",
        {"c": 4},
    )
    assert [(one.content.text, one.label) for one in asked.examples] == [
        (text, label) for label, texts in PETS.items() for text in texts
    ]
    assert not asked.memory
    assert (status.kind, status.subject, status.state) == ("fit_head", "pets", OperationState.SUCCEEDED)
    head = operation.result()
    assert isinstance(head, Head)
    assert (head.name, head.version, head.space, head.method) == ("pets", 2, SPACE, "logistic")
    assert (head.parameters, head.classes) == ({"c": 10.0}, {"cat": 2, "dog": 3})
    assert (head.class_count, head.example_count, head.memory_count) == (2, 5, 0)
    assert (head.accuracy, head.artifact, head.versions) == (0.8, "0123456789ab", [1, 2])
    assert head.created is not None
    assert head.created.year == 2023


def test_examples_may_be_pairs_of_any_contents_and_a_memory_goes_beside_them(
    client: Client, served: Any
) -> None:
    vector = Vector(np.ones(8, np.float32), SPACE)

    client.fit_head("pets", [("it purrs", "cat"), (vector, "dog")], memory=[("a paw", "cat")])

    (asked,) = served.log.fitted
    assert [one.content.WhichOneof("kind") for one in asked.examples] == ["text", "vector"]
    assert asked.examples[1].content.vector.space.name == "tiny"
    assert [(one.content.text, one.label) for one in asked.memory] == [("a paw", "cat")]
    assert not asked.HasField("method")


def test_a_prediction_is_read_with_its_probabilities_and_a_bad_content_fails_alone(
    client: Client, served: Any
) -> None:
    found = client.predict("pets", ["it purrs", "bad", "remembered"], top=1, version=1)

    (asked,) = served.log.predicted
    assert (asked.head, asked.version, asked.top) == ("pets", 1, 1)
    assert (len(found), found.version, found[0].label) == (3, 1, "cat")
    assert [(one.name, one.index, one.probability) for one in found[0].labels] == [("cat", 0, 0.75)]
    assert (found[0].memory_share, found[2].memory_share) == (None, 0.5)
    assert found.timing.total == pytest.approx(0.0035)
    with pytest.raises(InvalidArgument, match="no word that is known") as refusal:
        list(found)
    assert refusal.value.field == "contents[1].text"
    assert [one.name for one in client.predict("pets", "it purrs")[0].labels] == ["cat", "dog"]


def test_heads_are_listed_shown_and_deleted(client: Client, served: Any) -> None:
    (listed,) = client.heads()

    assert (listed.name, listed.classes, listed.class_count, listed.stale) == (
        "pets",
        {},
        2,
        "its space is gone",
    )
    assert client.head("pets").version == 2
    assert client.head("pets", version=1).version == 1
    client.delete_head("pets")
    assert "DeleteHead" in served.log.calls
    with pytest.raises(NotFound, match="the choices are: pets"):
        client.head("pests")


async def test_the_asynchronous_client_does_the_same(aclient: AsyncClient) -> None:
    operation = await aclient.fit_head("pets", PETS)

    assert (await operation.result()).name == "pets"
    assert [one.label for one in await aclient.predict("pets", ["it purrs"])] == ["cat"]
    assert [one.name for one in await aclient.heads()] == ["pets"]
    assert (await aclient.head("pets")).classes == {"cat": 2, "dog": 3}
    await aclient.delete_head("pets")


@pytest.mark.parametrize(
    ("examples", "field"),
    [
        ("it purrs", "examples"),
        ([("it purrs",)], "examples[0]"),
        ([("it purrs", "cat"), ("it barks", 3)], "examples[1]"),
        ([("it purrs", "cat\0")], "examples[0].label"),
        ({"cat": [b"bytes"]}, "examples[0].content"),
    ],
)
def test_examples_of_another_form_are_refused_before_anything_is_sent(
    client: Client, served: Any, examples: Any, field: str
) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        client.fit_head("pets", examples)

    assert refusal.value.field == field
    assert served.log.fitted == []


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"contents": []}, "contents"), ({"top": -1}, "top"), ({"version": 2**32}, "version")],
)
def test_a_prediction_of_nothing_or_by_a_number_that_is_none_is_refused(
    client: Client, arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        client.predict("pets", **({"contents": "it purrs"} | arguments))

    assert refusal.value.field == field


def write_examples(folder: Path) -> tuple[Path, Path]:
    """The same examples as a folder and as a file of lines."""
    for label, texts in PETS.items():
        (folder / "pets" / label).mkdir(parents=True)
        for number, text in enumerate(texts):
            (folder / "pets" / label / f"{number}.txt").write_text(text)
    (folder / "pets" / ".hidden").mkdir()
    (folder / "pets" / "cat" / ".DS_Store").write_bytes(b"\0")
    (folder / "pets" / "notes.txt").write_text("of no class")
    lines = [{"text": text, "label": label} for label, texts in PETS.items() for text in texts]
    lines[0] = {"file": "pets/cat/0.txt", "label": "cat"}
    (folder / "pets.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    return folder / "pets", folder / "pets.jsonl"


def test_the_command_line_fits_on_a_folder_or_on_lines(run: Run, served: Any, tmp_path: Path) -> None:
    folder, lines = write_examples(tmp_path)

    told = run("heads", "fit", "pets", "--examples", str(folder), "--space", "tiny")
    as_json = run(
        "heads", "fit", "pets", "--examples", str(lines), "--json",
        "--method", "memory", "--parameter", "k=3", "--memory", str(lines),
    )  # fmt: skip
    detached = run("heads", "fit", "pets", "--examples", str(folder), "--detach")

    assert told.exit_code == 0, told.output
    assert "accuracy\t0.800, by cross-validation of 5 examples" in told.stdout
    assert "classes\tcat (2), dog (3)" in told.stdout
    assert json.loads(as_json.stdout)["version"] == 2
    assert (detached.exit_code, detached.stdout) == (0, "pets-2\n")
    first, second, _ = served.log.fitted
    expected = [(text, label) for label, texts in PETS.items() for text in texts]
    for asked in (first, second):
        assert [(one.content.text, one.label) for one in asked.examples] == expected
    assert (second.method.name, dict(second.method.parameters), len(second.memory)) == ("memory", {"k": 3}, 5)


def test_lines_and_folders_without_examples_are_refused_with_their_place(run: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text('{"text": "it purrs", "label": "cat"}\n{"text": "it barks"}\n')
    empty = tmp_path / "empty"
    empty.mkdir()

    for path, says in ((wrong, "line 2: it takes a JSON object"), (empty, "holds no example")):
        result = run("heads", "fit", "pets", "--examples", str(path))
        assert result.exit_code == 2
        assert says in " ".join(result.stderr.split())
    unknown = tmp_path / "unknown.jsonl"
    unknown.write_text('{"file": "nothing.txt", "label": "cat"}\n')
    assert run("heads", "fit", "pets", "--examples", str(unknown)).exit_code == 1


def test_the_command_line_predicts_shows_lists_and_deletes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("it purrs")

    predicted = run(
        "heads", "predict", "pets", "it barks", "--file", str(tmp_path / "note.txt"), "--top", "2"
    )
    failed = run("heads", "predict", "pets", "it barks", "bad")
    as_json = json.loads(run("heads", "predict", "pets", "it barks", "bad", "--json").stdout)
    nothing = run("heads", "predict", "pets")

    assert predicted.stdout.splitlines() == [
        "it barks\tcat\t0.750",
        "it barks\tdog\t0.250",
        f"{tmp_path / 'note.txt'}\tcat\t0.750",
        f"{tmp_path / 'note.txt'}\tdog\t0.250",
    ]
    assert (failed.exit_code, failed.stdout) == (1, "it barks\tcat\t0.750\n")
    assert "bad: the text has no word that is known" in failed.stderr
    assert [one.get("labels", [{}])[0].get("name") for one in as_json["results"]] == ["cat", None]
    assert as_json["results"][1]["error"]["field"] == "contents[1].text"
    assert nothing.exit_code == 2
    listed = run("heads")
    assert listed.stdout == "pets\t2\t2\t5\t0.800\ttiny\tlogistic\t2023-11-14 22:13\n"
    assert "its space is gone" in listed.stderr
    assert "versions\t1, 2" in run("heads", "show", "pets").stdout
    assert json.loads(run("heads", "show", "pets", "--version", "1", "--json").stdout)["version"] == 1
    assert run("heads", "delete", "pets").exit_code == 2
    assert run("heads", "delete", "pets", "--yes").stderr == "deleted pets\n"
    assert json.loads(run("heads", "delete", "pets", "--yes", "--json").stdout)["deleted"] == "pets"


def test_what_came_of_a_fit_is_shown_with_its_operation(run: Run, tmp_path: Path) -> None:
    folder, _ = write_examples(tmp_path)
    run("heads", "fit", "pets", "--examples", str(folder), "--detach")

    waited = run("operations", "wait", "pets-0")

    assert "kind\tfit_head" in waited.stdout
    assert "accuracy\t0.800" in waited.stdout
