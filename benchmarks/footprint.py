"""Memory, idle processor use and time to ready with the whole default catalog loaded.

`tieback serve --local` is one process, of which the resident memory counts. Ray Serve is many that share
pages, so there the proportional set sizes of all of them are summed, Ray's own included. Memory is read when
the server is ready and again after every service has been used; idle use is the processor time of all
processes over a quiet while, as a share of one core.
"""

from __future__ import annotations

import argparse
import io
import math
import struct
import time
import wave

from PIL import Image as Picture
from tieback_client import Audio, Client, Image, Item, SamplingParameters

from benchmarks.report import Report
from benchmarks.served import Served, StartError, served

LOCAL_MEMORY, RAY_MEMORY = "<= 1.5", "<= 3"
IDLE, READY = "< 5", "<= 10"
SETTLE_SECONDS = 3.0
COLLECTION = "footprint"
TEXT = "The moon pulls the sea towards it, and the sea follows twice a day."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--idle", type=float, default=20.0, help="seconds of quiet to measure")
    parser.add_argument("--no-ray", action="store_true", help="leave the Ray Serve side out")


def run(options: argparse.Namespace) -> Report:
    report = Report()
    rows: list[dict[str, object]] = []
    local = _measure(report, rows, local=True, idle=options.idle)
    ray: dict[str, float] | str = "left out by --no-ray"
    if not options.no_ray:
        ray = _measure(report, rows, local=False, idle=options.idle)
    report.table("footprint", rows)

    for name, key, unit, target, found in (
        ("local: resident memory after use", "used", "GB", LOCAL_MEMORY, local),
        ("local: idle use of a core", "idle", "%", IDLE, local),
        ("local: time to ready", "ready", "s", READY, local),
        ("Ray Serve: proportional memory of all processes after use", "used", "GB", RAY_MEMORY, ray),
    ):
        if isinstance(found, str):
            report.claim(name, None, unit, target, note=found)
        else:
            report.claim(name, found[key], unit, target)
    return report


def _measure(
    report: Report, rows: list[dict[str, object]], *, local: bool, idle: float
) -> dict[str, float] | str:
    """Numbers of one way of serving, or why there are none."""
    try:
        with served(local=local) as server:
            loaded = _memory(server, local)
            with server.client() as client:
                use_everything(client)
            time.sleep(SETTLE_SECONDS)
            used = _memory(server, local)
            before, begun = server.processor_seconds(), time.monotonic()
            time.sleep(idle)
            share = 100.0 * (server.processor_seconds() - before) / (time.monotonic() - begun)
            found = {"ready": server.ready_seconds, "loaded": loaded, "used": used, "idle": share}
            name = "local" if local else "Ray Serve"
            rows.append(
                {
                    "side": name,
                    "ready, s": server.ready_seconds,
                    "memory when ready, GB": loaded,
                    "memory after use, GB": used,
                    "idle, % of a core": share,
                    "processes": len(server.processes()),
                }
            )
            if not local:
                parts = sorted(server.proportional_bytes().items(), key=lambda part: -part[1])
                report.table(
                    "Ray Serve: proportional memory by process, MB",
                    [{"process": kind, "MB": size / 1e6} for kind, size in parts],
                )
            return found
    except StartError as error:
        return str(error)


def _memory(server: Served, local: bool) -> float:
    """Gigabytes: resident of the one process, or proportional of all."""
    return (server.resident_bytes() if local else sum(server.proportional_bytes().values())) / 1e9


def use_everything(client: Client) -> None:
    """Asks every service for something ordinary."""
    inputs = {"text": TEXT, "image": Image(_picture()), "audio": Audio(_sound())}
    for space in client.spaces():
        for modality in space.modalities:
            if space.name != "joint":
                client.encode([inputs[str(modality)]] * 8, space=space.name)
    items = [Item(f"text-{number}", f"{TEXT} Part {number}.") for number in range(32)]
    items += [Item("picture", inputs["image"]), Item("sound", inputs["audio"])]
    client.ingest(COLLECTION, items).collect()
    client.retrieve(COLLECTION, "what moves the sea?", explain=True)
    client.retrieve(COLLECTION, [inputs["image"], "water"])
    client.rerank("what moves the sea?", [TEXT, "Bread is made of flour."])
    client.answer(COLLECTION, "What moves the sea?", sampling=SamplingParameters(max_tokens=32)).collect()


def _picture() -> bytes:
    """A photo-sized gradient as JPEG."""
    buffer = io.BytesIO()
    Picture.linear_gradient("L").resize((640, 480)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def _sound() -> bytes:
    """Two seconds of a rising tone as WAV."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        tone = (int(8000 * math.sin(0.05 * n + n * n * 2e-6)) for n in range(32_000))
        file.writeframes(b"".join(struct.pack("<h", value) for value in tone))
    return buffer.getvalue()
