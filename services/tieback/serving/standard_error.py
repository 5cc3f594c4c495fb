"""Turns what libraries write to standard error into JSON log lines.

gRPC's core, Ray and Python's own warnings write plain text to file descriptor 2, without Python's logging. If
log lines are JSON, a thread reads this text from a pipe in place of the descriptor and writes each line as an
object.
"""

from __future__ import annotations

import atexit
import faulthandler
import json
import os
import re
import sys
import threading
import time
from typing import Any, BinaryIO, TextIO

from tieback_client.control_characters import in_json

GRACE_SECONDS = 1.0
_LEVELS = {"I": "info", "W": "warning", "E": "error", "F": "error"}
# How the logging of gRPC's core begins a line: "E0000 00:00:1764105555.123456   77 file.cc:12] text".
_ABSEIL = re.compile(r"([IWEF])\d{4} [\d:.]+\s+\d+ ([\w./-]+:\d+)\] ?(.*)")


def capture() -> TextIO:
    """Puts the pipe in the place of descriptor 2, and returns the standard error of before.

    What is written to the returned file is not changed. The traceback of a crash goes there too, in plain
    text: the thread would not live to pass it on.
    """
    plain = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    read, write = os.pipe()
    os.dup2(write, 2)
    os.close(write)
    faulthandler.enable(plain)
    reader = threading.Thread(target=_pass_on, args=(os.fdopen(read, "rb"), plain), daemon=True)
    reader.name = "standard error"
    reader.start()
    atexit.register(_give_back, plain, reader)
    return plain


def as_json(line: str) -> str:
    """A line as one JSON object; one that is an object already stays as it is."""
    if line.startswith("{"):
        try:
            json.loads(line)
        except ValueError:
            pass
        else:
            return line
    now = time.time()
    entry: dict[str, Any] = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z",
        "level": "warning",
        "logger": "stderr",
        "message": line,
    }
    if found := _ABSEIL.match(line):
        level, place, text = found.groups()
        entry |= {"level": _LEVELS[level], "logger": "grpc", "message": text, "place": place}
    return in_json(json.dumps(entry, ensure_ascii=False))


def _give_back(plain: TextIO, reader: threading.Thread) -> None:
    """Ends the pipe, so that what is still in it is written. A child that has it open is not waited for."""
    sys.stderr.flush()
    os.dup2(plain.fileno(), 2)
    reader.join(GRACE_SECONDS)


def _pass_on(lines: BinaryIO, plain: TextIO) -> None:
    for line in lines:
        text = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
        if text.strip():
            plain.write(as_json(text) + "\n")
