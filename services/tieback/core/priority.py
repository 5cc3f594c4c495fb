"""Threads that compute let those that answer callers go first.

The event loop of a process takes calls, refuses them and hands out answers: some milliseconds of work a call.
Where all cores are busy with models, the system would have it wait as long as any thread that computes, and
with it every caller, also one that is only refused.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

STEPS_BEHIND = 5
"""Not more: the loop may wait for the interpreter, which a thread holds that waits for a core."""


def go_behind() -> None:
    """Gives the running thread a lower priority than the process began with, where the system has it.

    For threads that compute, before their first work. Threads that they start inherit it.
    """
    if sys.platform != "linux":  # elsewhere, a priority is of the whole process
        return
    with contextlib.suppress(OSError):
        usual = os.getpriority(os.PRIO_PROCESS, os.getpid())
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), usual + STEPS_BEHIND)
