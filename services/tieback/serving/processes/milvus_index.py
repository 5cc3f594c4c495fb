"""The index with its collections in Milvus: built from the settings, and its health followed."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

from tieback.collections.served import ServedSpaces
from tieback.core.errors import StartupError, TiebackError
from tieback.milvus import MilvusIndex
from tieback.milvus.connection import Milvus
from tieback.serving.metrics import logs
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.processes.service_context import ServiceContext
from tieback.serving.settings import Settings

log = logging.getLogger(__name__)

SERVICE = "tieback.v1.IndexService"
_SECONDS = 1.0


def build(settings: Settings, telemetry: Telemetry, served: ServedSpaces) -> MilvusIndex:
    """The index; it connects later. StartupError names what is missing."""
    token = "" if settings.milvus_token is None else _secret(settings.milvus_token)
    milvus = Milvus(settings.milvus, token, observe=telemetry.milvus.called)
    return MilvusIndex(milvus, settings.limits, served=served)


async def serve(context: ServiceContext, served: ServedSpaces) -> MilvusIndex:
    """The index of a process, whose Milvus need not be there yet; it ends with the process."""
    index = await asyncio.to_thread(build, context.settings, context.telemetry, served)
    context.closing.push_async_callback(index.close)
    with suppress(TiebackError):
        await index.reach()
    following = asyncio.create_task(follow(index, context.server), name="the index's health")
    context.closing.push_async_callback(stop, following)
    return index


async def follow(index: MilvusIndex, server: GrpcServer) -> None:
    """Keeps the health of the index service in step with whether Milvus can be reached, until cancelled."""
    was_reached = True
    while True:
        try:
            await index.reach()
            reached = True
        except TiebackError as error:
            reached = False
            if was_reached:
                logs.event(log, "the index is not ready", level=logging.WARNING, why=error.message)
        if reached and not was_reached:
            logs.event(log, "the index is ready again")
        was_reached = reached
        if server.is_ready(SERVICE) != reached:
            await server.set_ready(SERVICE, reached)
        await asyncio.sleep(_SECONDS)


async def stop(following: asyncio.Task[None]) -> None:
    """Ends a task."""
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


def _secret(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"TIEBACK_MILVUS_TOKEN: {path} cannot be read as text: {error}") from None
