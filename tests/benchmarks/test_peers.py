"""The servers that tieback is compared with: listed by their files, pinned, started and ended for real."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import pickle
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import pytest
from aiohttp import web
from numpy.typing import NDArray
from packaging.requirements import Requirement
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tritonclient.grpc import service_pb2

from benchmarks.__main__ import main
from benchmarks.load.target import Rejected, Target
from benchmarks.peers import peers
from benchmarks.peers.check import check
from benchmarks.peers.environment import HERE
from benchmarks.peers.infinity import InfinityTarget
from benchmarks.peers.litserve import LitServeTarget
from benchmarks.peers.open_inference import METHOD, OpenInferenceTarget
from benchmarks.peers.peer import PROGRAMS, Model, Peer
from benchmarks.peers.process import Launch, started
from benchmarks.peers.ray_proxy import RayProxyTarget
from benchmarks.peers.triton import configuration
from benchmarks.peers.tuning import TUNINGS, Tuning, distinct
from benchmarks.ports import free_ports
from benchmarks.served import StartError

pytestmark = pytest.mark.all

WITH_ENVIRONMENT = [name for name, peer in peers().items() if peer.requirements]

# A server with a child that leaves its session, as Ray's do.
SERVER = """
import socket, subprocess, sys
port, child = int(sys.argv[1]), sys.argv[2]
apart = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open(child, "w").write(str(apart.pid))
with socket.create_server(("127.0.0.1", port)) as server:
    while True:
        server.accept()[0].close()
