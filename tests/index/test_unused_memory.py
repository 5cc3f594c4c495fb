"""Memory that a start used for moments goes back to the system."""

import threading
from pathlib import Path

import numpy as np
from tieback.index.memory.unused_memory import give_back, large_buffers_given_back


def resident() -> int:
    """Bytes of this process that are no files'."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("RssAnon")))


def test_what_threads_freed_of_large_buffers_is_not_kept() -> None:
    before = resident()

    def work() -> None:
        for _ in range(3):
            buffers = [np.ones(6 << 20, np.uint8) for _ in range(4)]
            del buffers

    with large_buffers_given_back():
        threads = [threading.Thread(target=work) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    give_back()

    assert resident() - before < 6 << 20
