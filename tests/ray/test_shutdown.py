"""The end, and so the last test: SIGTERM lets running calls end."""

from __future__ import annotations

import signal
import threading

import psutil
import pytest
from support.running_platform import Platform
from tieback_client import Client, SamplingParameters

pytestmark = pytest.mark.ray


def test_sigterm_lets_a_running_answer_end_and_leaves_no_process_behind(platform: Platform) -> None:
    processes = psutil.Process(platform.process.pid).children(recursive=True)
    texts: list[str] = []

    with Client(platform.address, timeout=60) as client:
        stream = client.generate("Tell a story about the sea.", sampling=SamplingParameters(max_tokens=60))
        next(stream)
        reader = threading.Thread(target=lambda: texts.append(stream.collect().text))
        reader.start()
        platform.process.send_signal(signal.SIGTERM)
        reader.join(40)

    assert platform.process.wait(60) == 0
    assert len(texts) == 1
    assert stream.answer.finish is not None
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive
