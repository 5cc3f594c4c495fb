"""scripts/audit: a database of vulnerabilities against the pinned versions."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def entry(number: int, **affected: Any) -> dict[str, Any]:
    package = {"ecosystem": "PyPI", "name": "Some_Package", **affected.pop("package", {})}
    return {"id": f"OSV-{number}", "summary": "a hole", "affected": [{"package": package, **affected}]}


def between(*events: dict[str, str]) -> dict[str, Any]:
    return {"ranges": [{"type": "ECOSYSTEM", "events": [*events]}]}


def audit(folder: Path, *entries: dict[str, Any], options: tuple[str, ...] = ()) -> tuple[int, str]:
    constraints = folder / "constraints.txt"
    constraints.write_text("some-package==1.5 \\\n    --hash=sha256:0\nother==2\n", encoding="utf-8")
    database = folder / "osv.zip"
    with zipfile.ZipFile(database, "w") as whole:
        for one in entries:
            whole.writestr(f"{one['id']}.json", json.dumps(one))
    command = [sys.executable, str(ROOT / "scripts/audit"), str(database), *options]
    command += ["--constraints", str(constraints)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("affected", "status"),
    [
        (between({"introduced": "0"}, {"fixed": "1.6"}), 1),
        (between({"introduced": "0"}, {"fixed": "1.5"}), 0),
        (between({"introduced": "1.0"}, {"last_affected": "1.5"}), 1),
        (between({"introduced": "0"}, {"fixed": "1.2"}, {"introduced": "1.5"}), 1),
        (between({"introduced": "1.6"}), 0),
        ({"versions": ["1.5"]}, 1),
        ({"versions": ["1.5"], "package": {"ecosystem": "npm"}}, 0),
        ({"versions": ["1.5"], "package": {"name": "a-third"}}, 0),
    ],
)
def test_a_pinned_version_is_held_against_what_an_entry_names(
    affected: dict[str, Any], status: int, tmp_path: Path
) -> None:
    assert audit(tmp_path, entry(1, **affected))[0] == status


def test_a_finding_names_the_package_and_what_fixes_it(tmp_path: Path) -> None:
    _, said = audit(tmp_path, entry(1, **between({"introduced": "0"}, {"fixed": "1.6"})))

    assert "some-package 1.5: OSV-1, fixed in 1.6: a hole" in said
    assert "2 packages, 1 entries, 1 findings" in said


def test_what_is_ignored_by_name_or_withdrawn_fails_nothing(tmp_path: Path) -> None:
    known = {**entry(1, versions=["1.5"]), "aliases": ["CVE-1"]}
    gone = {**entry(2, versions=["1.5"]), "withdrawn": "2026-01-01T00:00:00Z"}

    assert audit(tmp_path, known, gone, options=("--ignore", "CVE-1"))[0] == 0


def test_a_database_without_an_entry_is_no_clean_bill(tmp_path: Path) -> None:
    status, said = audit(tmp_path)

    assert status == 1
    assert "no entry" in said
