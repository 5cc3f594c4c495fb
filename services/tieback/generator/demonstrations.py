"""Keeps demonstrations as virtual tokens, and gives them to prompts (AIM, arXiv:2406.07588).

A demonstration is read once, when it is put: its passage and, behind it, its question and answer, whose
states after a lower layer become its virtual tokens. Where the model or the compression have other weights
than those that a kept one was made with, it is made again from its text.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.demonstrations import Demonstration, StoredDemonstration
from tieback_contract.field_path import FieldPath, at
from tieback_contract.limits import Limits
from tieback_contract.reports import Timing

from tieback.core.call import Call
from tieback.core.errors import Damaged, InvalidInput, NotFound, QuotaExceeded
from tieback.core.tenant import NAME, PRINCIPAL, TENANT, AccessLevel
from tieback.core.types.demonstrations import PutReply
from tieback.generator.demonstration_files import DemonstrationFiles, Kept
from tieback.generator.prompting import demonstrated_beginning, demonstration_texts
from tieback.generator.slots import Slots
from tieback.grounding import check_text
from tieback.models.language_model import LanguageModel
from tieback.models.learned.soft_context import SoftContext

MOST = 100
"""Demonstrations of a tenant."""
MOST_ASKED = 16
"""Demonstrations of one prompt."""
MOST_TOKENS, MOST_READ = 128, 1024
"""Virtual tokens of a demonstration, and tokens that are read for them."""
MOST_CHARACTERS = 16 * MOST_READ
"""No language has so many in a token on average."""


class Demonstrations:
    """The demonstrations of all tenants, for one model, in a folder; each tenant sees its own."""

    def __init__(
        self, folder: Path, model: LanguageModel, context: SoftContext, slots: Slots, limits: Limits
    ) -> None:
        self._files = DemonstrationFiles(folder)
        self._model, self._context = model, context
        self._slots, self._limits = slots, limits
        self._made_with = f"{model.card.revision} {context.revision}"
        self._putting = asyncio.Lock()

    @property
    def model(self) -> str:
        """The model that reads them."""
        return self._model.name

    async def put_demonstration(self, demonstration: Demonstration, call: Call) -> PutReply:
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

    async def list_demonstrations(self) -> list[StoredDemonstration]:
        """The demonstrations of the running task's tenant by id, without damaged ones."""
        return await asyncio.to_thread(self._listed, TENANT.get())

    async def delete_demonstration(self, id: str) -> None:
        """NotFound, with the choices, where there is none. PermissionDenied without the role write."""
        PRINCIPAL.get().require(AccessLevel.WRITE, work="deleting a demonstration")
        owner = TENANT.get()
        async with self._putting:
            self._check_there(owner, id)
            await asyncio.to_thread(self._files.remove, owner, id)

    def check(self, ids: Sequence[str]) -> None:
        """InvalidInput, with the field of a request for an answer, or NotFound where they cannot be read."""
        field = at("grounding", "demonstrations")
        if len(ids) > MOST_ASKED:
            raise InvalidInput(
                f"there are {len(ids)} demonstrations, and a prompt has {MOST_ASKED} at most", field=field
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
            passage, text = self._read(one, at("grounding", "demonstrations"))
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
