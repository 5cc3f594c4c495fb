"""Operations in the hands of both clients, and on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.each import each
from tieback_client import (
    AsyncClient,
    Cancelled,
    Client,
    DeadlineExceeded,
    InternalError,
    JudgedQuery,
    NotFound,
    OperationState,
    Recall,
    StorageFull,
    UpgradeAdvice,
    UpgradePlan,
)
from tieback_client.cli import app
from tieback_client.shown.durations import duration


def run(served: Any, *words: str) -> Result:
    return CliRunner().invoke(app.tieback, list(words), env={"TIEBACK_SERVER": served.address})


def test_an_operation_is_followed_step_by_step_to_its_result(client: Client) -> None:
    operation = client.reindex("notes")
    first = operation.status
    steps = list(operation.follow(0.0))

    assert (operation.id, first.kind, first.subject) == ("notes-0", "reindex", "notes")
    assert (first.state, first.done, first.total, first.remaining) == (OperationState.RUNNING, 0, 3, 3.5)
    assert [one.done for one in steps] == [1, 3]
    assert steps[0].trouble == "a service is away"
    assert (steps[-1].state, steps[-1].is_over) == (OperationState.SUCCEEDED, True)
    result = operation.result()
    assert (result.total, result.done, result.finished, result.failure_count) == (3, 2, False, 1)
    assert result.failures["red"].message == "the original is not kept"


def test_a_wait_asks_again_until_it_is_over_or_its_time_is(client: Client, served: Any) -> None:
    operation = client.reindex("notes")

    with pytest.raises(DeadlineExceeded, match="notes-0 has not ended within 0 s; it goes on"):
        operation.wait(timeout=0)
    assert operation.wait().state is OperationState.SUCCEEDED
    assert served.log.calls.count("WaitOperation") == 3


def test_one_that_was_cancelled_has_no_result(client: Client) -> None:
    operation = client.reindex("notes")

    operation.cancel()

    assert operation.wait().state is OperationState.CANCELLED
    with pytest.raises(Cancelled, match="the operation was cancelled"):
        operation.result()


def test_one_that_failed_raises_its_error(client: Client) -> None:
    operation = client.reindex("unlucky")

    with pytest.raises(StorageFull, match="full"):
        operation.result()

    assert operation.status.state is OperationState.FAILED


def test_what_a_newer_server_says_is_read_as_far_as_it_is_known(client: Client) -> None:
    operation = client.reindex("new")

    status = operation.wait()

    assert (status.state, status.result, status.error) == (OperationState.SUCCEEDED, None, None)
    with pytest.raises(InternalError, match="does not know"):
        operation.result()


def test_operations_are_listed_found_again_and_deleted(client: Client) -> None:
    for name in ("a", "b", "c"):
        client.reindex(name)

    assert [one.id for one in client.operations()] == ["a-0", "b-1", "c-2"]
    assert client.operation("b-1").status.subject == "b"
    assert client.operation("operations/b-1").id == "b-1"
    client.operation("b-1").delete()
    with pytest.raises(NotFound):
        client.operation("b-1")


async def test_a_list_of_operations_is_filtered_by_the_server(
    client: Client, aclient: AsyncClient, served: Any
) -> None:
    wanted = 'kind = "reindex" AND NOT done'

    assert list(client.operations(filter=wanted)) == []
    assert [one async for one in aclient.operations(filter=wanted)] == []
    for options in (["--active"], ["--kind", "reindex", "--active"], ["--collection", 'a "b"']):
        assert run(served, "operations", *options).exit_code == 0

    assert served.log.filters == [
        *(wanted, wanted),
        "NOT done",
        'NOT done AND kind = "reindex"',
        'collection = "a \\"b\\""',
    ]


async def test_the_asynchronous_client_does_the_same(aclient: AsyncClient) -> None:
    operation = await aclient.reindex("notes")
    steps = [one.done async for one in operation.follow(0.0)]
    other = await aclient.reindex("notes")
    await other.cancel()
    failed = await aclient.reindex("unlucky")

    assert steps == [1, 3]
    assert (await operation.result()).done == 2
    assert (await other.wait()).state is OperationState.CANCELLED
    with pytest.raises(DeadlineExceeded):
        await failed.wait(timeout=0)
    with pytest.raises(StorageFull):
        await failed.result()
    assert [one.id async for one in aclient.operations()] == ["notes-0", "notes-1", "unlucky-2"]
    await operation.delete()
    with pytest.raises(NotFound):
        await operation.progress()


def test_the_command_line_tells_how_a_reindex_ended(served: Any) -> None:
    told = run(served, "reindex", "notes")
    as_json = json.loads(run(served, "reindex", "notes", "--json").stdout)
    detached = run(served, "reindex", "notes", "--detach")
    failed = run(served, "reindex", "unlucky")

    assert told.exit_code == 1
    assert "waiting: a service is away" in told.stderr
    assert "the original is not kept" in told.stderr
    assert "notes is as it was" in told.stderr
    assert (as_json["operation"], as_json["finished"], as_json["failures"]) == (
        "notes-1",
        False,
        {"red": "the original is not kept"},
    )
    assert (detached.exit_code, detached.stdout) == (0, "notes-2\n")
    assert "tieback operations wait notes-2" in detached.stderr
    assert (failed.exit_code, "full" in failed.stderr) == (1, True)


def test_the_command_line_lists_shows_waits_for_cancels_and_deletes(served: Any) -> None:
    for name in ("a", "b"):
        run(served, "reindex", name, "--detach")

    listed = run(served, "operations")
    shown = run(served, "operations", "show", "a-0")
    cancelled = run(served, "operations", "cancel", "b-1", "--json")
    waited = [run(served, "operations", "wait", name) for name in ("a-0", "b-1")]
    deleted = run(served, "operations", "delete", "a-0")

    assert [line.split("\t")[0] for line in listed.stdout.splitlines()] == ["a-0", "b-1"]
    assert "running" in shown.stdout
    assert "about 2 s" in shown.stdout
    assert json.loads(cancelled.stdout)["state"] == "cancelled"
    assert [one.exit_code for one in waited] == [0, 1]
    assert "1 items cannot be encoded again" in waited[0].stdout
    assert (deleted.exit_code, deleted.stderr) == (0, "deleted a-0\n")


@each(
    "seconds, told",
    [(0.2, "0 s"), (59, "59 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_a_time_is_told_in_one_unit(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_an_upgrade_is_started_with_what_was_asked_for_and_its_result_is_read(client: Client) -> None:
    operation = client.plan_upgrade(
        "notes", space="tiny", policy=("oca", {"extra": 4}), labels="kind", items=50
    )

    result = operation.wait().result
    by_queries = client.plan_upgrade("notes", queries=[JudgedQuery("what is red", {"red": 2})]).result()

    assert (operation.id, operation.status.kind) == ("notes-0", "plan_upgrade")
    assert isinstance(result, UpgradePlan)
    assert (by_queries.judged, result.judged) == (1, 0)
    assert (result.advice, result.reason) == (UpgradeAdvice.REEMBED, "translation is refused")
    assert [(one.policy, one.translated is None, one.refused) for one in result.policies] == [
        ("affine", False, True),
        ("oca", True, True),
    ]
    assert [one.translates_stored for one in result.policies] == [True, False]
    assert [(one.share, one.both, one.translated) for one in result.curve] == [(0, 0.5, 0.45), (1, 0.6, 0.6)]
    assert (result.old.ndcg.value, result.reembedded.recall) == (0.5, 0.3)
    assert (result.sections, result.encode_all_seconds, result.translate_all_seconds) == (1000, 120.0, 1.0)
    assert (result.policy, result.parameters, result.artifact) == ("oca", {"extra": 4.0}, "0123456789ab")
    assert (result.width, result.trained, result.held_out, result.left_out) == (50, 80, 20, 3)
    assert result.old_old == Recall(0.5, 0.25, 0.75)
    assert (result.new_old.value, result.new_new.value, result.native.value) == (0.4, 0.5, 1.0)
    assert (result.encoding_seconds, result.training_seconds) == (90.0, 1.5)
    assert (result.gain.value, result.old.kept.value) == (0.1, 1.0)
    assert [(one.query, one.gallery, one.policy) for one in result.matrix.cells] == [
        (0, 0, ""), (1, 0, "affine"), (1, 1, ""),
    ]  # fmt: skip
    assert (result.matrix.average_compatibility, result.matrix.average_accuracy) == (0.0, 0.5)


async def test_the_asynchronous_client_upgrades_too(aclient: AsyncClient) -> None:
    operation = await aclient.plan_upgrade("notes", space="tiny")

    assert (await operation.result()).trained == 80


def test_the_command_line_tells_what_an_upgrade_is_worth(served: Any) -> None:
    words = ["upgrade", "plan", "notes", "--to", "tiny", "--policy", "oca", "--parameter", "extra=4"]
    told = run(served, *words)
    as_json = json.loads(run(served, *words, "--json").stdout)
    detached = run(served, *words, "--detach")
    shown = run(served, "operations", "show", "notes-0")
    wrong = run(served, "upgrade", "plan", "notes", "--parameter", "extra=4")

    for output in (told.stdout, shown.stdout):
        assert "Advice: move notes to tiny" in output
        assert "to begin: tieback upgrade start notes --to tiny" in output
    assert (as_json["operation"], as_json["result"]["native"]["value"]) == ("notes-1", 1.0)
    assert as_json["result"]["parameters"] == {"extra": 4.0}
    assert (detached.exit_code, detached.stdout) == (0, "notes-2\n")
    assert (wrong.exit_code, "--policy" in wrong.stderr) == (2, True)


def test_a_page_about_an_upgrade_is_written_into_a_file(served: Any, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "page.html"

    told = run(served, "upgrade", "report", "notes", "--output", str(path))
    as_json = json.loads(run(served, "upgrade", "report", "notes", "--output", str(path), "--json").stdout)

    assert told.exit_code == 0
    assert path.read_text() == client.upgrade_report("notes") == "<!doctype html>notes"
    assert as_json == {"collection": "notes", "page": str(path)}

    refused = run(served, "upgrade", "report", "notes", "--output", str(tmp_path / "missing/page.html"))
    assert (refused.exit_code, "cannot be written: No such file" in refused.stderr) == (1, True)


def test_judged_queries_are_read_from_a_file_and_a_wrong_line_is_named(served: Any, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right.jsonl", tmp_path / "wrong.jsonl"
    rows = [{"a": 2, "b": 0}, {"a": 0}]
    right.write_text("\n\n".join(json.dumps({"text": "red", "judgements": row}) for row in rows))
    wrong.write_text('{"text": "red", "judgements": {"a": 2}}\n{"text": "blue"}\n')

    told = json.loads(run(served, "upgrade", "plan", "notes", "--queries", str(right), "--json").stdout)
    refused = run(served, "upgrade", "plan", "notes", "--queries", str(wrong))

    assert told["result"]["judged"] == 1, "a query that nothing answers is left out"
    assert refused.exit_code == 2
    assert "line 2 of wrong.jsonl is no judged query" in refused.output
