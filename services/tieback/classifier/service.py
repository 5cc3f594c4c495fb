"""The classifier service: heads are fitted, listed, deleted, and predict."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.encodings import Label
from tieback_contract.field_path import at
from tieback_contract.heads import Head, Prediction
from tieback_contract.limits import Limits
from tieback_contract.reports import Stage
from tieback_contract.vectors import SpaceRef

from tieback.artifacts import Artifact
from tieback.classifier import learning
from tieback.classifier.learning import EmbeddingPort, check_request, space_of
from tieback.classifier.store import KEPT, Draft, HeadKey, HeadStore, record_of
from tieback.core.alone import each_alone
from tieback.core.call import Call
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import (
    ArtifactError,
    Damaged,
    InvalidInput,
    NotFound,
    QuotaExceeded,
    SpaceMismatch,
    TiebackError,
)
from tieback.core.order import best_first
from tieback.core.tenant import PRINCIPAL, AccessLevel
from tieback.core.types.heads import Example, HeadRequest, PredictReply, PredictRequest
from tieback.core.types.operation import Json, Progress
from tieback.methods.heads import FOLDS, memory_shares, probabilities

T = TypeVar("T")

METHOD = "logistic"
"""What a request that names no method is given."""
TOP = 5
"""Classes of a prediction where a request does not say."""
MOST_HEADS = 100
"""Heads of a tenant."""
LOADED = 8
"""Heads whose arrays are kept in memory, those that predicted last."""
STEPS = FOLDS + 1
"""Of a fit: a step for each part of the cross-validation, and one for all examples."""


class Classifier:
    """The heads of all tenants, in a folder; each tenant sees its own. A `HeadsPort`.

    `embedding` makes the vectors that heads are fitted on and predict of.
    """

    def __init__(self, folder: Path, embedding: EmbeddingPort, limits: Limits) -> None:
        self._store = HeadStore(folder)
        self._embedding, self._limits = embedding, limits
        self._changing, self._drafting = asyncio.Lock(), asyncio.Lock()
        self._loaded: OrderedDict[tuple[HeadKey, str], Artifact] = OrderedDict()
        # One fit at a time: it has the processor for itself, and predictions are not in its line.
        self._learning = ThreadPoolExecutor(1, "heads")

    async def close(self) -> None:
        """Begins no further step of a fit."""
        self._learning.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def drafted(self, asked: HeadRequest, *, deadline: Deadline = NO_DEADLINE) -> AsyncIterator[Json]:
        """Encodes the examples; inside, they are on the disk, for the operation whose request this gives.

        That is started inside: where that is refused, they are removed. InvalidInput with the field's path,
        NotFound for method or space, PermissionDenied without the role admin, QuotaExceeded where the tenant
        has too many heads.
        """
        key = _own(asked.name, "fitting a head")
        method = asked.method.name or METHOD
        classes = check_request(asked, method)
        self._check_room(key)
        space = self._embedding.find(space_of(asked))
        numbers = {label: number for number, label in enumerate(classes)}
        vectors, labels = await self._examples(space, asked.examples, numbers, "examples", deadline)
        arrays = {"vectors": vectors, "labels": labels}
        if asked.memory:
            arrays["memory"], arrays["memory_labels"] = await self._examples(
                space, asked.memory, numbers, "memory", deadline
            )
        draft = Draft(
            {
                "space": [space.name, space.revision, space.fingerprint],
                "method": method,
                "parameters": dict(asked.method.parameters),
                "classes": classes,
            },
            arrays,
        )
        name = await asyncio.to_thread(lambda: draft.name)
        async with self._drafting:  # else an equal one that is refused would take this one away
            await asyncio.to_thread(self._store.write_draft, key, draft)
            try:
                yield {"head": asked.name, "draft": name}
            except TiebackError:
                await asyncio.to_thread(self._store.remove_draft, key, name)
                raise

    async def check(self, name: str, draft: str) -> None:
        """See `HeadsPort`."""
        key = _own(name, "fitting a head")
        await asyncio.to_thread(self._store.read_draft, key, draft)

    async def fit(self, name: str, draft: str) -> AsyncGenerator[Progress, None]:
        """See `HeadsPort`. A run that was cut short is learned again, and ends in the same version."""
        key = _own(name, "fitting a head")
        found = await asyncio.to_thread(self._store.read_draft, key, draft)
        right = []
        for part in range(FOLDS):
            yield Progress(part, STEPS)
            right.append(await self._apart(learning.right_without, found, part))
        yield Progress(FOLDS, STEPS)
        artifact = await self._apart(learning.learned, found)
        head = learning.described(name, found, float(np.concatenate(right).mean()), artifact)
        yield Progress(FOLDS, STEPS, committing=True)
        async with self._changing:
            made = await asyncio.to_thread(self._store.publish, key, artifact, head)
        kept = [one.version for one in self._store.versions(key)]
        yield Progress(STEPS, STEPS, checkpoint=record_of(made) | {"versions": kept}, committing=True)

    async def discard(self, name: str, draft: str) -> None:
        """See `HeadsPort`."""
        key = HeadKey(PRINCIPAL.get().tenant, name)
        await asyncio.to_thread(self._store.remove_draft, key, draft)

    async def predict(self, request: PredictRequest, call: Call) -> PredictReply:
        """The `top` likeliest classes of each content, 0 for `TOP`, by that version; 0 for the last one.

        A bad content gets an error and the others succeed. NotFound for the head or the version.
        SpaceMismatch where its space is not served any more, or has other weights. Damaged where its files
        are not what was written.
        """
        begun = time.perf_counter()
        key, contents = HeadKey(PRINCIPAL.get().tenant, request.head), request.contents
        head = self._version(key, request.version)
        if not contents:
            raise InvalidInput("there is nothing to classify: give one content at least", field="contents")
        if self._limits.batch_items and len(contents) > self._limits.batch_items:
            raise InvalidInput(
                f"{len(contents)} contents; the limit is {self._limits.batch_items} a request",
                field="contents",
            )
        if stale := self._stale(head):
            raise SpaceMismatch(stale, field="head")
        artifact = await self._artifact(key, head)
        embedded, timing = await self._embedding.embed(head.space, contents, deadline=call.deadline)
        stage = Stage("classify", time.perf_counter() - begun, 0.0)
        rows = [one for one in embedded if not isinstance(one, TiebackError)]
        predict = functools.partial(_predictions, head, artifact, top=request.top)
        found = iter(await asyncio.to_thread(each_alone, predict, rows))
        results: list[Prediction | TiebackError] = [
            one.within(at("contents", place)) if isinstance(one, TiebackError) else next(found)
            for place, one in enumerate(embedded)
        ]
        total = time.perf_counter() - begun
        stage.seconds = total - stage.begin
        whole = dataclasses.replace(timing, total=total, stages=[*timing.stages, stage])
        return PredictReply(head.version, results, whole)

    async def get_head(self, name: str, version: int = 0) -> Head:
        """A version of a head, 0 for the last one. NotFound, with the choices, where there is none."""
        return self._described(self._version(HeadKey(PRINCIPAL.get().tenant, name), version))

    async def list_heads(self) -> list[Head]:
        """The last version of each head, by name, without their classes."""
        owner = PRINCIPAL.get().tenant
        known = [self._store.versions(HeadKey(owner, name)) for name in self._store.names(owner)]
        return [dataclasses.replace(self._described(one[-1]), classes={}) for one in known if one]

    async def delete_head(self, name: str) -> None:
        """Removes a head with all its versions. NotFound where there is none."""
        key = _own(name, "deleting a head")
        await asyncio.shield(self._delete(key))

    async def _delete(self, key: HeadKey) -> None:
        async with self._changing:
            self._version(key, 0)
            await asyncio.to_thread(self._store.remove, key)
        for known in [one for one in self._loaded if one[0] == key]:
            self._loaded.pop(known, None)

    async def _examples(
        self,
        space: SpaceRef,
        examples: Sequence[Example],
        numbers: dict[str, int],
        field: str,
        deadline: Deadline,
    ) -> tuple[Array, Array]:
        """Their vectors `[n, width]` and the numbers `[n]` of their classes. Raises for the first bad one."""
        contents = [example.content for example in examples]
        found, _ = await self._embedding.embed(space, contents, deadline=deadline)
        rows = []
        for place, one in enumerate(found):
            if isinstance(one, TiebackError):
                raise one.within(at(field, place, "content"))
            rows.append(one)
        return np.stack(rows), np.array([numbers[example.label] for example in examples], np.int64)

    async def _artifact(self, key: HeadKey, head: Head) -> Artifact:
        """What a version learned, from memory where it is there."""
        place = key, head.artifact
        found = self._loaded.get(place)
        if found is None:
            try:
                found = await asyncio.to_thread(self._store.load, key, head.artifact)
            except ArtifactError as error:
                self._version(key, head.version)  # which says so where it was deleted meanwhile
                raise _damaged(head) from error
        self._loaded[place] = found
        self._loaded.move_to_end(place)
        while len(self._loaded) > LOADED:
            self._loaded.popitem(last=False)
        return found

    def _version(self, key: HeadKey, version: int) -> Head:
        known = self._store.versions(key)
        if not known:
            names = self._store.names(key.owner)
            hint = "" if names else "there are none yet: `tieback heads fit` makes one, and so does FitHead"
            raise NotFound("head", key.name, names, hint=hint)
        found = known[-1] if not version else next((one for one in known if one.version == version), None)
        if found is None:
            raise NotFound(
                "version",
                str(version),
                (str(one.version) for one in known),
                hint=f"the last {KEPT} versions of a head are kept",
            )
        return dataclasses.replace(found, versions=[one.version for one in known])

    def _described(self, head: Head) -> Head:
        return dataclasses.replace(head, stale=self._stale(head))

    def _stale(self, head: Head) -> str:
        """Why it cannot predict; empty where it can."""
        space = head.space
        try:
            served = self._embedding.find(space.name)
        except TiebackError:
            return (
                f"the head {head.name!r} was fitted in the space {space}, which this server does not serve; "
                "serve it, or fit the head again in another one"
            )
        if served == space:
            return ""
        return (
            f"the head {head.name!r} was fitted in the space {space} (fingerprint {space.fingerprint}), and "
            f"{served} (fingerprint {served.fingerprint}) is served: its vectors are others; fit the head "
            f"again: tieback heads fit {head.name}"
        )

    def _check_room(self, key: HeadKey) -> None:
        names = self._store.names(key.owner)
        if key.name not in names and len(names) >= MOST_HEADS:
            raise QuotaExceeded(
                f"there are {len(names)} heads, and a tenant may have {MOST_HEADS}; delete one that is not "
                "needed, or fit an existing one again"
            )

    async def _apart(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._learning, work, *arguments)


def _own(name: str, work: str) -> HeadKey:
    """A head of the running task's tenant, for work that needs the role admin."""
    principal = PRINCIPAL.get()
    principal.require(AccessLevel.ADMIN, work=work)
    return HeadKey(principal.tenant, name)


def _damaged(head: Head) -> Damaged:
    error = Damaged(
        f"the files of the head {head.name!r}, version {head.version}, are damaged; fit it again: "
        f"tieback heads fit {head.name}"
    )
    error.reason = "HEAD_DAMAGED"
    return error


def _predictions(head: Head, artifact: Artifact, rows: Sequence[Array], *, top: int) -> list[Prediction]:
    if not rows:
        return []
    method, vectors = head.method, np.stack(rows)
    names = list(head.classes)
    likely = probabilities(method, vectors, artifact.arrays)
    best = [best_first(row, lambda place: place, min(top or TOP, len(names))) for row in likely]
    shares = memory_shares(method, vectors, artifact.arrays)
    return [
        Prediction(
            [Label(names[place], place, float(likely[row, place])) for place in places],
            None if shares is None else float(shares[row]),
        )
        for row, places in enumerate(best)
    ]
