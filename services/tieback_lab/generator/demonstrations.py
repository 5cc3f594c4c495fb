"""Keeps demonstrations as virtual tokens, and gives them to prompts (AIM, arXiv:2406.07588).

A demonstration is read once, when it is put: its passage and, behind it, its question and answer, whose
states after a lower layer become its virtual tokens. Where the model or the compression have other weights
than those that a kept one was made with, it is made again from its text.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from tieback.core.call import Call
from tieback.core.durable_files import storing, sync_path, write_durably
from tieback.core.errors import Damaged, InvalidInput, NotFound, QuotaExceeded
from tieback.core.family import checked
from tieback.core.tenant import NAME, PRINCIPAL, TENANT, AccessLevel
from tieback.generator.writing.soft_prompt import ConfiguredSoftPrompt, Reading, SoftPrompt
from tieback.grounding import check_text
from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath, at
from tieback_contract.reports import Timing

from tieback_lab.contract.demonstrations import Demonstration, PutReply, StoredDemonstration
from tieback_lab.generator.prompting import (
    demonstrated_beginning,
    demonstrated_messages,
    demonstration_texts,
)

if TYPE_CHECKING:
    from tieback_lab.models.learned.soft_context import SoftContext

MOST = 100
"""Demonstrations of a tenant."""
MOST_ASKED = 16
"""Demonstrations of one prompt."""
MOST_TOKENS, MOST_READ = 128, 1024
"""Virtual tokens of a demonstration, and tokens that are read for them."""
MOST_CHARACTERS = 16 * MOST_READ
"""No language has so many in a token on average."""


class Shown(BaseModel):
    """The parameters of a request: the ids of kept demonstrations, in the order in which they are read."""

    model_config = ConfigDict(extra="forbid")

    demonstrations: list[str]


class Demonstrations(SoftPrompt):
    """The demonstrations of all tenants, for one model, in a folder; each tenant sees its own."""

    def __init__(self, folder: Path, context: SoftContext, reading: Reading) -> None:
        self.name, self.model = context.name, context.model
        self._files = DemonstrationFiles(folder)
        self._model, self._context = reading.models[context.model], context
        self._slots, self._limits = reading.slots, reading.limits
        self._made_with = f"{self._model.card.revision} {context.revision}"
        self._putting = asyncio.Lock()

    def configure(self, parameters: Mapping[str, object], field: FieldPath) -> ConfiguredSoftPrompt:
        """Those that a request names by their ids, before its evidence, which stays text."""
        ids = checked(Shown, parameters, f"soft prompt {self.name!r}", field).demonstrations
        self.check(ids, field["demonstrations"])
        return ConfiguredSoftPrompt(lambda _: self.virtual_tokens(ids), demonstrated_messages)

    async def put(self, demonstration: Demonstration, call: Call) -> PutReply:
        """Reads a demonstration and keeps it, in place of one of the same id.

        InvalidInput with the field below "demonstration". PermissionDenied without the role write,
        QuotaExceeded where the tenant has as many as it may.
        """
        PRINCIPAL.get().require(AccessLevel.WRITE, work="keeping a demonstration")
        arrived, owner = time.monotonic(), TENANT.get()
        passage, text = self._read(demonstration, at("demonstration"))
        timing = Timing(prepare=time.monotonic() - arrived)
        async with self._slots.take(len(passage) + len(text), call.deadline) as slot:
            begin = time.monotonic()
            virtual = await asyncio.to_thread(self._made, passage, text)
            slot.busy = timing.compute = time.monotonic() - begin
        timing.queue = slot.waited
        stored = StoredDemonstration(demonstration, len(text), len(passage), datetime.now(UTC))
        async with self._putting:
            await asyncio.to_thread(self._keep, owner, Kept(stored, virtual, self._made_with))
        timing.total = time.monotonic() - arrived
        return PutReply(stored, timing)

    async def all(self) -> list[StoredDemonstration]:
        """The demonstrations of the running task's tenant by id, without damaged ones."""
        return await asyncio.to_thread(self._listed, TENANT.get())

    async def delete(self, id: str) -> None:
        """NotFound, with the choices, where there is none. PermissionDenied without the role write."""
        PRINCIPAL.get().require(AccessLevel.WRITE, work="deleting a demonstration")
        owner = TENANT.get()
        async with self._putting:
            self._check_there(owner, id)
            await asyncio.to_thread(self._files.remove, owner, id)

    def check(self, ids: Sequence[str], field: FieldPath) -> None:
        """InvalidInput, with the field, or NotFound where they cannot be read."""
        if not 0 < len(ids) <= MOST_ASKED:
            raise InvalidInput(
                f"there are {len(ids)} demonstrations, and a prompt has 1 to {MOST_ASKED}", field=field
            )
        for id in ids:
            self._check_there(TENANT.get(), id)

    def virtual_tokens(self, ids: Sequence[str]) -> Array:
        """Those of the tenant's demonstrations, one after another `[tokens, width]`. It blocks.

        NotFound where one was deleted meanwhile.
        """
        return np.concatenate([self._virtual(TENANT.get(), id) for id in ids])

    def _virtual(self, owner: str, id: str) -> Array:
        kept = self._files.read(owner, id)
        if kept is None:
            raise self._not_found(owner, id)
        if kept.made_with != self._made_with:
            one = kept.stored.demonstration
            passage, text = self._read(one, at("grounding", "soft_prompt"))
            counted = replace(kept.stored, tokens=len(text), passage_tokens=len(passage))
            kept = Kept(counted, self._made(passage, text), self._made_with)
            self._files.write(owner, kept)
        return kept.virtual

    def _read(self, one: Demonstration, field: FieldPath) -> tuple[list[int], list[int]]:
        """Its tokens: those of the passage, and those of question and answer."""
        if not NAME.fullmatch(one.id):
            raise InvalidInput(
                f"{one.id[:80]!r} is no id of a demonstration: take 1 to 63 lower-case letters, digits and "
                "hyphens, a letter first",
                field=field["id"],
            )
        for name in ("passage", "question", "answer"):
            said = getattr(one, name)
            if not said.strip():
                raise InvalidInput(f"the {name} of the demonstration is empty", field=field[name])
            check_text(said, self._limits, field[name])
            if len(said) > MOST_CHARACTERS:
                raise self._too_long(name, f"{len(said)} characters", field)
        passage, text = map(self._model.tokens, demonstration_texts(one.passage, one.question, one.answer))
        if len(text) > MOST_TOKENS:
            raise InvalidInput(
                f"question and answer have {len(text)} tokens, and those of a demonstration have "
                f"{MOST_TOKENS} at most; say it in fewer words",
                field=field["answer"],
            )
        if len(passage) + len(text) > min(MOST_READ, self._model.context_tokens // 2):
            raise self._too_long("passage", f"{len(passage)} tokens", field)
        return passage, text

    def _too_long(self, name: str, length: str, field: FieldPath) -> InvalidInput:
        return InvalidInput(
            f"the {name} has {length}, and a demonstration is read of {MOST_READ} tokens at most; say it in "
            "fewer words",
            field=field[name],
        )

    def _made(self, passage: Sequence[int], text: Sequence[int]) -> Array:
        """The virtual tokens `[text, width]`."""
        tokens = [*demonstrated_beginning(self._model), *passage, *text]
        states = self._model.decoder.last_states(tokens, len(text), layer=self._context.layer)
        return self._context.soft_tokens(states)

    def _keep(self, owner: str, kept: Kept) -> None:
        ids = self._files.ids(owner)
        if kept.stored.demonstration.id not in ids and len(ids) >= MOST:
            raise QuotaExceeded(
                f"there are {len(ids)} demonstrations, and a tenant has {MOST} at most; delete one"
            )
        self._files.write(owner, kept)

    def _listed(self, owner: str) -> list[StoredDemonstration]:
        found = []
        for id in self._files.ids(owner):
            with suppress(Damaged):  # which the log says, and whoever asks for it
                if (kept := self._files.read(owner, id)) is not None:
                    found.append(kept.stored)
        return found

    def _check_there(self, owner: str, id: str) -> None:
        if not (NAME.fullmatch(id) and self._files.has(owner, id)):
            raise self._not_found(owner, id)

    def _not_found(self, owner: str, id: str) -> NotFound:
        return NotFound("demonstration", id, self._files.ids(owner), hint="put it first")


# Demonstrations on the disk: a file for each, which all replicas that share the folder read.
#
#     demonstrations/TENANT/ID.safetensors    virtual tokens, and what they were made of; "_" is no tenant
#
# Nothing is kept in memory, so what one replica has put or deleted is so for all. A file is there whole or
# not at all, and is held against the digest in it. Its methods block.
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
