"""Speed of products on this machine, and how bytes and rates are shown."""

from __future__ import annotations

import time

import torch

SECONDS, MOST_VALUES = 0.3, 1 << 24
BY_PRODUCTS = "by one thread here in float32, as products of the model's sizes take"


def operations_a_second(rows: int, width: int, inner: int) -> float:
    """Operations a second of one thread of this machine, by products of the model's own sizes for 0.3 s."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        inner = max(1, min(inner, MOST_VALUES // width))
        given, weights = torch.rand(rows, width), torch.rand(width, inner)
        given @ weights
        begun, done = time.process_time(), 0
        while (seconds := time.process_time() - begun) < SECONDS:
            given @ weights
            done += 1
        return 2 * rows * width * inner * done / seconds
    finally:
        torch.set_num_threads(threads)


def shown_bytes(count: int) -> str:
    """A number of bytes in MB or GB."""
    return f"{count / 1e9:,.1f} GB" if count >= 10**9 else f"{max(count / 1e6, 0.1):,.1f} MB"


def shown_digits(rate: float) -> str:
    """Two digits: more are not known."""
    return f"{float(f'{rate:.2g}'):,.0f}" if rate >= 10 else f"{rate:.2g}"
