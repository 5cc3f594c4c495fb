"""`tieback serve --http-port` as its users start it, end it and start it again."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx
import openai
from support.running_platform import Platform, wait_for

SPACE = "wordllama-256"
ENCODED = '"method": "tieback.v1.EncoderService/Encode", "code": "OK"'
"""A line of the log has it for each call that was computed."""
OPTIONS = (
    "--local",
    "--spaces",
    SPACE,
    "--binding",
    "none",
    "--generator",
    "none",
    "--drain-seconds",
    "3",
)


def test_a_server_that_ends_answers_what_it_has_and_its_clients_go_on_with_the_next(tmp_path: Path) -> None:
    first = Platform(tmp_path, *OPTIONS, "--http-port", "0").ready()
    address = str(first._said("http"))
    port = address.rpartition(":")[2]
    codes: list[int] = []
    ending = threading.Event()

    def keep_asking() -> None:
        with httpx.Client(base_url=address, timeout=30) as client:
            while not ending.is_set():
                asked = {"model": SPACE, "input": ["a text"] * 200}
                try:
                    codes.append(client.post("/v1/embeddings", json=asked).status_code)
                except (httpx.NetworkError, httpx.RemoteProtocolError):  # closed, and nothing was begun
                    return

    asking = threading.Thread(target=keep_asking)
    asking.start()
    wait_for(lambda: len(codes) > 3)
    try:
        assert first.stop() == 0
        asking.join(10)
        assert set(codes) <= {200, 503}
        assert codes.count(200) > 3
        assert first.log.read_text().count(ENCODED) == codes.count(200), "whatever was computed was answered"

        second: list[Platform] = []

        def start() -> None:
            time.sleep(0.5)
            second.append(Platform(tmp_path, *OPTIONS, "--http-port", port).ready())

        starting = threading.Thread(target=start)
        starting.start()
        with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=30) as client:
            assert client.embeddings.create(
                model=SPACE, input="a text"
            ).data  # its own retries bridge the gap
        starting.join(60)
        second[0].kill()
    finally:
        ending.set()
        first.kill()


def test_a_taken_port_is_told_with_the_option_to_choose_another(tmp_path: Path) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    first = Platform(tmp_path, *OPTIONS, "--http-port", "0").ready()
    try:
        port = str(first._said("http")).rpartition(":")[2]
        second = Platform(folder, *OPTIONS, "--drain-seconds", "0", "--http-port", port)
        assert second.process.wait(60) == 1
        told = wait_for(lambda: second._event("failed"))
        assert "--http-port" in str(told["message"])
        second.kill()
    finally:
        first.kill()
