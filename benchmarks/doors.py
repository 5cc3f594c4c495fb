"""Cost of each door over the native call: one short text at a time, and 32 texts in flight.

One server has all doors, and one client asks them in turns within each round: by gRPC with messages that are
bytes already, and by HTTP/1.1 on connections that stay. So what is compared is what the server does for each
protocol. Every text is another one of the same words, and the cache is off. Where `scripts/bench peers` has
set them up, servers that others made for these protocols have turns in the same rounds, with the same graph:
MLServer for KServe, Infinity for OpenAI's embeddings. perf_analyzer, of Triton, measures the same server in
turns of its own, beside this client asking for the same outputs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.v1 import content_pb2, encoder_pb2

from benchmarks.peers import peers
from benchmarks.peers.tuning import TUNINGS
from benchmarks.ports import free_port
from benchmarks.report import Report
from benchmarks.served import Served, StartError, served
from benchmarks.statistics import Interval, spread

SPACE = "all-minilm-l6-v2"
IN_FLIGHT = 32
WARM_UP = 5
NATIVE, KSERVE, TEI, HTTP = "native", "KServe", "TEI", "HTTP"
AIMS = {KSERVE: 1.1, TEI: 1.1, HTTP: 1.5}
ORIGINALS = {"mlserver": KSERVE, "infinity": HTTP}
"""The peers of this benchmark, and the door of the same protocol."""
TUNING = TUNINGS[-1]
"""How they are set up: of what `scripts/bench speed` tried, the best for 32 short texts in flight."""
WORDS = [
    *("a", "man", "is", "playing", "guitar", "on", "stage", "while", "people"),
    *("listen", "and", "sing", "the", "old", "songs", "of", "their", "town"),
]
METHODS = {
    NATIVE: "/tieback.v1.EncoderService/Encode",
    KSERVE: "/inference.GRPCInferenceService/ModelInfer",
    TEI: "/tei.v1.Embed/Embed",
}

Ask = Callable[[str], Awaitable[None]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rounds", type=int, default=12, help="rounds, in each of which every door has a turn"
    )
    parser.add_argument("--calls", type=int, default=60, help="calls one at a time in a turn")
    parser.add_argument("--many", type=int, default=480, help="calls of a turn with 32 in flight")
    parser.add_argument("--space", default=SPACE, help="the space that encodes")
    parser.add_argument("--no-originals", action="store_true", help="leave out MLServer and Infinity")


def run(options: argparse.Namespace) -> Report:
    report = Report()
    port = free_port()
    settings = {
        "TIEBACK_DOORS": "kserve,tei",
        "TIEBACK_HTTP_PORT": str(port),
        "TIEBACK_CACHE_BYTES": "0",
        "TIEBACK_BINDING": "none",
        "TIEBACK_PRECISION": "float32",  # the graph that the servers of others serve
        "TIEBACK_GENERATOR": "none",
        "TIEBACK_RECOGNISERS": "none",
    }
    with contextlib.ExitStack() as running:
        server = running.enter_context(served(local=True, spaces=(options.space,), settings=settings))
        with contextlib.ExitStack() as beside:
            originals = {} if options.no_originals else _originals(options.space, beside, report)
            asyncio.run(_compare(server, port, originals, options, report))
        _analyze(server, options, report)
    return report


def _originals(space: str, running: contextlib.ExitStack, report: Report) -> dict[str, Any]:
    """Starts the servers of others with the same graph; their targets by name."""
    card = next(card for card in Catalog.load().encoders() if card.name == space)
    stored = Store().open(card)
    found = {}
    for name in ORIGINALS:
        serving = peers()[name].serve(
            stored.path("model.onnx"), stored.path("tokenizer.json"), card.max_tokens or 0, TUNING
        )
        try:
            found[name] = running.enter_context(serving)
        except StartError as error:
            report.claim(_beside(name), None, "×", ">= 1", note=str(error))
    return found


def _beside(name: str) -> str:
    return f"{ORIGINALS[name]}: throughput over that of {name}, {IN_FLIGHT} in flight"


async def _compare(
    server: Served, port: int, originals: dict[str, Any], options: argparse.Namespace, report: Report
) -> None:
    """Every door beside the native call, and the original of its protocol, in turns."""
    texts = _texts()
    one: dict[str, list[float]] = {}
    many: dict[str, list[float]] = {}
    used: dict[str, float] = {}
    async with contextlib.AsyncExitStack() as opened:
        channel = await opened.enter_async_context(grpc.aio.insecure_channel(server.address))
        session = await opened.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT))
        )
        sides = {
            NATIVE: _by_grpc(channel, NATIVE, _native(options.space)),
            KSERVE: _by_grpc(channel, KSERVE, _kserve(options.space, "text", "embedding")),
            TEI: _by_grpc(channel, TEI, _tei),
            HTTP: _by_http(session, f"http://127.0.0.1:{port}/v1/embeddings", options.space),
        }
        for name, target in originals.items():
            if ORIGINALS[name] == HTTP:
                sides[name] = _by_http(session, target.url, "encoder")
            else:
                other = await opened.enter_async_context(grpc.aio.insecure_channel(target.address))
                sides[name] = _by_grpc(other, KSERVE, _kserve(target.model, "texts"))
        order = list(sides)
        for number in range(options.rounds):
            for name in order[number % len(order) :] + order[: number % len(order)]:
                for _ in range(WARM_UP):
                    await sides[name](next(texts))
                took = []
                for _ in range(options.calls):
                    begun = time.perf_counter()
                    await sides[name](next(texts))
                    took.append(1e3 * (time.perf_counter() - begun))
                one.setdefault(name, []).append(sorted(took)[len(took) // 2])
                before = server.processor_seconds()
                many.setdefault(name, []).append(await _throughput(sides[name], texts, options.many))
                used[name] = used.get(name, 0.0) + server.processor_seconds() - before
    report.table(
        f"{options.space}: milliseconds a call (p50 of a round), calls a second with {IN_FLIGHT} in flight, "
        "and what tieback used of the processor for each of these",
        [
            {
                "door": name,
                "p50 ms": spread(one[name]).value,
                "of native": _ratio(one[name], one[NATIVE]).value,
                "calls/s": spread(many[name]).value,
                "native over it": _ratio(many[NATIVE], many[name]).value,
                "processor ms": (
                    None if name in originals else 1e3 * used[name] / (options.rounds * options.many)
                ),
            }
            for name in sides
        ],
    )
    for name, aim in AIMS.items():
        for what, ratio in (
            ("p50 of one call over the native call's", _ratio(one[name], one[NATIVE])),
            (f"throughput of native calls over it, {IN_FLIGHT} in flight", _ratio(many[NATIVE], many[name])),
        ):
            report.claim(f"{name}: {what}", ratio, "×", f"<= {aim}", note="median of the ratios of rounds")
    for name in originals:
        ratio = _ratio(many[ORIGINALS[name]], many[name])
        report.claim(_beside(name), ratio, "×", ">= 1", note=TUNING.name)


def _ratio(side: list[float], reference: list[float]) -> Interval:
    return spread([own / other for own, other in zip(side, reference, strict=True)])


def _texts() -> Iterator[str]:
    """Texts of ten words, no two alike."""
    number = 0
    while True:
        number += 1
        place, chosen = number, []
        for _ in range(10):
            place, rest = divmod(place * 7 + 3, len(WORDS))
            chosen.append(WORDS[(rest + number) % len(WORDS)])
        yield " ".join(chosen) + f" {number % 100} {number // 100}"


def _native(space: str) -> Callable[[str], bytes]:
    def write(text: str) -> bytes:
        content = content_pb2.Content(text=text)
        return encoder_pb2.EncodeRequest(space=space, contents=[content]).SerializeToString()

    return write


def _kserve(model: str, entry: str, *outputs: str) -> Callable[[str], bytes]:
    def write(text: str) -> bytes:
        request = _infer_messages().ModelInferRequest(model_name=model)
        request.inputs.add(name=entry, datatype="BYTES", shape=[1, 1])
        for name in outputs:
            request.outputs.add(name=name)
        data = text.encode()
        request.raw_input_contents.append(len(data).to_bytes(4, "little") + data)
        return bytes(request.SerializeToString())

    return write


def _tei(text: str) -> bytes:
    from tieback.dialects import tei_pb2  # here: a client of the protocol could not be loaded beside it

    return tei_pb2.EmbedRequest(inputs=text, normalize=True).SerializeToString()


def _infer_messages() -> Any:
    """Those of Triton's client, which asks MLServer first, and cannot be loaded beside those of our door."""
    from tritonclient.grpc import service_pb2

    return service_pb2


