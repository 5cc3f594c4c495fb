"""Which of the store's bindings is served where a deployment names none."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tieback.core.durable_files import write_durably

FILE = "default.json"


@dataclass(frozen=True, slots=True)
class DefaultBinding:
    """The binding of that revision, and a hash over what it was made from."""

    revision: str
    made_from: str

    @classmethod
    def read(cls, bindings: Path) -> DefaultBinding | None:
        """Of the folder of bindings; None where there is none, or what is there cannot be read."""
        try:
            return cls(**json.loads((bindings / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, bindings: Path) -> None:
        """Replaces the one of before in one step."""
        write_durably(bindings / FILE, json.dumps(asdict(self)).encode())
