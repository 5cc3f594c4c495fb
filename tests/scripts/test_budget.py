"""The check that counts lines of code and holds them to ceilings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECK = Path(__file__).parents[2] / "scripts" / "check_budget.py"
BUDGET = """
[parts]
server = ["services/"]

[ceilings]
server = {lines}
"docstrings that begin as questions" = 0
"""
OWL = '''"""An owl."""

# It flies at night.
NIGHT = """
dark
"""


def flies() -> bool:
    """Tell whether it flies."""

    return True
'''
"""Code of five lines."""


def checked(folder: Path, lines: int) -> tuple[int, str]:
    (folder / "scripts").mkdir(exist_ok=True)
    (folder / "scripts" / "budget.toml").write_text(BUDGET.format(lines=lines))
    run = subprocess.run([sys.executable, CHECK], cwd=folder, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout


def committed(folder: Path) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    subprocess.run(["git", *identity, "commit", "-qm", "Fly"], cwd=folder, check=True)


def test_code_alone_is_counted_with_what_a_change_adds_and_what_is_above_a_ceiling_fails(
    tmp_path: Path,
) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "owl.py").write_text(OWL)
    (tmp_path / "services" / "owl_pb2.py").write_text("GENERATED = 1\n")

    assert checked(tmp_path, 5) == (
        0, "server: 5 of 5 (no history)\ndocstrings that begin as questions: 0 of 0 (no history)\n"
    )  # fmt: skip
    committed(tmp_path)
    (tmp_path / "services" / "owl.py").write_text(OWL.replace("Tell whether", "Whether") + "DAY = 1\n")
    (tmp_path / "services" / "wren.py").write_text("SONG = 2\n")
    code, said = checked(tmp_path, 6)

    assert code == 1
    assert said.splitlines() == [
        "server: 7 of 6 (+2), too many",
        "docstrings that begin as questions: 1 of 0 (+1), too many",
    ]


def test_files_of_a_pattern_and_lines_of_a_page_have_ceilings(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "docs").mkdir()
    for name in ("owls", "wrens"):
        (tmp_path / "docs" / f"{name}.md").write_text("# Birds\n\nThey fly.\n")
    ceilings = '\n[files]\n"docs/*.md" = 2\n[lines]\n"docs/owls.md" = 2\n'
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "budget.toml").write_text(BUDGET.format(lines=0) + ceilings)

    run = subprocess.run([sys.executable, CHECK], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run.returncode == 1
    assert run.stdout.splitlines()[2:] == [
        "files docs/*.md: 2 of 2",
        "lines of docs/owls.md: 3 of 2, too many",
    ]
