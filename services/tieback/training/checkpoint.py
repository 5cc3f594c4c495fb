"""A training that can be gone on with: safetensors with a JSON header, written in one step.

It holds the module's weights, the best ones so far, the optimiser's state and that of the generator. One that
is broken, or of another plan, module or data (its key), is as good as none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from tieback.core.durable_files import write_durably

MODULE, BEST, OPTIMISER, DRAW = "module.", "best.", "optimiser.", "draw"


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """`tensors` by what they belong to, and the `history` up to then."""

    tensors: Mapping[str, Tensor]
    history: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        module: torch.nn.Module,
        best: Mapping[str, Tensor],
        optimiser: torch.optim.Optimizer,
        draw: torch.Generator,
        history: Mapping[str, Any],
    ) -> Checkpoint:
        """As it is now."""
        tensors = {f"{MODULE}{name}": one for name, one in module.state_dict().items()}
        tensors |= {f"{BEST}{name}": one for name, one in best.items()}
        for place, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{OPTIMISER}{place}.{name}": torch.as_tensor(one) for name, one in state.items()}
        return cls(tensors | {DRAW: draw.get_state()}, history)

    def write(self, path: Path, key: str) -> None:
        """Replaces the one of before."""
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: one.detach().clone().contiguous() for name, one in self.tensors.items()}
        write_durably(path, save(tensors, {"key": key, "history": json.dumps(self.history)}))

    @classmethod
    def read(cls, path: Path, key: str) -> Checkpoint | None:
        """None where there is none of that key that can be read."""
        try:
            with safe_open(path, "pt") as file:
                header = file.metadata() or {}
                if header.get("key") != key:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
                return cls(tensors, json.loads(header["history"]))
        except (OSError, SafetensorError, ValueError, KeyError):
            return None

    def restore(
        self, module: torch.nn.Module, optimiser: torch.optim.Optimizer, draw: torch.Generator
    ) -> dict[str, Tensor]:
        """Puts everything back where it was; returns the best weights."""
        module.load_state_dict(self._under(MODULE))
        state: dict[int, dict[str, Tensor]] = {}
        for name, one in self._under(OPTIMISER).items():
            place, _, what = name.partition(".")
            state.setdefault(int(place), {})[what] = one
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        draw.set_state(self.tensors[DRAW])
        return self._under(BEST)

    def _under(self, prefix: str) -> dict[str, Tensor]:
        names: Iterable[str] = (name for name in self.tensors if name.startswith(prefix))
        return {name.removeprefix(prefix): self.tensors[name] for name in names}