def _by_grpc(channel: grpc.aio.Channel, name: str, write: Callable[[str], bytes]) -> Ask:
    call = channel.unary_unary(METHODS[name], None, None)

    async def ask(text: str) -> None:
        await call(write(text))

    return ask


def _by_http(session: aiohttp.ClientSession, url: str, model: str) -> Ask:
    async def ask(text: str) -> None:
        body = {"model": model, "input": text, "encoding_format": "base64"}
        async with session.post(url, json=body) as answer:
            answer.raise_for_status()
            await answer.read()

    return ask


async def _throughput(ask: Ask, texts: Iterator[str], calls: int) -> float:
    """Calls a second of so many callers, each with one in flight."""
    left = [next(texts) for _ in range(calls)]

    async def caller() -> None:
        while left:
            await ask(left.pop())

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
    return calls / (time.perf_counter() - begun)


def _analyze(server: Served, options: argparse.Namespace, report: Report) -> None:
    """perf_analyzer's figures and this client's, of one text at a time with all outputs of the model."""
    program = Path(sys.executable).with_name("perf_analyzer")
    claim = "perf_analyzer's p50 over this client's, one in flight, all outputs"
    if not program.exists():
        report.claim(claim, None, "×", "<= 1.1", note="perf_analyzer is not installed")
        return
    rows = []
    for _ in range(3):
        own = asyncio.run(_all_outputs(server, options))
        rows.append({"this client, p50 ms": own, "perf_analyzer, p50 ms": _program(program, server, options)})
    report.table("perf_analyzer beside this client, in turns", rows)
    ratio = _ratio(
        [row["perf_analyzer, p50 ms"] for row in rows], [row["this client, p50 ms"] for row in rows]
    )
    report.claim(claim, ratio, "×", "<= 1.1")


