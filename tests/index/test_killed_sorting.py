"""A server that is killed while it keeps the lists or the graph of its vectors: nothing is lost."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from support.requests import searched
from support.sections import SPACE, WIDTH, item, section
from support.sweep import sweep
from tieback.index import Index
from tieback.index.vectors.growing import GrowingVectors
from tieback.index.vectors.learned_state import LISTS
from tieback_contract.method_choice import MethodChoice
from tieback_contract.vectors import Vector

FLAT, COUNT = 300, 400

# Sorts the vectors of a collection twice, and kills itself before the given call that changes the disk.
KILLED = textwrap.dedent("""
    import sys
    from support.killing import Killing
    from tieback.index import Index

    killing = Killing(int(sys.argv[2]))
    index = Index.open(sys.argv[1])
    memory = index._owned.to_write("docs").memory
    memory._wholes.flat_up_to = int(sys.argv[3])
    killing.arm("rename", "mkdir", "unlink")
    memory.train()
    print("it was not killed", killing.seen)
""")


def vectors_of(index: Index) -> GrowingVectors:
    return index._owned.to_write("docs").memory._wholes


def is_sorted(kept: GrowingVectors) -> bool:
    return kept.current.structure != "none"


async def found(index: Index) -> set[str]:
    reply = await searched(index, "docs", vector=Vector(np.ones(WIDTH, np.float32), SPACE), limit=COUNT)
    return {hit.item_id for hit in reply.hits}


@pytest.mark.parametrize(
    ("number", "codec"),
    sweep(product(range(1, 9), ["int8", "float32"]), quick=[(1, "int8"), (2, "float32")]),
)
async def test_a_server_killed_while_it_keeps_lists_or_a_graph_starts_with_all_vectors(
    number: int, codec: str, store: Path
) -> None:
    index = Index.open(store)
    await index.create_collection("docs", SPACE, WIDTH, codec=MethodChoice(codec))
    vectors = np.random.default_rng(0).standard_normal((COUNT, WIDTH), np.float32)
    await index.upsert("docs", [item(f"i{n}", section(vectors[n])) for n in range(COUNT)])
    await index.close()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    command = [sys.executable, "-c", KILLED, str(store), str(number), str(FLAT)]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    assert (done.returncode == 0) == ("it was not killed" in done.stdout)
    assert number > 1 or done.returncode == -signal.SIGKILL
    index = Index.open(store)
    assert len(await found(index)) >= COUNT * 0.97
    kept = vectors_of(index)
    kept.flat_up_to = FLAT
    assert kept.wants_training(COUNT) != is_sorted(kept)
    index._owned.to_write("docs").memory.train()
    assert is_sorted(kept)
    await index.close()
    (folder,) = (store / "collections" / "docs.lance" / LISTS).iterdir()
    index = Index.open(store)
    assert is_sorted(vectors_of(index))
    assert not folder.name.startswith(".")
    await index.close()
