"""The step of the action: checks texts by a server, and fails where too little of one is supported.

Each text is read and checked by `tieback check --json`, each answer with sources of its own by the SDK. Only
the server is asked.
"""

from __future__ import annotations

import html
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DECIDED = ("supported", "contradicted", "unsupported")
SHOWN = 50
"""Claims of a text that the summary has; a summary of a step may have 1 MiB."""


class CheckError(Exception):
    """A fault of the settings or of the server, in words."""


@dataclass(frozen=True)
class Result:
    """A text and what was found."""

    name: str
    document: Mapping[str, Any]

    @property
    def labels(self) -> list[str]:
        """The verdicts of its decided claims."""
        found = [one["verdict"]["label"] for one in self.document["claims"] if one["verdict"]]
        return [one for one in found if one in DECIDED]

    def is_enough(self, least: float) -> bool:
        """True if enough is supported; a text of which nothing was decided passes."""
        share = share_of(self.labels)
        return share is None or share >= least - 1e-9


def share_of(labels: Sequence[str]) -> float | None:
    """The supported part; None of nothing."""
    return labels.count("supported") / len(labels) if labels else None


def setting(name: str) -> str:
    """Inputs of the action."""
    return os.environ.get(f"CHECK_{name}", "").strip()


def options() -> list[str]:
    """The options of `tieback check` that all texts share."""
    found = [
        part
        for path in setting("AGAINST").splitlines()
        if path.strip()
        for part in ("--against", path.strip())
    ]
    if setting("COLLECTION"):
        found += ["--collection", setting("COLLECTION")]
    if setting("CHECKER"):
        found += ["--checker", setting("CHECKER")]
    return found


def changed() -> list[str]:
    """The files of the patterns that a change adds or changes."""
    patterns = [one.strip() for one in setting("FILES").splitlines() if one.strip()]
    base = setting("BASE") or base_of_event()
    if base == "all":
        command = ["git", "ls-files", "-z", "--", *patterns]
    else:
        command = [
            "git",
            "diff",
            "--name-only",
            "-z",
            "--diff-filter=AMR",
            "--end-of-options",
            base,
            "--",
            *patterns,
        ]
    ran = subprocess.run(command, capture_output=True, check=False)
    if ran.returncode:
        raise CheckError(
            f"git does not know the commit {base}: check out with fetch-depth: 0, or give another base\n"
            + ran.stderr.decode(errors="replace")
        )
    return [
        one for one in ran.stdout.decode(errors="surrogateescape").split("\0") if one and Path(one).is_file()
    ]


def base_of_event() -> str:
    """The commit before the change, as the event of the workflow has it."""
    path = os.environ.get("GITHUB_EVENT_PATH", "")
    event = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    base = event.get("pull_request", {}).get("base", {}).get("sha") or event.get("before", "")
    if not base or not base.strip("0"):
        raise CheckError('the event names no commit to compare with: give the input base, a commit or "all"')
    return str(base)


def by_command(name: str, *, text: str | None = None) -> Result:
    """A text checked by `tieback check`: a file, or what is given."""
    file = "-" if text is not None else f"./{name}"
    command = [sys.executable, "-m", "tieback_client.cli", "check", file, "--json", *options()]
    given = None if text is None else text.encode()
    ran = subprocess.run(command, input=given, capture_output=True, check=False)
    try:
        found = json.loads(ran.stdout)
    except ValueError:
        found = {}
    if "claims" not in found:
        told = found.get("error", {}).get("message") if isinstance(found.get("error"), dict) else ""
        raise CheckError(
            f"{name}: {told or ran.stderr.decode(errors='replace').strip() or 'it was not checked'}"
        )
    return Result(name, found)


def answers(path: Path) -> Iterator[Result]:
    """The answers of a file, each with sources of its own or checked as texts are."""
    from tieback_client import Client, Evidence
    from tieback_client.jsonable import jsonable

    text = path.read_text(encoding="utf-8")
    listed = (
        json.loads(text)
        if text.lstrip()[:1] == "["
        else [json.loads(one) for one in text.splitlines() if one.strip()]
    )
    with Client() as client:
        for number, one in enumerate(listed, 1):
            name = str(one.get("id") or f"{path.name}, answer {number}")
            if not one.get("sources"):
                yield by_command(name, text=one["text"])
                continue
            passages = [own if isinstance(own, str) else Evidence(**own) for own in one["sources"]]
            checked = client.check(
                one["text"], passages, question=one.get("question", ""), checker=setting("CHECKER") or None
            )
            yield Result(name, checked.document | {"shown": jsonable(checked.shown)})


