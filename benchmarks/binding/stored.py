"""Photos stored by the pipeline, part by part, and found by words through the index, as a server has it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tieback.answer import Answerer, JointInputs, PipelineParts
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.ingestion import IngestRequest
from tieback.core.types.search import SearchRequest
from tieback.encoder import Encoder
from tieback.index import Index
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.reranker import Reranker
from tieback.router import Router
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_contract.vectors import Vector, VectorKind

from benchmarks.binding.encoders import PHOTO_KINDS, Encoders

COLLECTION = "photos"
BATCH = 16
MOST = 1000
"""Hits that the index gives at most; of more photos, the others count as found last."""


def scores(bound: JointSpaceArtifact, photos: Sequence[Path], encoders: Encoders, queries: Array) -> Array:
    """The scores `[queries, photos]` that searches by joint vectors `[queries, width]` give."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_scores(bound, photos, encoders, queries, Path(folder) / "store"))


async def _scores(
    bound: JointSpaceArtifact, photos: Sequence[Path], encoders: Encoders, queries: Array, store: Path
) -> Array:
    seeing = Encoder([encoders.model(name) for name in encoders.of(Modality.IMAGE)])
    index, router = Index.open(store), Router.bound(bound, modalities=encoders.modalities)
    try:
        await _store(
            Answerer(
                PipelineParts(
                    spaces=_joint_inputs(encoders),
                    encoder=seeing,
                    joint=router.space,
                    router=router,
                    index=index,
                    reranker=Reranker(seeing, space=encoders.of(Modality.TEXT)[0]),  # nothing is asked of it
                )
            ),
            photos,
        )
        found = np.full((len(queries), len(photos)), -np.inf)
        for row, values in zip(found, queries, strict=True):
            vector = Vector(values, router.space.ref, normalized=False)
            for hit in (await index.search(SearchRequest(COLLECTION, vector, limit=MOST))).hits:
                row[int(hit.item_id)] = hit.score
        return found
    finally:
        await index.close()
        await seeing.close()


async def _store(answerer: Answerer, photos: Sequence[Path]) -> None:
    for begin in range(0, len(photos), BATCH):
        items = [
            Item(str(begin + number), [Section("1", Content(Modality.IMAGE, path.read_bytes()))])
            for number, path in enumerate(photos[begin : begin + BATCH])
        ]
        for result in (await answerer.ingest(IngestRequest(COLLECTION, items))).results:
            if result.error is not None:
                raise result.error


def _joint_inputs(encoders: Encoders) -> JointInputs:
    """As TIEBACK_REGIONS=each has photos stored."""
    names = encoders.of(Modality.IMAGE)
    kinds = {name: encoders.cards[name].kinds for name in names}
    return JointInputs(
        {Modality.IMAGE: tuple(names)},
        {name: frozenset(PHOTO_KINDS & offered) for name, offered in kinds.items()},
        stored={name: frozenset({VectorKind.MULTI_VECTOR} & offered) for name, offered in kinds.items()},
        per_region=True,
    )
