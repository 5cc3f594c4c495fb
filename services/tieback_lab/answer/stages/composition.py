"""A query of a photo and words that change it, as one vector by a learned composition."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from tieback.answer.spaces.encoding import cut_off
from tieback.answer.stages.locate import marked
from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
from tieback.answer.stopwatch import hop
from tieback.core.call import Call
from tieback.core.errors import InvalidInput, NotFound, TiebackError
from tieback.core.together import all_or_none
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest, Truncation
from tieback.query_stages.stage import RETRIEVE, STAGES, Rule, Stage
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.field_path import at
from tieback_contract.fusion import Fused, RoutingExplanation
from tieback_contract.modality import Modality
from tieback_contract.vectors import Vector, VectorKind

from tieback_lab.models.learned.query_composition import LearnedComposition, rows_of

NAME = "composition"
PARTS = {Modality.IMAGE, Modality.TEXT}


class Composition(BaseModel):
    """The composition by its name."""

    model_config = ConfigDict(extra="forbid")

    name: str


STAGE = Stage(
    NAME,
    "Makes one vector of a photo and the words that change it, by a learned composition.",
    RETRIEVE,
    parameters=Composition,
    needs=(Rule("vectors", "words alone are searched for, and no vector: leave this out"),),
    excludes=(
        Rule(
            "rerank",
            "a reranker would compare the hits with the photo or the words as they are; leave it out, or "
            "the composition",
        ),
        Rule("rank", "a learned ranking orders what a hybrid search found: leave one of them out"),
        Rule("words"),
    ),
)


def _chosen(state: Retrieving) -> LearnedComposition | None:
    asked = state.further.get(NAME)
    if not isinstance(asked, Composition):
        return None
    known = {one.name: one for one in state.server.learned(LearnedComposition)}
    if asked.name not in known:
        raise NotFound("composition", asked.name, known)
    return known[asked.name]


def _check(state: Retrieving) -> None:
    """Refuses what is no such query. Unless the query says so, its words are not searched for."""
    if _chosen(state) is None:
        return
    query = state.request.query
    if len(query) != len(PARTS) or {part.content.modality for part in query} != PARTS:
        raise InvalidInput("what is composed is one photo and one text that changes it", field="query")
    for place, part in enumerate(query):
        if part.weight != 1.0:
            raise InvalidInput(
                "a learned composition weighs photo and words itself; leave the weight out",
                field=at("query", place, "weight"),
            )
    if state.request.options.hybrid is None:
        state.plan = state.plan.but(hybrid=False, rank_fusion=None)


async def _compose(state: Retrieving) -> None:
    """Makes the query's vector. InvalidInput where the composition is of another space."""
    chosen = _chosen(state)
    if chosen is None:
        return
    with state.watch.stage("collection"):
        space = await state.server.spaces.space_of(state.collection, state.hop.deadline)
    if space.ref != chosen.space:
        raise InvalidInput(
            f"{chosen.name} makes vectors of the space {chosen.space.name!r}, and the collection is in "
            f"{space.ref.name!r}; make one in that space, or leave the composition out",
            field=STAGES,
        )
    image, text = await all_or_none(
        _encoded(state, encoder, kinds, modality)
        for encoder, kinds, modality in (
            (chosen.image, chosen.image_kinds, Modality.IMAGE),
            (chosen.text, chosen.text_kinds, Modality.TEXT),
        )
    )
    with state.watch.stage("compose"):
        values = chosen.compose(_rows(image), _rows(text))
    explanation = marked(RoutingExplanation(NAME, {space.name: 1.0}, 0.0), space)
    state.fused, state.unread = Fused(Vector(values, space.ref), explanation), cut_off([text])


async def _encoded(
    state: Retrieving, encoder: str, kinds: frozenset[VectorKind], modality: Modality
) -> Encoding:
    query = state.request.query
    place = next(n for n, part in enumerate(query) if part.content.modality is modality)
    content: Content = query[place].content
    plan = EncodePlan(kinds=kinds, truncation=Truncation.END)
    with state.watch.stage(f"encode:{encoder}"):
        request = EncodeRequest(encoder, [content], plan)
        reply = await state.server.encoder.encode(request, Call(hop(state.call.deadline)))
    result = reply.results[0]
    if isinstance(result, TiebackError):
        raise result.moved(at("contents", 0), at("query", place, "content"))
    return result


def _rows(encoding: Encoding) -> Array:
    dense, multi = encoding.vector, encoding.multi_vector
    return rows_of(None if dense is None else dense.values, None if multi is None else multi.values)


STEP = Step(_compose, lambda state: NAME in state.further, _check)