def results() -> Iterator[Result]:
    """All that is to be checked."""
    if bool(setting("AGAINST")) and bool(setting("COLLECTION")):
        raise CheckError("give files (against) or a collection, not both")
    if setting("ANSWERS"):
        yield from answers(Path(setting("ANSWERS")))
        return
    if not setting("AGAINST") and not setting("COLLECTION"):
        raise CheckError("give what to check by: files (against) or a collection")
    yield from map(by_command, changed())


def summary(found: Sequence[Result], least: float) -> Iterator[str]:
    """The job summary, in Markdown."""
    failed = sum(not one.is_enough(least) for one in found)
    yield (
        f"## {failed} of {len(found)} texts are not supported by their sources"
        if failed
        else (f"## {len(found)} texts checked against their sources")
    )
    yield "\n| text | claims | decided | supported | |\n|---|---|---|---|---|"
    for one in found:
        labels = one.labels
        share = share_of(labels)
        cells = [plain(one.name), str(len(one.document["claims"])), str(len(labels))]
        cells += ["–" if share is None else f"{share:.0%}", "✓" if one.is_enough(least) else "✗"]
        yield f"| {' | '.join(cells)} |"
    for one in found:
        if not one.is_enough(least):
            yield f"\n### {plain(one.name)}\n"
            yield from claims_of(one)


def claims_of(one: Result) -> Iterator[str]:
    """The claims of a text that nothing supports, each with what to read."""
    shown = [claim for claim in one.document["shown"]["claims"] if claim["claim"]["tone"] in ("bad", "open")]
    for claim in shown[:SHOWN]:
        why = claim["claim"].get("difference") or claim["claim"]["words"]
        yield f"- **{claim['claim']['sign']} {plain(claim['claim']['text'])}** {plain(why)}"
        for passage in claim["passages"]:
            text = "".join(
                f"»{run['text'].strip()}«" if run["is_marked"] else run["text"] for run in passage["runs"]
            )
            nearest = "nearest, " if claim["is_nearest"] else ""
            yield f"  - {nearest}{plain(passage['place'] or passage['title'])}: {plain(text)}"
    if len(shown) > SHOWN:
        yield f"- and {len(shown) - SHOWN} more"


def plain(text: str) -> str:
    """A text of a document as words of Markdown: one line, in which nothing is a mark or a tag."""
    line = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{one}" if one in "\\`*_[]|#~!$@" else one for one in line)


def write(variable: str, lines: Iterable[str]) -> None:
    """Appends to a file that the runner reads."""
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8", errors="replace") as file:
            file.writelines(f"{one}\n" for one in lines)


def main() -> int:
    """Checks, and returns the exit code: 1 where too little is supported, 2 where something is wrong."""
    try:
        try:
            least = float(setting("LEAST_SHARE") or 1)
        except ValueError:
            raise CheckError("least-share is a number from 0 to 1") from None
        try:
            from tieback_client import TiebackError
        except ImportError:
            raise CheckError(
                f"{sys.executable} has no tieback: install it with its extra cli in a step before"
            ) from None
        try:
            found = list(results())
        except (TiebackError, OSError, ValueError, KeyError, TypeError) as error:
            raise CheckError(f"{type(error).__name__}: {error}") from None
    except CheckError as error:
        print(f"::error::{str(error).replace('%', '%25').replace(chr(13), '%0D').replace(chr(10), '%0A')}")
        return 2
    lines = list(summary(found, least))
    sys.stdout.reconfigure(errors="replace")  # names of files can be anything
    # What documents say is no command to the runner.
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}")
    print("\n".join(lines))
    print(f"::{token}::")
    write("GITHUB_STEP_SUMMARY", lines)
    failed = sum(not one.is_enough(least) for one in found)
    share = share_of([label for one in found for label in one.labels])
    write(
        "GITHUB_OUTPUT", [f"failed={failed}", f"supported-share={'' if share is None else round(share, 4)}"]
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
