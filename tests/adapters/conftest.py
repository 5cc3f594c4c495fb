"""A server for the adapters, in a process of its own: the frameworks' environment lacks its packages.

`scripts/test doors` makes that environment and runs these tests. Where the frameworks are missing, as in the
ordinary environment, there is nothing to collect.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tieback_client import Client, Item

ROOT = Path(__file__).parents[2]
SPACE = "all-minilm-l6-v2"
COLLECTION = "handbook"
QUESTION = "What makes the tides?"
TEXTS = [
    "Bread is made from flour, water, salt and yeast.",
    "The gravity of the moon pulls the sea and makes the tides.",
    "Cats sleep for most of the day, and hunt in the evening.",
]
FRAMEWORKS = ("langchain_core", "llama_index", "haystack")
collect_ignore_glob = [] if all(map(find_spec, FRAMEWORKS)) else ["test_*.py"]


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    store = tmp_path_factory.mktemp("server") / "store"
    server = os.environ.get("PYTHON", str(ROOT / ".venv/bin/python"))
    options = ["--local", "--json", "--port", "0", "--metrics-port", "", "--store", str(store)]
    options += ["--spaces", SPACE, "--binding", "none", "--generator", "none", "--drain-seconds", "0"]
    command = [server, "-c", "from tieback.serving.commands.serve import serve; serve()", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        events = map(json.loads, process.stdout)
        try:
            event = next(one for one in events if one["event"] in ("ready", "failed"))
            with Client(event["address"], timeout=60) as made:
                items = [
                    Item(str(place), text, metadata={"year": 2000 + place})
                    for place, text in enumerate(TEXTS)
                ]
                made.ingest(COLLECTION, items).collect()
                yield made
        finally:
            process.terminate()
