"""The demo, as a newcomer runs it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder with a short name: Ray puts its sockets below it, and their paths are limited."""
    with tempfile.TemporaryDirectory(prefix="tb-") as name:
        yield Path(name)


def run_demo(scratch: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, ROOT / "examples/demo.py", *options],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def shown_until_it_ends(demo: subprocess.Popen[str], seconds: float) -> str:
    """All that it writes. One that does not end in time is stopped, and fails the test with what it wrote."""
    try:
        return demo.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        demo.terminate()
        shown, _ = demo.communicate(timeout=60)
        pytest.fail(f"it had not ended after {seconds:.0f} s:\n{shown}")


def left_behind(scratch: Path) -> list[str]:
    """Folders of the demo that are still there, and command lines of processes that name them."""
    folders = [path.name for path in scratch.glob("tieback-demo-*")]
    processes = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended since
            continue
        if f"{scratch}/tieback-demo-" in words:
            processes.append(words)
    return folders + processes


@pytest.mark.ray
@pytest.mark.all
@pytest.mark.timeout(460)
def test_the_demo_shows_what_it_promises_and_ends_by_itself(scratch: Path) -> None:
    demo = run_demo(scratch)

    shown = shown_until_it_ends(demo, 380)

    assert demo.returncode == 0, shown
    for promised in (
        "motorcycle left",  # words find a photo
        "The Cat That Walked by Himself",  # a photo finds text
        "»The English brought the plant to Jamaica in 1730.«",  # a question about a photo
        "✗ The Dutch brought",  # a claim that a passage contradicts
        "? Jamaica belongs to Spain today.",  # a claim that nothing supports
        "No answer.",  # a question that is not answerable
        "Weights of the spaces",
        "Where the time went",
        "scripts/serve",
    ):
        assert promised in shown, shown
    assert not left_behind(scratch)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
def test_the_demo_leaves_nothing_behind_when_it_is_stopped(scratch: Path) -> None:
    demo = run_demo(scratch, "--local")
    begun = ""
    assert demo.stdout is not None
    for line in demo.stdout:
        begun += line
        if "$ tieback index" in line:
            break
    time.sleep(0.5)

    demo.send_signal(signal.SIGINT)
    shown, _ = demo.communicate(timeout=60)

    assert demo.returncode == 130, begun + shown
    assert "Stopped" in shown
    assert not left_behind(scratch)


def test_the_demo_says_why_it_cannot_start(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBACK_MODELS", str(scratch / "empty"))

    demo = run_demo(scratch, "--local")
    shown = shown_until_it_ends(demo, 60)

    assert demo.returncode == 1
    assert "tieback models pull" in shown
    assert not left_behind(scratch)
