"""An event loop in a thread, for servers that blocking code asks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from typing import Any


@contextmanager
def running_loop() -> Iterator[Callable[[AbstractAsyncContextManager[Any]], AbstractContextManager[Any]]]:
    """Gives what enters an asynchronous context in the loop, and leaves it there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    @contextmanager
    def run(context: AbstractAsyncContextManager[Any]) -> Iterator[Any]:
        entered = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(20)
        try:
            yield entered
        finally:
            asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(20)

    try:
        yield run
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
