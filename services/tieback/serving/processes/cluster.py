"""The Ray cluster that the platform runs on: the one that RAY_ADDRESS names, or a small one of its own.

A cluster of our own lives and ends with this process, asks for a token that nobody else knows, keeps its
replicas on the loopback interface, and is trimmed of what the platform does not use: processes cost memory.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

import psutil

from tieback.core.errors import StartupError
from tieback.serving.processes.memory import MemoryWatch
from tieback.serving.settings import Settings

ADDRESS = "RAY_ADDRESS"
_STARTS = 2
_OBJECT_STORE_BYTES = 80 * 1024 * 1024  # nothing of ours travels through it
_POLL_SECONDS = 0.2
_LOOPBACK = "127.0.0.1"
# What Ray's processes and the replicas inherit.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    # Replicas' log lines come to this process's standard error as they were written.
    "RAY_DISABLE_WORKER_LOG_PREFIX": "1",
    "RAY_DEDUP_LOGS": "0",
    # Ray's workers run 15 steps nicer than their raylet, which is meant for batches: beside any other busy
    # process of the machine a replica would get a thirtieth of a core (docs/decisions/0009).
    "RAY_worker_niceness": "0",
    "RAY_preload_python_modules": "tieback.serving.processes.lean_serve",
    "RAY_health_check_period_ms": "1000",
    "MALLOC_ARENA_MAX": "2",  # glibc's default of eight arenas per core keeps freed memory from being reused
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class Cluster:
    """A connection to Ray with the platform deployed on it. Use as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.is_own = not os.environ.get(ADDRESS)
        self._watch = MemoryWatch(settings)
        self._is_full = False

    def __enter__(self) -> Cluster:
        if self.is_own:  # before Ray is imported, which reads its environment once
            os.environ.update({key: value for key, value in ENVIRONMENT.items() if key not in os.environ})
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        from tieback.serving.processes import lean_serve  # noqa: F401, I001 - before anything else of Ray Serve
        import ray
        from ray import serve
        from ray.serve.schema import LoggingConfig

        try:
            if self.is_own:
                _start(self._settings)
            else:
                ray.init(logging_level=logging.ERROR, log_to_driver=False)
        except Exception as error:  # noqa: BLE001 - Ray's, of a process that does not start, or a path too long
            self._check_memory()
            raise StartupError(f"Ray cannot be reached or started: {_first_line(error)}") from None
        with _quiet():
            # The controller would print a replica's whole traceback; `deploy` reports what failed, and the
            # gateway logs which replicas come and go.
            serve.start(proxy_location="Disabled", logging_config=LoggingConfig(log_level="CRITICAL"))
        return self

    def __exit__(self, *_: object) -> None:
        import ray
        from ray import serve

        from tieback.serving.processes.deployments import APPLICATION

        with _quiet(), contextlib.suppress(Exception):  # the cluster may be gone already
            if not self.is_own:
                serve.delete(APPLICATION)
            elif not self._is_full:  # else it would wait for replicas that cannot answer
                serve.shutdown()  # type: ignore[no-untyped-call]  # Ray's
        ray.shutdown()

    def deploy(self, progress: Callable[[str], None]) -> None:
        """Deploys the platform and returns when every deployment is healthy; names each to `progress`.

        StartupError gives the reason why a deployment cannot start.
        """
        from ray import serve

        from tieback.serving.processes import deployments

        application = deployments.build(self._settings, inner_host=_LOOPBACK if self.is_own else "")
        target = serve.RunTarget(target=application, name=deployments.APPLICATION, route_prefix=None)
        with _quiet():
            serve.run_many(
                [target], wait_for_ingress_deployment_creation=False, wait_for_applications_running=False
            )
        told: set[str] = set()
        while True:
            self._check_memory()
            status = serve.status().applications.get(deployments.APPLICATION)
            if status is not None:
                for name, deployment in sorted(status.deployments.items()):
                    if deployment.status.value == "HEALTHY" and name not in told:
                        told.add(name)
                        progress(name)
                if status.status.value == "RUNNING":
                    return
                for name, deployment in status.deployments.items():
                    _raise_failure(name, deployment)
                if status.status.value == "DEPLOY_FAILED":
                    raise StartupError(f"the platform cannot be deployed: {status.message}")
            time.sleep(_POLL_SECONDS)

    def _check_memory(self) -> None:
        """StartupError where a cluster of our own has too little memory to start what is deployed."""
        if self.is_own:
            try:
                self._watch.check()
            except StartupError:
                self._is_full = True
                raise


def _raise_failure(name: str, deployment: Any) -> None:
    """Raises what a replica reported, as soon as it is one of our own errors, or when Serve has given up."""
    found = re.findall(r"StartupError: (.+)", deployment.message or "")
    if found:
        raise StartupError(f"{name} cannot start: {found[-1].strip()}")
    if deployment.status.value in ("DEPLOY_FAILED", "UNHEALTHY"):
        last = (deployment.message or "").strip().splitlines()[-1:]
        raise StartupError(f"{name} cannot start: {''.join(last)} (Ray's logs have the rest)")


@contextlib.contextmanager
def _quiet() -> Any:
    """Serve's own lines are for its developers."""
    logger = logging.getLogger("ray.serve")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _start(settings: Settings) -> None:
    """Starts Ray in processes of its own; a second time where a busy machine took longer than Ray waits."""
    import ray

    cores = os.cpu_count() or 1
    for left in range(_STARTS - 1, -1, -1):
        try:
            ray.init(
                # Cores count for placement alone; Ray keeps an idle process for each core that it counts.
                num_cpus=cores if settings.replica_cpus else 1,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                logging_level=logging.ERROR,
            )
            return
        except (SystemExit, KeyboardInterrupt):
            _end_processes()
            raise
        except Exception as error:
            if not left or isinstance(error, OSError | ValueError):
                raise
            ray.shutdown()


def _end_processes() -> None:
    """Ends whatever Ray has started of a cluster that does not come to be.

    Ray would end its raylet, and its agents would look for the cluster for another minute.
    """
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
