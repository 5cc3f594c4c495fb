"""The checker in other people's tools: the step of the GitHub Action, and a stop hook of an agent."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from support.local_platform import Running

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "actions/check"
SOURCE = "The tide rises twice a day. Bake the bread at 220 degrees."
RIGHT, FALSE = "The tide rises twice a day.", "Bake the bread at 180 degrees."


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.email=a@example.com", "-c", "user.name=a", "-c", "init.defaultBranch=main"]
    ran = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def step(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Runs the action's step, as a runner does: inputs become variables, and bash runs the line."""
    action = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    assert action["runs"]["using"] == "composite"
    (one,) = action["runs"]["steps"]
    given = {name: field.get("default", "") for name, field in action["inputs"].items()}
    given |= {"python": sys.executable} | {name.replace("_", "-"): value for name, value in inputs.items()}
    variables = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: given[found[1]], text)
        for name, text in one["env"].items()
    }
    runner = {
        "GITHUB_ACTION_PATH": str(ACTION),
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_OUTPUT": str(folder / "output"),
    }
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", one["run"]],
        cwd=folder,
        env={**os.environ, **runner, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def outputs(folder: Path) -> dict[str, str]:
    lines = (folder / "output").read_text(encoding="utf-8").splitlines()
    return dict(one.split("=", 1) for one in lines)


def test_the_action_checks_changed_texts_writes_a_summary_and_fails_by_its_threshold(
    door: Running, tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "facts").mkdir()
    (tmp_path / "facts/known.md").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "old.md").write_text("The museum has a collection of clocks.", encoding="utf-8")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "before")
    (tmp_path / "event.json").write_text(json.dumps({"before": git(tmp_path, "rev-parse", "HEAD")}))
    (tmp_path / "a | page.md").write_text(f"{RIGHT} {FALSE} Is it <b>so</b>?", encoding="utf-8")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "after")

    failed = step(tmp_path, server=door.address, against="facts")
    enough = step(tmp_path, server=door.address, against="facts", least_share="0.5")

    assert failed.returncode == 1, failed.stdout + failed.stderr
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "| a \\| page.md | 3 | 2 | 50% | ✗ |" in summary
    assert "old.md" not in summary
    assert f"**✗ {FALSE}**" in summary
    assert "facts/known.md" in summary
    assert "»Bake the bread at 220 degrees.«" in summary
    assert "<b>" not in summary
    assert enough.returncode == 0, enough.stdout + enough.stderr
    assert outputs(tmp_path) == {"failed": "0", "supported-share": "0.5"}
    first, *_, last = failed.stdout.splitlines()
    assert first.removeprefix("::stop-commands::") == last.strip(":")


def test_the_action_checks_a_file_of_answers(door: Running, tmp_path: Path) -> None:
    answers = [
        {"id": "tides", "text": RIGHT, "sources": [SOURCE]},
        {"id": "bread", "text": FALSE, "sources": [{"id": "recipe", "text": SOURCE, "title": "Recipe"}]},
    ]
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)), encoding="utf-8")

    ran = step(tmp_path, server=door.address, answers="answers.jsonl")

    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "| tides | 1 | 1 | 100% | ✓ |" in ran.stdout
    assert "| bread | 1 | 1 | 0% | ✗ |" in ran.stdout


def test_the_action_says_what_is_wrong_with_its_settings_and_fails(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text("{}")
    (tmp_path / "answers.json").write_text('[{"text": "It is so.", "sources": ["It is."]}]')
    wrong: list[tuple[str, dict[str, str]]] = [
        ("give what to check by", {}),
        ("the event names no commit", {"against": "facts"}),
        ("not both", {"against": "facts", "collection": "notes"}),
        ("least-share is a number", {"collection": "notes", "least_share": "all"}),
        ("no server answers at localhost:1", {"answers": "answers.json"}),
    ]
    for told, inputs in wrong:
        ran = step(tmp_path, server="localhost:1", **inputs)

        assert ran.returncode == 2, inputs
        assert ran.stdout.startswith("::error::"), ran.stdout
        assert told in ran.stdout


def hook(given: Any, url: str) -> tuple[Any, str]:
    """Decision of the hook, and what it tells beside it. It needs no package: -S hides them."""
    ran = subprocess.run(
        [sys.executable, "-S", "-I", str(ROOT / "examples/stop_hook.py")],
        input=json.dumps(given),
        env={"MCP_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout) if ran.stdout else None, ran.stderr


def test_an_agent_is_not_let_stop_with_a_claim_that_its_documents_contradict(
    door: Running, tmp_path: Path
) -> None:
    url = f"{door.http}/mcp"
    session = [
        {"message": {"role": "user", "content": "How is bread baked?"}},
        {"message": {"role": "assistant", "content": [{"type": "text", "text": "I look it up."}]}},
        {"message": {"role": "user", "content": [
            {"type": "tool_result", "content": [{"type": "text", "text": SOURCE}]}]}},
        {"message": {"role": "assistant", "content": [{"type": "text", "text": f"{RIGHT} {FALSE}"}]}},
    ]  # fmt: skip
    path = tmp_path / "session.jsonl"
    path.write_text("\n".join(map(json.dumps, session)), encoding="utf-8")

    decided, _ = hook({"answer": f"{RIGHT} {FALSE}", "documents": [SOURCE]}, url)

    assert decided["decision"] == "block"
    assert f"- contradicted: {FALSE}" in decided["reason"]
    assert "»Bake the bread at 220 degrees.«" in decided["reason"]
    assert RIGHT not in decided["reason"]
    assert hook({"transcript_path": str(path)}, url)[0] == decided
    for given in (
        {"answer": RIGHT, "documents": [SOURCE]},
        {"answer": FALSE, "documents": []},
        {"answer": FALSE, "documents": [SOURCE], "stop_hook_active": True},
    ):
        assert hook(given, url) == (None, "")


def test_an_agent_may_stop_where_no_server_answers_and_is_told() -> None:
    decided, told = hook({"answer": FALSE, "documents": [SOURCE]}, "http://127.0.0.1:1/mcp")

    assert decided is None
    assert told.startswith("the answer was not checked: ")
