"""A cable is cut: bytes to a machine are lost, while another one is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from support.installed import need

APART = ("unshare", "--map-root-user", "--net")
"""A network of its own, which this user may change."""
CUT = """
import asyncio, json, subprocess, time
from prometheus_client import CollectorRegistry
from support.small_server import fuse_request, small_server
from tieback.core.deadline import Deadline
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.directory import Directory
from tieback.serving.requests.contract import METHODS
from tieback_client import AsyncClient, Unavailable

FUSE = METHODS["/tieback.v1.RouterService/Fuse"]

async def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    async with small_server() as lost, small_server() as there:
        directory = Directory()
        mesh = Mesh(directory, registry=CollectorRegistry())
        directory.update("router", {"a": {"address": lost.address}, "b": {"address": there.address}})
        request = fuse_request().SerializeToString()

        async def ask():
            calls = (mesh.unary("router", FUSE, request, deadline=Deadline.after(60.0)) for _ in range(20))
            await asyncio.gather(*calls)

        await ask()
        async with AsyncClient(lost.address, retry=None) as client:
            await client.health(timeout=60.0)
            rules = "add table t; add chain t c { type filter hook input priority 0; }; "
            subprocess.run(["nft", rules + f"add rule t c tcp dport {lost.port} drop"], check=True)
            begun = time.monotonic()
            await ask()
            mesh_seconds, begun = time.monotonic() - begun, time.monotonic()
            try:
                await client.health(timeout=60.0)
            except Unavailable:
                print(json.dumps([mesh_seconds, time.monotonic() - begun]))
        await mesh.close()

asyncio.run(main())
"""


def test_calls_are_asked_of_another_machine_within_seconds() -> None:
    for program in ("unshare", "nft", "ip"):
        need(program, program)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    done = subprocess.run(
        [*APART, sys.executable, "-c", CUT], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    mesh, sdk = json.loads(done.stdout)
    assert mesh < 3.5
    assert sdk < 4.5
