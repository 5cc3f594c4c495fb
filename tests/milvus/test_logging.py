"""Milvus's client is imported into processes of Ray Serve, whose log handlers must stay."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.all

# As in a replica of Ray Serve: a handler that keeps lines, and writes them to the file of another. That
# file is what its controller asks for.
PROCESS = """
import logging, logging.handlers, sys
from tieback.milvus.connection import Milvus

file = logging.handlers.RotatingFileHandler(sys.argv[1])
serve = logging.getLogger("ray.serve")
serve.addHandler(logging.handlers.MemoryHandler(10, logging.ERROR, target=file))
serve.warning("before")
root = logging.getLogger()
root.setLevel("INFO")
handlers = list(logging._handlerList)
Milvus("http://127.0.0.1:1")
assert "pymilvus" in sys.modules
(handler,) = serve.handlers
assert handler.target is file, "Ray Serve's handler lost its file"
assert logging._handlerList[: len(handlers)] == handlers
assert root.level == logging.INFO and not root.handlers
assert logging.getLogger("pymilvus.milvus_client").getEffectiveLevel() == logging.CRITICAL
serve.error("after")
"""


def test_importing_milvus_leaves_the_handlers_of_the_process(tmp_path: Path) -> None:
    log = tmp_path / "replica.log"

    done = subprocess.run(
        [sys.executable, "-c", PROCESS, str(log)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert log.read_text().splitlines() == ["before", "after"]
