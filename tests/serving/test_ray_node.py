"""The image's `ray`: the platform's lines in the log of a node, signals handed on, and why the node ended."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from tieback.serving.processes.ray_node import WorkerLogs

LINE = '{"time": "2026-12-02T04:09:43.739Z", "level": "info", "logger": "tieback", "message": "serving"}'
# A node as Ray starts one: its raylet's command line names the folder of the logs, in which workers write.
NODE = """
import pathlib, subprocess, sys, time
folder = pathlib.Path(sys.argv[1])
raylet = subprocess.Popen(
    ["/ray/raylet", "-c", "read _", f"--log_dir={folder}"], executable="/bin/sh", stdin=subprocess.PIPE
)
time.sleep(0.5)
(folder / "worker-1-01-7.err").write_text(sys.argv[2] + "\\n::ray::words\\n")
(folder / "raylet.out").write_text(sys.argv[3])
try:
    time.sleep(float(sys.argv[4]))
finally:
    raylet.kill()
sys.exit(1)
"""
RUN = "import sys; from tieback.serving.processes.ray_node import Node; sys.exit(Node(sys.argv[1:]).run())"
# The last lines of a raylet of Ray 2.60 that lost its head.
HEAD_GONE = (
    "[2026-12-02 04:09:42,570 W 1717 4605] retryable_grpc_client.cc:85: GCS has been unavailable for "
    "more than 4 seconds\n"
    "[2026-12-02 04:09:42,570 E 1717 4605] rpc_client.h:204: Failed to connect to GCS within 4 seconds. "
    "GCS may have been killed.\n"
)


def node(folder: Path, told: str = "", seconds: float = 0.5) -> subprocess.Popen[str]:
    fake = [sys.executable, "-c", NODE, str(folder), LINE, told, str(seconds)]
    return subprocess.Popen([sys.executable, "-c", RUN, *fake], stderr=subprocess.PIPE, text=True)


def test_a_nodes_log_has_what_the_platform_says_and_why_the_node_ended(tmp_path: Path) -> None:
    (tmp_path / "worker-0-01-6.err").write_text(LINE.replace("serving", "of the node before") + "\n")
    time.sleep(0.1)

    running = node(tmp_path, HEAD_GONE)
    _, said = running.communicate(timeout=60)

    first, last = said.splitlines()
    assert first == LINE
    assert json.loads(last)["event"] == "failed"
    assert "its head was away for more than 4 s" in json.loads(last)["message"]
    assert running.returncode == 1


def test_another_end_is_told_in_rays_words(tmp_path: Path) -> None:
    running = node(tmp_path, "[2026-12-02 04:09:42,570 C 1717 4605] main.cc:7: no room on the disk\n")
    _, said = running.communicate(timeout=60)

    assert (
        json.loads(said.splitlines()[-1])["message"] == "the Ray node ended: main.cc:7: no room on the disk"
    )


def test_a_signal_is_handed_on_and_the_end_is_told(tmp_path: Path) -> None:
    running = node(tmp_path, seconds=60)
    for _ in range(600):
        if (tmp_path / "raylet.out").exists():
            break
        time.sleep(0.1)

    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=60)

    assert running.returncode == 128 + signal.SIGTERM
    assert json.loads(said.splitlines()[-1])["event"] == "stopped"


def test_lines_are_passed_on_once_and_whole(tmp_path: Path) -> None:
    logs = WorkerLogs(tmp_path, time.time() - 1)
    file = tmp_path / "worker-1-01-7.err"

    file.write_text(LINE[:20])
    assert logs.lines() == []
    file.write_text(f"{LINE}\n{{}}\n[1, 2]\nnot JSON\n")
    assert logs.lines() == [LINE.encode()]
    assert logs.lines() == []
    with file.open("a") as more:
        more.write(f"{LINE}\n")
    assert logs.lines() == [LINE.encode()]