"""


@dataclass
class Knock:
    """Reaches a server that has nothing to say."""

    port: int

    async def open(self) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()

    async def close(self) -> None: ...

    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.zeros((len(texts), 1), np.float32)


class Nobody(Peer):
    name = "nobody"
    package = "nobody"
    requirements = ("nobody",)

    def launch(self, folder: Path, model: Model) -> Launch:
        raise AssertionError("it is not set up")


def test_every_file_that_defines_a_peer_is_listed() -> None:
    defining = {path.stem for path in HERE.glob("*.py") if "\nPEER = " in path.read_text()}

    assert set(peers()) == defining
    assert {"infinity", "litserve", "mlserver", "ray_proxy", "triton"} <= defining


@pytest.mark.parametrize("name", WITH_ENVIRONMENT)
def test_whatever_a_peer_asks_for_is_pinned_to_a_version_that_fits(name: str) -> None:
    environment = peers()[name].environment
    pinned = environment.versions

    assert len(pinned) == sum(not line.startswith("#") for line in environment.pins.read_text().splitlines())
    for text in environment.requirements:
        wanted = Requirement(text)
        assert wanted.specifier.contains(pinned[wanted.name])


def test_the_peers_are_listed_without_installing_or_starting_any(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["peers", "--list"]) == 0

    shown = capsys.readouterr().out
    for name, peer in peers().items():
        assert name in shown
        assert peer.version in shown


def test_a_peer_that_is_not_set_up_says_how_to_do_that(tmp_path: Path) -> None:
    with (
        pytest.raises(StartError, match="scripts/bench peers --only nobody"),
        Nobody().serve(tmp_path / "model.onnx", tmp_path / "tokenizer.json", 256),
    ):
        pass


def test_a_server_is_gone_after_the_block_and_so_is_a_child_that_left_it(tmp_path: Path) -> None:
    [port] = free_ports(1)
    child = tmp_path / "child"
    launch = Launch([sys.executable, "-c", SERVER, str(port), str(child)], tmp_path, Knock(port))

    with started(launch, tmp_path / "log"):
        assert psutil.pid_exists(int(child.read_text()))

    assert not psutil.pid_exists(int(child.read_text()))
    with pytest.raises(OSError, match="onnect"):
        asyncio.run(Knock(port).open())


def test_a_server_that_ends_before_it_answers_says_why(tmp_path: Path) -> None:
    [port] = free_ports(1)
    launch = Launch([sys.executable, "-c", "raise SystemExit('no such model')"], tmp_path, Knock(port))

    with pytest.raises(StartError, match="status 1: no such model"), started(launch, tmp_path / "log"):
        pass


def test_free_ports_are_all_different() -> None:
    assert len(set(free_ports(50))) == 50


async def test_an_open_inference_target_sends_long_requests_in_parts_and_keeps_the_order() -> None:
    sizes: list[int] = []

    async with _open_inference_server(sizes) as address:
        target = OpenInferenceTarget(address, "encoder", largest=4)
        await target.open()
        vectors = await target.encode(["x" * length for length in range(1, 11)])
        with pytest.raises(Rejected, match="enough"):
            await target.encode(["full"])
        await target.close()

    assert sorted(sizes) == [1, 2, 4, 4]
    assert vectors.tolist() == [[float(length), 0.5] for length in range(1, 11)]


async def test_an_http_target_reads_vectors_and_says_when_a_shedding_server_wants_to_be_asked_again() -> None:
    async def predict(request: web.Request) -> web.Response:
        texts = (await request.json())["texts"]
        if "full" in texts:
            return web.Response(status=429, text="enough", headers={"Retry-After": "1.5"})
        return web.Response(body=np.array([[len(text), 0.5] for text in texts], np.float32).tobytes())

    application = web.Application()
    application.router.add_post("/predict", predict)
    runner = web.AppRunner(application)
    await runner.setup()
    [port] = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    target = LitServeTarget(f"http://127.0.0.1:{port}/predict")
    await target.open()

    vectors = await target.encode(["a", "bb"])
    with pytest.raises(Rejected, match="enough") as rejected:
        await target.encode(["full"])
    await target.close()
    await runner.cleanup()

    assert vectors.tolist() == [[1.0, 0.5], [2.0, 0.5]]
    assert rejected.value.retry_after == 1.5


@pytest.mark.parametrize(
    "target",
    [
        InfinityTarget("http://localhost:1/embeddings"),
        LitServeTarget("http://localhost:1/predict"),
        OpenInferenceTarget("localhost:1", "encoder", 32),
        RayProxyTarget("localhost:1"),
    ],
)
def test_a_target_that_is_not_open_can_be_sent_to_the_process_that_makes_the_load(target: Target) -> None:
    assert pickle.loads(pickle.dumps(target)) == target


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in WITH_ENVIRONMENT else pytest.mark.ray) for name in peers()],
)
def test_a_peer_that_is_set_up_computes_what_tieback_computes(name: str) -> None:
    peer = peers()[name]
    if not peer.is_ready:
        pytest.skip(f"{name} is not set up; run: scripts/bench peers --only {name}")

    found = check(peer)

    assert found.cosine > 0.9999


@contextlib.asynccontextmanager
async def _open_inference_server(sizes: list[int]) -> AsyncIterator[str]:
    """A server whose vector of a text is its length and 0.5; it has no room for the text "full"."""

    async def infer(request: Any, context: Any) -> Any:
        [data], texts, begin = request.raw_input_contents, [], 0
        while begin < len(data):
            [size] = struct.unpack_from("<I", data, begin)
            texts.append(data[begin + 4 : begin + 4 + size])
            begin += 4 + size
        assert list(request.inputs[0].shape) == [len(texts), 1]
        sizes.append(len(texts))
        if texts == [b"full"]:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")
        vectors = np.array([[len(text), 0.5] for text in texts], np.float32)
        return service_pb2.ModelInferResponse(raw_output_contents=[vectors.tobytes()])

    service, method = METHOD.strip("/").split("/")
    handler = grpc.unary_unary_rpc_method_handler(
        infer,
        request_deserializer=service_pb2.ModelInferRequest.FromString,
        response_serializer=service_pb2.ModelInferResponse.SerializeToString,
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


def test_a_tuning_reaches_every_peer_that_has_the_settings(tmp_path: Path) -> None:
    tuning = Tuning(batch=8, gathered=64, window=0.01, sorts=True, queue=128, deadline=1.0)
    model = Model(tmp_path / "graph", tmp_path / "tokenizer", 256, tuning)

    assert model.variables["PEER_BATCH"] == "8"
    assert "max_batch_size: 64" in configuration(tuning)
    assert "max_queue_delay_microseconds: 10000 " in configuration(tuning)
    assert "max_queue_size: 128" in configuration(tuning)
    assert "default_queue_policy" not in configuration(Tuning())
    launch = peers()["mlserver"].launch(tmp_path, model)
    served = json.loads((tmp_path / "model-settings.json").read_text())
    assert (served["max_batch_size"], served["max_batch_time"]) == (64, 0.01)
    assert launch.variables["PEER_SORTS"] == "1"


def test_tunings_that_differ_in_what_a_peer_does_not_have_are_tried_once() -> None:
    found = distinct(TUNINGS, batch_alone=True)

    assert sorted(tuning.batch for tuning in found) == sorted({tuning.batch for tuning in TUNINGS})
    assert distinct(TUNINGS, batch_alone=False) == list(TUNINGS)


@pytest.mark.parametrize("sorts", ["0", "1"])
def test_the_peers_model_gives_each_text_its_own_vector_in_whatever_batches(
    monkeypatch: pytest.MonkeyPatch, sorts: str
) -> None:
    monkeypatch.setenv("PEER_BATCH", "3")
    monkeypatch.setenv("PEER_SORTS", sorts)
    spec = importlib.util.spec_from_file_location("bare_encoder", PROGRAMS / "bare_encoder.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    card = next(card for card in Catalog.load().encoders() if card.name == "all-minilm-l6-v2")
    stored = Store().open(card)
    encoder = module.BareEncoder(stored.path("model.onnx"), stored.path("tokenizer.json"), 256)
    texts = ["a cat " * (1 + 7 * number % 5) for number in range(10)]

    together = encoder(texts)

    alone = np.concatenate([encoder([text]) for text in texts])
    np.testing.assert_allclose((together * alone).sum(axis=1), 1.0, atol=1e-5)
