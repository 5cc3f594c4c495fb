"""Commands in a terminal of their own, as a person sees them."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys


def in_a_terminal(
    address: str, *words: str, answers: str = "", exit_codes: tuple[int, ...] = (0,), **variables: str
) -> str:
    """What a command writes to a terminal of 100 columns, where `answers` are typed."""
    environment = (
        os.environ | {"TIEBACK_SERVER": address, "TERM": "xterm-256color", "COLUMNS": "100"} | variables
    )
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tieback_client.cli", *words],
        stdout=child,
        stderr=child,
        stdin=child,
        env=environment,
    )
    os.close(child)
    os.write(parent, answers.encode())
    written = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:  # the terminal is closed, as Linux says it
            break
        if not piece:
            break
        written += piece
    os.close(parent)
    assert process.wait() in (*exit_codes, -signal.SIGPIPE), written.decode()
    return written.decode()
