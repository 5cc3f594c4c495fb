"""Log lines: what a caller sends cannot pass for one, and cannot control a terminal."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest
from tieback.serving import logs
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
