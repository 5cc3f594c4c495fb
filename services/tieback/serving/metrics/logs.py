"""Log lines for people or, one JSON object a line, for machines. Neither holds content or tokens.

A caller's words may be in a message, a field or an exception. They cannot begin a line that looks like a
record, nor control the terminal of whoever reads it: such characters are written as escapes.
"""

from __future__ import annotations

import atexit
import faulthandler
import json
import logging
import os
import re
import sys
import threading
import time
from typing import Any, BinaryIO, TextIO

from tieback_client.control_characters import in_a_line, in_json

from tieback.serving.metrics.tracing import trace_ids
from tieback.serving.requests import context
from tieback.serving.settings import Settings

ROOT = "tieback"
_LIBRARIES = ("grpc", "asyncio", "py.warnings")
"""Loggers of others whose lines are of use to whoever runs a server."""


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update(trace_ids() | getattr(record, "fields", {}))
        call = context.current()
        if call.request_id:
            entry.setdefault("request_id", call.request_id)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return in_json(json.dumps(entry, ensure_ascii=False, default=str))


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{clock} {record.levelname.lower():7} {in_a_line(record.getMessage())}"
        fields = trace_ids() | getattr(record, "fields", {})
        if fields:
            line += "  " + " ".join(
                f"{key}={in_a_line(str(value))}" for key, value in fields.items() if value not in ("", None)
            )
        if record.exc_info:
            told = self.formatException(record.exc_info).split("\n")
            line += "".join(f"\n  {in_a_line(one)}" for one in told)
        return line


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Sends this package's log lines to a stream, standard error by default, as the settings ask for."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if settings.log_format == "json" else _Text())
    logger = logging.getLogger(ROOT)
    logger.handlers[:] = [handler]
    logger.setLevel(level_of(settings))
    logger.propagate = False


def level_of(settings: Settings) -> int:
    """The lowest level that is logged. Successful calls have lines of their own below notice
    (`serving/requests/interceptor.py`).
    """
    return (
        logging.INFO
        if settings.log_level == "notice"
        else logging.getLevelNamesMapping()[settings.log_level.upper()]
    )


def start(settings: Settings) -> None:
    """As `configure`, once for a whole process: what libraries write there becomes JSON where ours is."""
    configure(settings, capture() if settings.log_format == "json" else None)
    logging.captureWarnings(True)
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers[:] = logging.getLogger(ROOT).handlers
        library.propagate = False


def event(logger: logging.Logger, message: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Logs a message with named fields. Callers pass facts about a call, never what it carried."""
    if logger.isEnabledFor(level):
        logger.log(level, message, extra={"fields": fields})


# Turns what libraries write to standard error into JSON log lines.
#
# gRPC's core, Ray and Python's own warnings write plain text to file descriptor 2, without Python's
# logging. If log lines are JSON, a thread reads this text from a pipe in place of the descriptor and writes
# each line as an object.
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
