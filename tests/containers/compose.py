"""docker-compose.yml as containers: its keys as options of podman, on a network of its own.

Podman's own front end for such files is a program of Python that no package of Debian's needs. A key that is
not known here is an error, so that nothing in the file is silently left out.
"""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from support.deployment import queries

from benchmarks.report import Row
from containers.engine import Engine
from containers.events import Event, Findings, under_load
from containers.images import BEFORE, PLATFORM, ROOT, STATE
from containers.load import SPACES, Calls, unbroken, wait_until_serving

STEP = "compose"
NETWORK = "compose"
ADDRESS, PROMETHEUS = "127.0.0.1:50051", "http://127.0.0.1:9090/api/v1"
READY_SECONDS = 300.0
SCRAPED_EVERY = 15.0
_LEFT_OUT = {"grafana": "no package of Debian's has Grafana"}
_ELSEWHERE = {"build", "image", "command", "depends_on"}  # read by others, or not needed where one waits


def services() -> dict[str, dict[str, Any]]:
    """The services of the file."""
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def options(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    """Options of `podman run` for what the file says of a service."""
    yield from (f"--network={NETWORK}:alias={name}", f"--hostname={name}")
    for key, value in service.items():
        if key == "ports":
            yield from (f"--publish={one}" for one in value)
        elif key == "volumes":
            yield from (f"--volume={ROOT / one if one.startswith('./') else one}" for one in value)
        elif key == "environment":
            yield from (f"--env={variable}={said}" for variable, said in value.items())
        elif key == "init":
            yield f"--init={str(value).lower()}"
        elif key == "shm_size":
            yield f"--shm-size={value.removesuffix('b')}"
        elif key == "mem_limit":
            yield f"--memory={value}"
        elif key == "stop_grace_period":
            yield f"--stop-timeout={value.removesuffix('s')}"
        elif key == "restart":
            yield f"--restart={value}"
        elif key == "cap_drop":
            yield from (f"--cap-drop={one}" for one in value)
        elif key == "security_opt":
            yield from (f"--security-opt={one.replace(':true', '')}" for one in value)
        elif key not in _ELSEWHERE:
            raise ValueError(f"docker-compose.yml: {name} has {key}, of which this knows nothing")


def upgrade(engine: Engine, models: Path | None, rate: float, findings: Findings) -> None:
    """Runs the image of an earlier commit, and then that of this one, on the same data, under load."""
    if not engine.has_image(BEFORE):
        raise ValueError("there is no image of an earlier commit: name one by --before")

    def upgraded() -> None:
        engine.podman("stop", "platform")
        engine.podman("rm", "platform")
        engine.run("platform", PLATFORM, *_platform(models))
        wait_until_serving(ADDRESS, READY_SECONDS)

    engine.network(NETWORK, "10.89.5.0/24")
    try:
        engine.run("platform", BEFORE, *_platform(models))
        wait_until_serving(ADDRESS, READY_SECONDS)
        event = Event("stopped, and the other image started", upgraded, single=True)
        under_load("upgrade", Calls(ADDRESS, operations=True, rate=rate), [event], findings)
    finally:
        engine.clear()


def _platform(models: Path | None) -> tuple[list[str], list[str]]:
    """Options and command of the platform's container."""
    platform = services()["platform"]
    mounted = [] if models is None else [f"--volume={models}:/models:ro"]
    return [*options("platform", platform), *mounted], platform["command"]


def run(engine: Engine, models: Path | None, rate: float, findings: Findings) -> None:
    """Starts the platform and Prometheus as the file says, and ends and restarts the platform under load."""
    with _up(engine, models, findings):
        calls = Calls(ADDRESS, operations=True, rate=rate)
        events = [
            Event("Prometheus scrapes", lambda: _look_at_prometheus(findings)),
            Event("killed, and restarted by its policy", lambda: _killed(engine), single=True),
            Event("stopped and started", lambda: _stopped(engine, findings), single=True),
        ]
        under_load(STEP, calls, events, findings)
        findings.fact(STEP, "health check", engine.podman("healthcheck", "run", "platform") or "healthy")


@contextmanager
def _up(engine: Engine, models: Path | None, findings: Findings) -> Iterator[None]:
    engine.network(NETWORK, "10.89.5.0/24")
    found = services()
    del found["platform"]
    try:
        begun = time.monotonic()
        engine.run("platform", PLATFORM, *_platform(models))
        prometheus = found.pop("prometheus")
        given = [*options("prometheus", prometheus), "--entrypoint=prometheus", "--user=root"]
        # The official image has the folder; what is written in it is its volume's.
        engine.run("prometheus", STATE, given, [*prometheus["command"], "--storage.tsdb.path=/prometheus"])
        for name in found:
            findings.fact(STEP, f"{name} is left out", _LEFT_OUT[name])
        wait_until_serving(ADDRESS, READY_SECONDS)
        findings.fact(STEP, "ready after, s", round(time.monotonic() - begun, 1))
        findings.fact(STEP, "says that it is ready", '"ready"' in engine.logs("platform", 100))
        yield
    except TimeoutError as error:
        raise TimeoutError(f"{error}: {engine.logs('platform')}") from None
    finally:
        engine.clear()


def _killed(engine: Engine) -> None:
    engine.kill("platform")
    time.sleep(3)
    if not engine.is_running("platform"):  # podman has no daemon that looks after policies in every version
        engine.start("platform")
    wait_until_serving(ADDRESS, READY_SECONDS)


def _stopped(engine: Engine, findings: Findings) -> None:
    """Stops it while long calls run that nobody repeats, and starts it again."""
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(unbroken, ADDRESS, SPACES[1], 100) for _ in range(3)]
        time.sleep(1.5)
        begun = time.monotonic()
        engine.podman("stop", "platform")
        took = time.monotonic() - begun
        ended = [one.result() for one in running]
    state = engine.inspected("platform")["State"]
    findings.fact(STEP, "seconds that a stop took", round(took, 1))
    findings.fact(STEP, "status after it", state["ExitCode"])
    errors = [one.error for one in ended if one.error]
    findings.fact(
        STEP, "calls under way at a stop, without retries, that failed", f"{len(errors)} of 3 {errors}"
    )
    engine.start("platform")
    wait_until_serving(ADDRESS, READY_SECONDS)


def _look_at_prometheus(findings: Findings) -> None:
    """Looks at the targets, the rules and the dashboard's queries, once three scrapes saw the load."""
    time.sleep(3 * SCRAPED_EVERY)
    [target] = _asked("targets")["activeTargets"]
    findings.fact(
        STEP, "Prometheus scrapes the platform", f"{target['health']} {target['lastError']}".strip()
    )
    rules: list[Row] = [rule for group in _asked("rules")["groups"] for rule in group["rules"]]
    bad = [rule["name"] for rule in rules if rule["health"] == "err"]
    findings.fact(STEP, "rules that Prometheus cannot evaluate", f"{len(bad)} of {len(rules)} {bad}")
    every = list(queries())
    empty = []
    for one in every:
        series = _asked("query", query=one.over("1m"))["result"]
        if all(point["value"][1] == "NaN" for point in series):
            empty.append(one.panel)
    told = f"{len(every) - len(empty)} of {len(every)}; none: {', '.join(sorted(set(empty)))}"
    findings.fact(STEP, "queries of the dashboard with numbers under this load", told)


def _asked(path: str, **parameters: str) -> Any:
    url = f"{PROMETHEUS}/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)["data"]
