"""A run of a network without values, to see what it will take: weights, operations, memory of its states."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True)
class DryRun:
    """Bytes of the weights that a run reads, its operations, and the most bytes of states at one time.

    Operations are the multiplications and additions of products.
    """

    weights: int
    operations: int
    states: int

    @classmethod
    def of(cls, network: nn.Module, run: Callable[[], Any]) -> DryRun:
        """Of a call of a network on the device meta, in float32."""
        network.float()
        states = States((*network.parameters(), *network.buffers()))
        with torch.no_grad(), torch.device("meta"), FlopCounterMode(display=False) as counted, states:
            run()
        return cls(states.read, counted.get_total_flops(), states.most)


class States(TorchDispatchMode):  # type: ignore[no-untyped-call]  # theirs
    """Counts the bytes of `weights` that are read, and of all other storages that are there at one time."""

    def __init__(self, weights: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # theirs
        self.read = self.most = self._now = 0
        self._unread = {one.untyped_storage()._cdata for one in weights}
        self._seen = set(self._unread)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs an operator, and counts what it reads and gives; a number that is asked for is 0."""
        if func is torch.ops.aten._local_scalar_dense.default:
            return 0
        for one in tree_leaves((args, kwargs)):
            if isinstance(one, Tensor):
                self._count_read(one.untyped_storage())
        found = func(*args, **(kwargs or {}))
        for one in tree_leaves(found):
            if isinstance(one, Tensor):
                self._count(one.untyped_storage())
        return found

    def _count_read(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata in self._unread:
            self._unread.remove(storage._cdata)
            self.read += storage.nbytes()

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._seen:
            self._seen.add(key)
            self._now += size
            self.most = max(self.most, self._now)
            weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self._now -= size
