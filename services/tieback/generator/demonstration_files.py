"""Demonstrations on the disk: a file for each, which all replicas that share the folder read.

    demonstrations/TENANT/ID.safetensors    virtual tokens, and what they were made of; "_" is no tenant

Nothing is kept in memory, so what one replica has put or deleted is so for all. A file is there whole or not
at all, and is held against the digest in it. Its methods block.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from tieback_contract.arrays import Array
from tieback_contract.demonstrations import Demonstration, StoredDemonstration

from tieback.core.durable_files import storing, sync_path, write_durably
from tieback.core.errors import Damaged

SUFFIX, NOBODY = ".safetensors", "_"
TOKENS, FACTS = "virtual_tokens", "facts"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A demonstration with its virtual tokens `[tokens, width]`; `made_with` names the weights."""

    stored: StoredDemonstration
    virtual: Array
    made_with: str


class DemonstrationFiles:
    """The demonstrations of all tenants under a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def ids(self, owner: str) -> list[str]:
        """Those of a tenant, sorted."""
        return sorted(path.stem for path in self._folder(owner).glob(f"[a-z]*{SUFFIX}"))

    def has(self, owner: str, id: str) -> bool:
        """Whether it is there."""
        return self._path(owner, id).is_file()

    def read(self, owner: str, id: str) -> Kept | None:
        """None where it is not there. Damaged where it is not what was written."""
        try:
            with safe_open(self._path(owner, id), "np") as file:
                kept = _kept(json.loads(file.metadata()[FACTS]), file.get_tensor(TOKENS))
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            _log.warning("the demonstration %s of %s cannot be read: %s", id, owner or "nobody", error)
            raise Damaged(f"the demonstration {id!r} is damaged; put it again") from error
        return kept

    def write(self, owner: str, kept: Kept) -> None:
        """Keeps one durably, in place of one of the same id."""
        path = self._path(owner, kept.stored.demonstration.id)
        facts: dict[str, object] = {"stored": _stored(kept.stored), "made_with": kept.made_with}
        header = {FACTS: json.dumps({**facts, "digest": _digest(facts, kept.virtual)})}
        with storing():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(path, save({TOKENS: kept.virtual}, header))

    def remove(self, owner: str, id: str) -> None:
        """Removes one; nothing where there is none."""
        with storing():
            self._path(owner, id).unlink(missing_ok=True)
            sync_path(self._folder(owner))

    def _folder(self, owner: str) -> Path:
        return self._root / (owner or NOBODY)

    def _path(self, owner: str, id: str) -> Path:
        return self._folder(owner) / f"{id}{SUFFIX}"


def _stored(one: StoredDemonstration) -> dict[str, object]:
    return asdict(one) | {"created": one.created.timestamp() if one.created else 0.0}


def _kept(facts: dict[str, object], virtual: Array) -> Kept:
    """ValueError where they are not what was written."""
    digest = facts.pop("digest")
    if digest != _digest(facts, virtual):
        raise ValueError("its content is not what its digest says")
    stored: dict[str, object] = dict(facts["stored"])  # type: ignore[call-overload]  # as the digest says
    said = Demonstration(**stored.pop("demonstration"))  # type: ignore[arg-type]  # as the digest says
    stored["created"] = datetime.fromtimestamp(float(str(stored["created"])), UTC)
    return Kept(StoredDemonstration(said, **stored), virtual, str(facts["made_with"]))  # type: ignore[arg-type]  # as the digest says


def _digest(facts: dict[str, object], virtual: Array) -> str:
    found = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    found.update(repr((virtual.shape, virtual.dtype.str)).encode())
    found.update(virtual.tobytes())
    return found.hexdigest()
