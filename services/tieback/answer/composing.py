"""A query of a photo and words that change it, as one vector by a learned composition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding, Truncated
from tieback_contract.field_path import at
from tieback_contract.fusion import Fused, RoutingExplanation
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector, VectorKind

from tieback.answer.spaces.encoding import cut_off
from tieback.answer.stopwatch import Stopwatch, hop
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, NotFound, TiebackError
from tieback.core.together import all_or_none
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest, Truncation
from tieback.core.types.retrieval import QueryPart
from tieback.models.learned.query_composition import LearnedComposition, rows_of
from tieback.ports import EncoderPort
from tieback.query_stages.stage import OPTIONS

POLICY = "composition"
PARTS = {Modality.IMAGE, Modality.TEXT}


class Composing:
    """The learned compositions of a server, behind an encoder."""

    def __init__(self, encoder: EncoderPort, compositions: Sequence[LearnedComposition] = ()) -> None:
        self._encoder = encoder
        self._known: Mapping[str, LearnedComposition] = {one.name: one for one in compositions}

    def check(self, name: str, query: Sequence[QueryPart]) -> None:
        """NotFound, with the choices, for an unknown name; InvalidInput where the query is no such one."""
        if name not in self._known:
            raise NotFound("composition", name, self._known)
        if len(query) != len(PARTS) or {part.content.modality for part in query} != PARTS:
            raise InvalidInput("what is composed is one photo and one text that changes it", field="query")
        for place, part in enumerate(query):
            if part.weight != 1.0:
                raise InvalidInput(
                    "a learned composition weighs photo and words itself; leave the weight out",
                    field=at("query", place, "weight"),
                )

    async def compose(
        self, name: str, query: Sequence[QueryPart], space: SpaceRef, watch: Stopwatch, deadline: Deadline
    ) -> tuple[Fused, Mapping[str, Truncated]]:
        """The query's vector in that space, and what was not read of the words; the query was checked.

        InvalidInput where the composition is of another space; whatever goes wrong with the encoders.
        """
        chosen = self._known[name]
        if space != chosen.space:
            raise InvalidInput(
                f"{name} makes vectors of the space {chosen.space.name!r}, and the collection is in "
                f"{space.name!r}; make one in that space, or leave the composition out",
                field=OPTIONS["composition"],
            )
        image, text = await all_or_none(
            self._encoded(encoder, kinds, query, modality, watch, deadline)
            for encoder, kinds, modality in (
                (chosen.image, chosen.image_kinds, Modality.IMAGE),
                (chosen.text, chosen.text_kinds, Modality.TEXT),
            )
        )
        with watch.stage("compose"):
            values = chosen.compose(_rows(image), _rows(text))
        explanation = RoutingExplanation(POLICY, {space.name: 1.0}, 0.0)
        return Fused(Vector(values, space), explanation), cut_off([text])

    async def _encoded(
        self,
        encoder: str,
        kinds: frozenset[VectorKind],
        query: Sequence[QueryPart],
        modality: Modality,
        watch: Stopwatch,
        deadline: Deadline,
    ) -> Encoding:
        place = next(n for n, part in enumerate(query) if part.content.modality is modality)
        content: Content = query[place].content
        plan = EncodePlan(kinds=kinds, truncation=Truncation.END)
        with watch.stage(f"encode:{encoder}"):
            reply = await self._encoder.encode(EncodeRequest(encoder, [content], plan), Call(hop(deadline)))
        result = reply.results[0]
        if isinstance(result, TiebackError):
            raise result.moved(at("contents", 0), at("query", place, "content"))
        return result


def _rows(encoding: Encoding) -> Array:
    dense, multi = encoding.vector, encoding.multi_vector
    return rows_of(None if dense is None else dense.values, None if multi is None else multi.values)
