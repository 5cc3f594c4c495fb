"""A real Prometheus that scrapes one page every second, in a process and a folder of its own."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from support.installed import need
from support.ports import free_port


class Prometheus:
    """Scrapes `page` (HOST:PORT) as a ServiceMonitor would have it: with the labels of a Kubernetes Service.

    A context manager; evaluates the rules of `rules`.
    """

    def __init__(self, folder: Path, page: str, *, rules: Path, honor_labels: bool) -> None:
        program = need("prometheus", "prometheus")
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {
                    "job_name": "tieback-metrics",
                    "honor_labels": honor_labels,
                    "static_configs": [
                        {"targets": [page], "labels": {"service": "tieback-metrics", "namespace": "tieback"}}
                    ],
                }
            ],
        }
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(configuration))
        self._address = f"127.0.0.1:{free_port()}"
        self._log = folder / "prometheus.log"
        self._command = [
            program,
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'series'}",
            f"--web.listen-address={self._address}",
            "--log.level=warn",
        ]

    def __enter__(self) -> Prometheus:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def ask(self, path: str, **parameters: str) -> Any:
        """What its HTTP interface answers; the fault's text where the expression is wrong."""
        address = f"http://{self._address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {json.load(error)['error']}") from None

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The series of an expression now: labels and value."""
        return [
            (one["metric"], float(one["value"][1])) for one in self.ask("query", query=expression)["result"]
        ]

    def wait_for(self, expression: str, seconds: float = 20.0) -> None:
        """Returns once the expression has a series."""
        end = time.monotonic() + seconds
        while True:
            assert self._process.poll() is None, self._log.read_text()
            try:
                if self.query(expression):
                    return
            except OSError:  # not listening yet
                pass
            assert time.monotonic() < end, f"no series of {expression} within {seconds} s"
            time.sleep(0.1)