async def _all_outputs(server: Served, options: argparse.Namespace) -> float:
    texts, took = _texts(), []
    async with grpc.aio.insecure_channel(server.address) as channel:
        call = channel.unary_unary(METHODS[KSERVE], None, None)
        for number in range(WARM_UP + 5 * options.calls):
            request = _infer_messages().ModelInferRequest(model_name=options.space)
            request.inputs.add(name="text", datatype="BYTES", shape=[1, 1])
            request.inputs[0].contents.bytes_contents.append(next(texts).encode())
            begun = time.perf_counter()
            await call(request.SerializeToString())
            if number >= WARM_UP:
                took.append(1e3 * (time.perf_counter() - begun))
    return sorted(took)[len(took) // 2]


def _program(program: Path, server: Served, options: argparse.Namespace) -> float:
    texts = _texts()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "texts.json"
        data.write_text(json.dumps({"data": [{"text": [next(texts)]} for _ in range(500)]}))
        done = subprocess.run(
            [
                str(program), "-m", options.space, "-i", "grpc", "-u", server.address,
                "--input-data", str(data), "--concurrency-range", "1", "--measurement-mode", "count_windows",
                "--measurement-request-count", str(options.calls), "-s", "50", "--max-trials", "6",
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    found = re.search(r"p50 latency: (\d+) usec", done.stdout)
    if found is None:
        raise RuntimeError(f"perf_analyzer gave no latency: {done.stdout[-500:]} {done.stderr[-500:]}")
    return int(found[1]) / 1e3
