"""The pipeline over a bound joint space: pictures enter by vectors, and what is lost has a price."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import colours
from support.bag_of_words import WIDTH, BagOfWords, card, dense
from support.troubles import Troubles
from tieback.answer import Answerer, Joined
from tieback.answer.evidence import evidence_of
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, NotFound, Overloaded, Unavailable
from tieback.core.types.content import Content, Item, Modality, Section
from tieback.core.types.fusion import Routing
from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.retrieval import QueryPart, Retrieval
from tieback.core.types.vectors import VectorKind
from tieback.encoder import Encoder
from tieback.index import Index
from tieback.methods.imputation import fit as fit_imputation
from tieback.methods.projection import fit
from tieback.models.bound_space import Block, BoundImputation, BoundPath, BoundRouter, BoundSpace
from tieback.reranker import Reranker
from tieback.router import Router

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
        apart: bool = False,
        halves: bool = False,
    ) -> None:
        folder.mkdir()
        (folder / "seed").write_text("0")
        texts = [card(folder, name) for name in ("words-a", "words-b")]
        eyes = colours.card(folder, halves=halves)
        names = np.stack([dense(name) for name in colours.NAMES])
        paths = [BoundPath(one.space, WIDTH, one.name) for one in texts]
        paths.append(BoundPath(eyes.space, 3, "colours"))
        for one in texts:
            for source, target, left, right in ((one, eyes, names, np.eye(3)), (eyes, one, np.eye(3), names)):
                state = fit("anchor_attention", left, right, {"centred": False})
                width = int(left.shape[1])
                paths.append(
                    BoundPath(source.space, width, target.name, "anchor_attention", {"sharpness": 40}, state)
                )
        blocks = [Block(one.space, Modality.TEXT, WIDTH) for one in texts]
        blocks.append(Block(eyes.space, Modality.IMAGE, 3))
        said = np.stack([dense(word) for word in WORDS])
        aligned = [said, said, np.zeros((len(WORDS), 3), np.float32)]
        ways = [BoundImputation(name, {}, fit_imputation(name, aligned), LOSSES) for name in imputations]
        self.bound = BoundSpace(tuple(blocks), tuple(paths), routers, LOSSES, imputations=tuple(ways))
        seeing = colours.Halves(eyes) if halves else colours.Colours(eyes)
        self.real = Encoder([*(BagOfWords(one) for one in texts), seeing])
        self.encoder = Troubles(self.real)
        self.index = Index.open(folder / "index")
        self.router = Router.bound(self.bound)
        kinds = frozenset({VectorKind.DENSE, VectorKind.LABELS})
        text = frozenset({VectorKind.DENSE})
        every = ("words-a", "words-b", "colours")
        self.answerer = Answerer(
            spaces=Joined(
                {Modality.TEXT: ("words-a", "words-b"), Modality.IMAGE: ("colours",)},
                {"words-a": text, "words-b": text, "colours": kinds},
                {"words-a": ("words-a", "colours"), "words-b": ("words-b", "colours"), "colours": every},
                stored,
                apart,
            ),
            encoder=self.encoder,
            joint=self.router.space,
            router=self.router,
            index=self.index,
            reranker=Reranker(self.encoder, space="words-b"),
            losses=LOSSES,
            encode_share=0.25,
        )

    async def fill(self) -> Library:
        pictures = {"rose": (250, 10, 10), "meadow": (10, 250, 10), "sea": (10, 10, 250)}
        items = [
            Item(name, [Section("1", Content(Modality.IMAGE, colours.png(*colour)))])
            for name, colour in pictures.items()
        ]
        items.append(Item("page", [Section("1", Content(Modality.TEXT, "the moon shines"))]))
        reply = await self.answerer.ingest("library", items)
        assert [result.error for result in reply.results] == [None] * 4
        return self

    async def ask(self, *query: QueryPart, deadline: Deadline | None = None, **how: Any) -> Any:
        retrieval = Retrieval(how.pop("collection", "library"), query, reranker=NONE, **how)
        return await self.answerer.retrieve(retrieval, deadline=deadline or Deadline.after(30))

    async def close(self) -> None:
        await self.index.close()
        await self.real.close()


def words(text: str, weight: float = 1.0) -> QueryPart:
    return QueryPart(Content(Modality.TEXT, text), weight)


def photo(*colour: int, weight: float = 1.0) -> QueryPart:
    return QueryPart(Content(Modality.IMAGE, colours.png(*colour)), weight)


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    made = await Library(tmp_path / "weights").fill()
    yield made
    await made.close()


async def test_words_find_a_photo_by_its_vector_and_a_photo_finds_its_like(library: Library) -> None:
    by_words = await library.ask(words("green"))
    by_photo = await library.ask(photo(0, 0, 240))

    assert by_words.hits[0].hit.item_id == "meadow"
    assert by_words.hits[0].hit.text == "green", "its classes are words to find it by"
    assert by_photo.hits[0].hit.item_id == "sea"
    assert by_photo.labels[0].name == "blue"
    assert "colours -> words-a (anchor attention)" in by_photo.routing.paths


@pytest.mark.parametrize(
    ("error", "reason"), [(Unavailable("gone"), "down"), (Overloaded("full", retry_after=1), "shed")]
)
async def test_a_lost_space_has_a_reason_and_a_price_and_the_rest_answers(
    library: Library, error: Any, reason: str
) -> None:
    library.encoder.down["words-a"] = error

    reply = await library.ask(words("green"))

    assert reply.hits[0].hit.item_id == "meadow"
    assert reply.routing.missing == ["words-a"]
    assert reply.routing.reasons == {"words-a": reason}
    assert reply.routing.expected_recall_loss == LOSSES["text"]["words-a"]
    assert sum(reply.routing.weights.values()) == pytest.approx(1)


async def test_a_space_that_is_past_its_share_of_the_deadline_is_left_out(library: Library) -> None:
    library.encoder.slow["words-b"] = 30

    reply = await library.ask(words("green"), deadline=Deadline.after(0.8))

    assert reply.hits[0].hit.item_id == "meadow"
    assert reply.routing.reasons == {"words-b": "late"}
    assert reply.routing.expected_recall_loss == LOSSES["text"]["words-b"]
    assert 0.15 < reply.timing.total < 0.5, "a quarter of the time is waited for spaces"


async def test_a_lost_photo_beside_words_costs_its_share(library: Library) -> None:
    library.encoder.down["colours"] = Unavailable("gone")

    reply = await library.ask(photo(250, 0, 0, weight=1.0), words("green", 3.0))

    assert reply.hits[0].hit.item_id == "meadow"
    assert reply.routing.reasons == {"colours": "down"}
    assert reply.routing.expected_recall_loss == pytest.approx(LOSSES["image"]["colours"] / 4)


async def test_a_space_that_reaches_no_block_of_any_weight_is_not_asked(library: Library) -> None:
    library.encoder.asked.clear()

    reply = await library.ask(words("green"), routing=Routing("explicit", {"words-b": 1.0}))
    asked = {space for space, _ in library.encoder.asked}
    await library.ask(words("green"), routing=Routing("explicit", {"colours": 1.0}))

    assert asked == {"words-b"}
    assert not reply.routing.missing
    assert {space for space, _ in library.encoder.asked} == {"words-a", "words-b"}


async def test_a_collections_routing_weights_queries_that_do_not_say(library: Library) -> None:
    space = library.router.space
    only = Routing("explicit", {"colours": 1.0})
    await library.index.create_collection("seen", space.ref, space.width, only)

    by_default = await library.ask(words("green"), collection="seen")
    overruled = await library.ask(words("green"), collection="seen", routing=Routing("uniform"))

    assert by_default.routing.weights == pytest.approx({"words-a": 0, "words-b": 0, "colours": 1})
    assert set(overruled.routing.weights.values()) == {1 / 3}


async def test_a_collections_routing_that_does_not_fit_blames_the_collection(library: Library) -> None:
    space = library.router.space
    await library.index.create_collection("odd", space.ref, space.width, Routing("explicit", {"nose": 1.0}))

    with pytest.raises(InvalidInput, match="routing that the collection was made with") as refusal:
        await library.ask(words("green"), collection="odd")

    assert str(refusal.value.field) == "collection"


async def test_a_collection_that_is_not_there_is_not_found(library: Library) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        await library.ask(words("green"), collection="nowhere")


async def test_parts_of_pictures_are_asked_for_when_they_are_stored_and_not_when_they_ask(
    tmp_path: Path,
) -> None:
    # These eyes see no parts, and say so where they are asked for them.
    library = Library(tmp_path / "weights", stored={"colours": frozenset({VectorKind.REGIONS})})
    page = Item("page", [Section("1", Content(Modality.TEXT, "the moon shines"))])
    picture = Item("sea", [Section("1", Content(Modality.IMAGE, colours.png(10, 10, 250)))])

    await library.answerer.ingest("library", [page])
    with pytest.raises(InvalidInput, match="no regions to give"):
        await library.answerer.ingest("library", [picture])
    found = await library.ask(photo(10, 10, 250))

    assert found.hits
    await library.close()


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[Library]:
    made = await Library(tmp_path / "weights", imputations=("ridge", "skip")).fill()
    yield made
    await made.close()


IN_PARTS = {"colours": frozenset({VectorKind.REGIONS})}
RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)


@pytest.fixture
async def album(tmp_path: Path) -> AsyncIterator[Library]:
    """What `library` holds, by parts, and a photo that is red on the left and green on the right."""
    made = await Library(tmp_path / "weights", stored=IN_PARTS, apart=True, halves=True).fill()
    flag = Item("flag", [Section("1", Content(Modality.IMAGE, colours.halves(RED, GREEN)), title="a flag")])
    (result,) = (await made.answerer.ingest("library", [flag])).results
    assert result.error is None
    yield made
    await made.close()


async def test_a_photo_is_found_by_what_is_only_in_a_part_of_it_and_the_hit_says_where(
    album: Library,
) -> None:
    for colour, name, half in (("red", "rose", 0.0), ("green", "meadow", 0.5)):
        hits = [one.hit for one in (await album.ask(words(colour))).hits]

        assert [hit.item_id for hit in hits[:2]] == [name, "flag"]
        assert hits[1].part == (half, 0.0, 0.5, 1.0)


async def test_a_text_has_no_part_to_show_and_scores_as_its_whole(album: Library) -> None:
    reply = await album.ask(words("the moon shines"))

    best = reply.hits[0].hit
    assert (best.item_id, best.part) == ("page", None)
    collection = await album.index.get_collection("library")
    assert (collection.section_count, collection.vector_count) == (5, 5 + 4 * 2)


async def test_evidence_of_a_photo_says_where_in_it_what_was_looked_for_is(album: Library) -> None:
    passages = evidence_of((await album.ask(words("green"))).hits, 5)

    where = {passage.item_id: passage.region for passage in passages}
    assert where["flag"] == (0.5, 0.0, 0.5, 1.0)
    assert where["page"] is None


async def test_parts_together_are_one_vector_as_before(tmp_path: Path) -> None:
    library = await Library(tmp_path / "weights", stored=IN_PARTS, halves=True).fill()

    collection = await library.index.get_collection("library")
    hits = (await library.ask(words("green"))).hits

    assert collection.vector_count == collection.section_count == 4
    assert all(one.hit.part is None for one in hits)
    await library.close()


async def test_a_space_that_is_down_is_imputed_and_said_to_be_missing(filled: Library) -> None:
    whole = await filled.ask(words("green"))
    filled.encoder.down["words-a"] = Unavailable("gone")

    reply = await filled.ask(words("green"))
    skipped = await filled.ask(words("green"), routing=Routing(imputation=MethodChoice("skip")))

    assert [hit.hit.item_id for hit in reply.hits] == [hit.hit.item_id for hit in whole.hits]
    assert reply.routing.imputed == {"words-a": "ridge"}
    assert reply.routing.reasons == skipped.routing.reasons == {"words-a": "down"}
    assert reply.routing.degraded
    assert reply.routing.weights == pytest.approx(whole.routing.weights)
    assert "words-a" not in skipped.routing.weights


async def test_nothing_is_stored_while_a_space_is_down_though_it_could_be_imputed(filled: Library) -> None:
    filled.encoder.down["words-a"] = Unavailable("gone")

    with pytest.raises(Unavailable):
        await filled.answerer.ingest("library", [Item("late", [Section("1", Content(Modality.TEXT, "red"))])])


async def test_a_collection_says_how_to_impute_for_queries_that_do_not(filled: Library) -> None:
    space = filled.router.space
    routing = Routing("explicit", {"words-a": 1.0, "words-b": 1.0}, imputation=MethodChoice("skip"))
    await filled.index.create_collection("strict", space.ref, space.width, routing)
    filled.encoder.down["words-a"] = Unavailable("gone")

    by_default = await filled.ask(words("green"), collection="strict")
    filling = Routing(imputation=MethodChoice("ridge"))
    overruled = await filled.ask(words("green"), collection="strict", routing=filling)

    assert by_default.routing.weights == pytest.approx({"words-b": 1, "colours": 0})
    assert not by_default.routing.imputed
    assert overruled.routing.imputed == {"words-a": "ridge"}
    assert overruled.routing.weights == pytest.approx({"words-a": 0.5, "words-b": 0.5, "colours": 0}), (
        "what the query did not say is still the collection's"
    )


async def test_a_way_that_was_not_fitted_blames_whoever_asked_for_it(filled: Library) -> None:
    space, pool = filled.router.space, MethodChoice("nearest_neighbours")
    await filled.index.create_collection("odd", space.ref, space.width, Routing(imputation=pool))

    with pytest.raises(InvalidInput, match="it can: skip, ridge") as of_query:
        await filled.ask(words("green"), routing=Routing(imputation=pool))
    with pytest.raises(InvalidInput, match="routing that the collection was made with") as of_collection:
        await filled.ask(words("green"), collection="odd")
    with pytest.raises(NotFound, match="pray"):
        await filled.index.create_collection(
            "prayers", space.ref, space.width, Routing(imputation=MethodChoice("pray"))
        )

    assert str(of_query.value.field) == "routing.imputation.name"
    assert str(of_collection.value.field) == "collection"


async def test_a_collections_way_survives_a_restart_of_the_index(filled: Library, tmp_path: Path) -> None:
    space, routing = filled.router.space, Routing(imputation=MethodChoice("ridge"))
    await filled.index.create_collection("kept", space.ref, space.width, routing)

    await filled.index.close()
    filled.index = Index.open(tmp_path / "weights" / "index")

    assert (await filled.index.get_collection("kept")).routing == routing


async def test_a_query_of_which_every_space_is_lost_fails_as_ever(filled: Library) -> None:
    for space in ("words-a", "words-b"):
        filled.encoder.down[space] = Unavailable("gone")

    with pytest.raises(Unavailable):
        await filled.ask(words("green"))
