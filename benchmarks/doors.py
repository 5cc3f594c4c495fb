"""What each door costs over the native call: one short text at a time, and 32 texts in flight.

One server has all doors, and one client asks them in turns within each round: by gRPC with messages that are
bytes already, and by HTTP/1.1 on connections that stay. So what is compared is what the server does for each
protocol. Every text is another one of the same words, and the cache is off. perf_analyzer, of Triton,
measures the same server in turns of its own, beside this client asking for the same outputs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import grpc
from tieback.v1 import content_pb2, encoder_pb2

from benchmarks.report import Report
from benchmarks.served import Served, served
from benchmarks.statistics import Interval, spread

SPACE = "all-minilm-l6-v2"
IN_FLIGHT = 32
WARM_UP = 5
NATIVE, KSERVE, TEI, HTTP = "native", "KServe", "TEI", "HTTP"
AIMS = {KSERVE: 1.1, TEI: 1.1, HTTP: 1.5}
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


def run(options: argparse.Namespace) -> Report:
    report = Report()
    port = _free_port()
    settings = {
        "TIEBACK_DOORS": "kserve,tei",
        "TIEBACK_HTTP_PORT": str(port),
        "TIEBACK_CACHE_BYTES": "0",
        "TIEBACK_BINDING": "none",
        "TIEBACK_GENERATOR_ENABLED": "false",
        "TIEBACK_RECOGNISERS": "none",
    }
    with served(local=True, spaces=(options.space,), settings=settings) as server:
        asyncio.run(_compare(server, port, options, report))
        _analyze(server, options, report)
    return report


async def _compare(server: Served, port: int, options: argparse.Namespace, report: Report) -> None:
    """Every door beside the native call, in turns."""
    texts = _texts()
    one: dict[str, list[float]] = {}
    many: dict[str, list[float]] = {}
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with (
        grpc.aio.insecure_channel(server.address) as channel,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector) as session,
    ):
        sides = {name: _by_grpc(channel, name, options.space) for name in METHODS}
        sides[HTTP] = _by_http(session, options.space)
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
                many.setdefault(name, []).append(await _throughput(sides[name], texts, options.many))
    report.table(
        f"{options.space}: milliseconds a call (p50 of a round), calls a second with {IN_FLIGHT} in flight",
        [
            {
                "door": name,
                "p50 ms": spread(one[name]).value,
                "of native": _ratio(one[name], one[NATIVE]).value,
                "calls/s": spread(many[name]).value,
                "native over it": _ratio(many[NATIVE], many[name]).value,
            }
            for name in sides
        ],
    )
    for name, aim in AIMS.items():
        for what, ratio in (
            ("p50 of one call over the native call's", _ratio(one[name], one[NATIVE])),
            (f"throughput of native calls over it, {IN_FLIGHT} in flight", _ratio(many[NATIVE], many[name])),
        ):
            report.claim(
                f"{name}: {what}", ratio.value, "×", f"<= {aim}", low=ratio.low, high=ratio.high,
                note="median of the ratios of rounds",
            )  # fmt: skip


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


def _by_grpc(channel: grpc.aio.Channel, name: str, space: str) -> Ask:
    # Here, since a client of these protocols has the same names, and could not be loaded beside them.
    from tieback.dialects import kserve_pb2, tei_pb2

    call = channel.unary_unary(METHODS[name], None, None)

    def native(text: str) -> bytes:
        content = content_pb2.Content(text=text)
        return encoder_pb2.EncodeRequest(space=space, contents=[content]).SerializeToString()

    def kserve(text: str) -> bytes:
        request = kserve_pb2.ModelInferRequest(model_name=space)
        request.inputs.add(name="text", datatype="BYTES", shape=[1, 1])
        request.outputs.add(name="embedding")
        data = text.encode()
        request.raw_input_contents.append(len(data).to_bytes(4, "little") + data)
        return request.SerializeToString()

    def tei(text: str) -> bytes:
        return tei_pb2.EmbedRequest(inputs=text, normalize=True).SerializeToString()

    write = {NATIVE: native, KSERVE: kserve, TEI: tei}[name]

    async def ask(text: str) -> None:
        await call(write(text))

    return ask


def _by_http(session: aiohttp.ClientSession, space: str) -> Ask:
    async def ask(text: str) -> None:
        body = {"model": space, "input": text, "encoding_format": "base64"}
        async with session.post("/v1/embeddings", json=body) as answer:
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
    report.claim(claim, ratio.value, "×", "<= 1.1", low=ratio.low, high=ratio.high)


async def _all_outputs(server: Served, options: argparse.Namespace) -> float:
    from tieback.dialects import kserve_pb2  # as above

    texts, took = _texts(), []
    async with grpc.aio.insecure_channel(server.address) as channel:
        call = channel.unary_unary(METHODS[KSERVE], None, None)
        for number in range(WARM_UP + 5 * options.calls):
            request = kserve_pb2.ModelInferRequest(model_name=options.space)
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
