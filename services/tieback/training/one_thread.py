"""Sums that do not depend on how many threads a machine has.

BLAS and LAPACK divide products and factorisations among threads, and a sum of floating-point numbers depends
on where it is divided. An artifact is named by a hash over its content, so the last bit counts: the same
inputs had another name on a machine with more cores. Other kinds of processors may still round differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Has NumPy's and SciPy's linear algebra, and what uses OpenMP, compute on one thread inside."""
    with threadpool_limits(limits=1):
        yield
