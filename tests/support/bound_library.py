"""A pipeline over a small bound joint space: three photos and a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.answer import Answerer, JointInputs, PipelineParts
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.ingestion import IngestRequest
from tieback.core.types.retrieval import QueryPart
from tieback.encoder import Encoder
from tieback.index import Index
from tieback.methods.imputation import fit as fit_imputation
from tieback.methods.projection import fit
from tieback.models.joint.artifact import (
    BoundImputation,
    BoundProjection,
    BoundRouter,
    JointSpaceArtifact,
    SpaceBlock,
)
from tieback.reranker import Reranker
from tieback.router import Router
from tieback.router.joint_space import JointSpace
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from support import colours
from support.bag_of_words import WIDTH, BagOfWords, card, dense
from support.requests import retrieval
from support.troubles import Troubles

NONE = MethodChoice("none")
WORDS = [f"word{number}" for number in range(50)]
LOSSES = {"text": {"words-a": 4.0, "words-b": 6.0}, "image": {"colours": 80.0}}


NOTHING: Mapping[str, frozenset[VectorKind]] = {}


class Library:
    """Three photos and a page, behind an encoder that can be troubled."""

    def __init__(
        self,
        folder: Path,
        routers: tuple[BoundRouter, ...] = (),
        stored: Mapping[str, frozenset[VectorKind]] = NOTHING,
        imputations: Sequence[str] = (),
        per_region: bool = False,
        halves: bool = False,
        learned: Callable[[JointSpace], Sequence[Any]] = lambda _: (),
    ) -> None:
        folder.mkdir()
        (folder / "seed").write_text("0")
        texts = [card(folder, name) for name in ("words-a", "words-b")]
        eyes = colours.card(folder, halves=halves)
        names = np.stack([dense(name) for name in colours.NAMES])
        projections = [BoundProjection(one.space, WIDTH, one.name) for one in texts]
        projections.append(BoundProjection(eyes.space, 3, "colours"))
        for one in texts:
            for source, target, left, right in ((one, eyes, names, np.eye(3)), (eyes, one, np.eye(3), names)):
                state = fit("anchor_attention", left, right, {"centred": False})
                width = int(left.shape[1])
                projections.append(
                    BoundProjection(
                        source.space, width, target.name, "anchor_attention", {"sharpness": 40}, state
                    )
                )
        blocks = [SpaceBlock(one.space, Modality.TEXT, WIDTH) for one in texts]
        blocks.append(SpaceBlock(eyes.space, Modality.IMAGE, 3))
        words = np.stack([dense(word) for word in WORDS])
        aligned = [words, words, np.zeros((len(WORDS), 3), np.float32)]
        self.bound = JointSpaceArtifact(
            tuple(blocks),
            tuple(projections),
            routers,
            LOSSES,
            imputations=tuple(
                BoundImputation(name, {}, fit_imputation(name, aligned), LOSSES) for name in imputations
            ),
        )
        seeing = colours.Halves(eyes) if halves else colours.Colours(eyes)
        self.real = Encoder([*(BagOfWords(one) for one in texts), seeing])
        self.encoder = Troubles(self.real)
        self.index = Index.open(folder / "index")
        self.router = Router.bound(self.bound)
        kinds = frozenset({VectorKind.DENSE, VectorKind.LABELS})
        text = frozenset({VectorKind.DENSE})
        every = ("words-a", "words-b", "colours")
        artifacts = learned(self.router.space)
        self.answerer = Answerer(
            PipelineParts(
                spaces=JointInputs(
                    {Modality.TEXT: ("words-a", "words-b"), Modality.IMAGE: ("colours",)},
                    {"words-a": text, "words-b": text, "colours": kinds},
                    {"words-a": ("words-a", "colours"), "words-b": ("words-b", "colours"), "colours": every},
                    stored,
                    per_region,
                ),
                encoder=self.encoder,
                joint=self.router.space,
                router=self.router,
                index=self.index,
                reranker=Reranker(self.encoder, space="words-b"),
                losses=LOSSES,
                shares={"locate": 0.25},
                learned=lambda serves: [one for one in artifacts if isinstance(one, serves)],
            )
        )

    async def fill(self) -> Library:
        pictures = {"rose": (250, 10, 10), "meadow": (10, 250, 10), "sea": (10, 10, 250)}
        items = [
            Item(name, [Section("1", Content(Modality.IMAGE, colours.png(*colour)))])
            for name, colour in pictures.items()
        ]
        items.append(Item("page", [Section("1", Content(Modality.TEXT, "the moon shines"))]))
        reply = await self.answerer.ingest(IngestRequest("library", items))
        assert [result.error for result in reply.results] == [None] * 4
        return self

    async def ask(self, *query: QueryPart, deadline: Deadline | None = None, **how: Any) -> Any:
        request = retrieval(how.pop("collection", "library"), query, **{"reranker": NONE} | how)
        return await self.answerer.retrieve(request, Call(deadline or Deadline.after(30)))

    async def close(self) -> None:
        await self.index.close()
        await self.real.close()
