"""Log lines for people or, one JSON object a line, for machines. Neither holds content or tokens.

A caller's words may be in a message, a field or an exception. They cannot begin a line that looks like a
record, nor control the terminal of whoever reads it: such characters are written as escapes.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any, TextIO

from tieback_client.control_characters import in_a_line, in_json

from tieback.serving import context, standard_error
from tieback.serving.settings import Settings
from tieback.serving.tracing import trace_ids

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
    """The lowest level that is logged. Successful calls have lines of their own below notice (`edge.py`)."""
    return (
        logging.INFO
        if settings.log_level == "notice"
        else logging.getLevelNamesMapping()[settings.log_level.upper()]
    )


def start(settings: Settings) -> None:
    """As `configure`, once for a whole process: what libraries write there becomes JSON where ours is."""
    configure(settings, standard_error.capture() if settings.log_format == "json" else None)
    logging.captureWarnings(True)
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers[:] = logging.getLogger(ROOT).handlers
        library.propagate = False


def event(logger: logging.Logger, message: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Logs a message with named fields. Callers pass facts about a call, never what it carried."""
    if logger.isEnabledFor(level):
        logger.log(level, message, extra={"fields": fields})
