"""Log lines: what a caller sends cannot pass for one, and cannot control a terminal."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tieback.serving.metrics import logs
from tieback.serving.settings import Settings

HOSTILE = "a\x1b]0;x\x07\x1b[2J\x9b\u202e\r\n12:00:00 info    all is well\u2028b"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    yield logging.getLogger("tieback.tests")
    logging.getLogger(logs.ROOT).handlers.clear()


def write_one(logger: logging.Logger) -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logger.exception("failed: %s", HOSTILE, extra={"fields": {"tenant": HOSTILE}})


def test_a_text_line_is_one_line_whatever_is_in_it(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(Settings(log_format="text"))
    write_one(logger)

    first, *others = capsys.readouterr().err.rstrip("\n").split("\n")

    assert first.count(r"a\x1b]0;x\x07\x1b[2J\x9b\u202e\r\n12:00:00 info") == 2
    assert others
    assert all(one.startswith("  ") for one in others)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u202e]", "".join([first, *others]))


def test_a_json_line_is_exact_and_one_line(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(Settings(log_format="json"))
    write_one(logger)

    (line,) = capsys.readouterr().err.splitlines()

    assert json.loads(line)["tenant"] == HOSTILE
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u202e]", line)


LIBRARIES = """
import asyncio, logging, os, sys, warnings
from tieback.serving.metrics import logs
from tieback.serving.settings import Settings
logs.start(Settings(log_format="json"))
logs.event(logging.getLogger("tieback.tests"), "ours", tenant="acme")
os.write(2, b"E0000 00:00:1764105555.123456   77 ssl_transport_security.cc:1884] Handshake failed\\n")
print("a library's own words", file=sys.stderr)
warnings.warn("something is old", stacklevel=1)
logging.getLogger("asyncio").error("a task failed", exc_info=ValueError("why"))
"""


def test_where_lines_are_json_those_of_libraries_are_too() -> None:
    ended = subprocess.run([sys.executable, "-c", LIBRARIES], capture_output=True, text=True, timeout=60)

    assert ended.returncode == 0, ended.stderr
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    told = {line["logger"]: line for line in lines}
    assert told["tieback.tests"] | {"time": ""} == {
        "time": "",
        "level": "info",
        "logger": "tieback.tests",
        "message": "ours",
        "tenant": "acme",
    }
    assert (told["grpc"]["level"], told["grpc"]["message"]) == ("error", "Handshake failed")
    assert told["stderr"]["message"] == "a library's own words"
    assert "something is old" in told["py.warnings"]["message"]
    assert "ValueError: why" in told["asyncio"]["exception"]


def test_the_begin_and_the_failure_of_a_start_are_json_lines_too(tmp_path: Path) -> None:
    def start(**settings: str) -> list[dict[str, str]]:
        ports = {"TIEBACK_PORT": "0", "TIEBACK_METRICS_PORT": "0"}
        given = {"TIEBACK_LOG_FORMAT": "json", "TIEBACK_MODELS": str(tmp_path)}
        environment = os.environ | ports | given | settings
        command = [sys.executable, "-m", "tieback_client.cli", "serve", "--local"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert (ended.returncode, ended.stdout) == (1, "")
        return [json.loads(line) for line in ended.stderr.splitlines()]

    assert "models are not in the store" in start()[-1]["message"]
    (wrong,) = start(TIEBACK_PORT="many")
    assert (wrong["level"], wrong["event"]) == ("error", "failed")
    assert "TIEBACK_PORT" in wrong["message"]
