"""The multi-vectors of a query and its candidates, whether they came along or have yet to be made."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from tieback_contract.field_path import FieldPath, at
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.reports import Cost, Timing
from tieback_contract.vectors import MultiVector, SpaceRef, VectorKind

from tieback.core.alone import made_alone, result_of
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import WRONG_MODALITY, InvalidInput, NotFound, SpaceMismatch, TiebackError
from tieback.core.multi_vectors import check_rows
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest, Truncation
from tieback.core.types.fusion import Role
from tieback.core.types.rerank import RerankSource
from tieback.ports import EncoderPort

INLINE_VALUES = 1 << 16
"""So many numbers of given vectors are checked on the event loop: a change of threads would take longer."""

TYPICAL_LONGEST, BYTES_PER_TOKEN, TYPICAL_ROWS = 256, 4, 32
"""For the estimate that admission takes before contents are encoded: most spaces read no more of a text, and
what is no text has fewer rows."""

_Followed = tuple[FieldPath, SpaceRef]
"""The field of the first vectors that were given, and their space."""

MULTI_VECTOR = EncodePlan(kinds=frozenset({VectorKind.MULTI_VECTOR}), truncation=Truncation.END)


@dataclass(frozen=True, slots=True)
class RowEncoders:
    """The encoders that multi-vectors are of: `default` names the space where nothing else does.

    Of a space with one encoder for queries and one for documents, `by_side` has both, by each name that
    requests may give.
    """

    port: EncoderPort
    default: str
    by_side: Mapping[str, Mapping[Role, str]] = field(default_factory=dict)

    def sides(self, name: str) -> Mapping[Role, str]:
        """The encoder of queries and that of documents, of a space or an encoder of that name."""
        return self.by_side.get(name, dict.fromkeys(Role, name))


@dataclass(frozen=True, slots=True)
class ReadSource:
    """Data that is compared: a content to encode or the vectors of one. `path` is its field's.

    `rows` is how many rows its multi-vector has, or about how many it will have.
    """

    path: FieldPath
    data: RerankSource
    rows: int

    @classmethod
    def of(cls, path: FieldPath, source: RerankSource, limits: Limits) -> ReadSource:
        """InvalidInput where there is nothing to compare, or too much."""
        if isinstance(source, Content):
            return cls(path["content"], source, _about(source, path["content"]))
        most, rows = limits.rerank_tokens, len(source)
        if most and rows > most:
            raise InvalidInput(
                f"there are {rows} vectors, and this server compares {most} at most; send the first of them, "
                "or a pooled part of them",
                field=path["multi_vector"]["values"],
                reason="TOO_MANY_ROWS",
            )
        return cls(path["multi_vector"], source, rows)


def _about(content: Content, path: FieldPath) -> int:
    if not isinstance(content.data, str):
        return TYPICAL_ROWS
    if not content.data.strip():
        raise InvalidInput("the text is empty", field=path["text"])
    return min(len(content.data) // BYTES_PER_TOKEN + 1, TYPICAL_LONGEST)


@dataclass(slots=True)
class Resolved:
    """The multi-vectors of the query and, by their places, of the candidates, and what making them took."""

    query: MultiVector
    candidates: dict[int, MultiVector]
    timing: Timing
    cost: Cost


@dataclass(slots=True)
class _Encoded:
    """Results of the encoder for contents, by their paths, and what that took."""

    results: dict[FieldPath, MultiVector | TiebackError] = field(default_factory=dict)
    timing: Timing = field(default_factory=Timing)
    cost: Cost = field(default_factory=Cost)

    def vectors(self, source: ReadSource, most: int) -> MultiVector:
        """Those that were given, or those of the content, `most` at most; raises why it has none."""
        if isinstance(source.data, MultiVector):
            return source.data
        result = result_of(self.results[source.path])
        if not len(result):
            raise InvalidInput("the content holds nothing that the space knows", field=source.path)
        return result.take(slice(most)) if most and len(result) > most else result


async def resolve(
    encoders: RowEncoders,
    query: ReadSource,
    candidates: Mapping[int, ReadSource],
    errors: dict[int, TiebackError],
    *,
    space: str,
    limits: Limits,
    deadline: Deadline,
) -> Resolved:
    """The multi-vectors of all sources, every row of length 1; `errors` gets those of candidates without.

    Contents are encoded in `space`; where it is empty, in that of the first vectors that are given, or where
    there are none, in the default one, by the encoder of their side. Contents with more rows than the space
    reads, or than the limit, are cut, since this is only a closer look. InvalidInput names the field of what
    is malformed; SpaceMismatch where a candidate is of another space than the query, or the space of the
    vectors does not read a content.
    """
    sizes = [
        one.data.values.size for one in (query, *candidates.values()) if isinstance(one.data, MultiVector)
    ]

    def checked() -> tuple[ReadSource, dict[int, ReadSource]]:
        return _checked(query), made_alone(_checked, candidates, errors)

    query, candidates = checked() if sum(sizes) <= INLINE_VALUES else await asyncio.to_thread(checked)
    sources = [query, *candidates.values()]
    given = ((one.path, one.data.space) for one in sources if isinstance(one.data, MultiVector))
    followed = None if space else next(given, None)
    name = space or (followed[1].name if followed is not None else encoders.default)
    encoded = await _encoded(encoders, sources, name, followed, limits.batch_items, deadline)
    asked = encoded.vectors(query, limits.rerank_tokens)

    def comparable(source: ReadSource) -> MultiVector:
        multi = encoded.vectors(source, limits.rerank_tokens)
        _check_space(source.path, multi, query.path, asked)
        return multi

    found = made_alone(comparable, candidates, errors)
    return Resolved(asked, found, encoded.timing, encoded.cost)


async def _encoded(
    encoders: RowEncoders,
    sources: Sequence[ReadSource],
    space: str,
    followed: _Followed | None,
    most: int,
    deadline: Deadline,
) -> _Encoded:
    """The contents in batches of `most`, the first, which is the query, and the others each by their encoder.

    The space was named, `followed`, or is the default one.
    """
    sides, default = encoders.sides(space), encoders.default
    contents = [
        (sides[Role.DOCUMENT if place else Role.QUERY], one.path, one.data)
        for place, one in enumerate(sources)
        if isinstance(one.data, Content)
    ]
    encoded = _Encoded()
    for name, batch in _batches(contents, most or len(contents) or 1):
        try:
            reply = await encoders.port.encode(
                EncodeRequest(name, [one for _, one in batch], MULTI_VECTOR), Call(deadline)
            )
        except NotFound:
            if followed is None:
                raise
            encoded.results |= {path: _unreadable(path, one, followed, default) for path, one in batch}
            continue
        except InvalidInput as error:
            if error.field.below(at("output")) is not None:  # our own asking; the caller named the space
                raise error.about(at("space")) from None
            raise
        for place, ((path, one), result) in enumerate(zip(batch, reply.results, strict=True)):
            if not isinstance(result, TiebackError):
                if result.multi_vector is None:
                    raise InvalidInput(f"the space {name} gives no multi-vectors", field="space")
                encoded.results[path] = result.multi_vector
            elif followed is not None and result.reason == WRONG_MODALITY:
                encoded.results[path] = _unreadable(path, one, followed, default)
            else:
                encoded.results[path] = result.moved(at("contents", place), path)
        _add(encoded, reply.timing, reply.cost)
    return encoded


def _batches(
    contents: Sequence[tuple[str, FieldPath, Content]], most: int
) -> Iterator[tuple[str, list[tuple[FieldPath, Content]]]]:
    """Contents in their order, `most` at once, of one encoder."""
    for name, group in itertools.groupby(contents, lambda one: one[0]):
        own = [(path, content) for _, path, content in group]
        for begin in range(0, len(own), most):
            yield name, own[begin : begin + most]


def _checked(source: ReadSource) -> ReadSource:
    """The source; where it has vectors, with every row of length 1."""
    multi, path = source.data, source.path
    if isinstance(multi, Content):
        return source
    check_rows(multi, field=path)
    values = np.asarray(multi.values, dtype=np.float32)
    if not values.size:
        raise InvalidInput(
            f"a multi-vector has one row and one dimension at least, not the shape {list(values.shape)}",
            field=path["values"],
        )
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or not norms.all():
        raise InvalidInput("a row holds NaN or infinity, or is all zeros", field=path["values"])
    return replace(source, data=MultiVector(values / norms, multi.space, multi.locators))


def _unreadable(path: FieldPath, content: Content, followed: _Followed, default: str) -> SpaceMismatch:
    """The error of a content beside vectors of a space that does not read it; `default` is the text space."""
    other, space = followed
    own = f", and a text is encoded in {default}" if content.modality is Modality.TEXT else ""
    return SpaceMismatch(
        f"the vectors of {other} are of {space}, in which no {content.modality or 'content'} is encoded"
        f"{own}; both must be of one space, revision and fingerprint",
        field=path,
    )


def _check_space(path: FieldPath, one: MultiVector, asked: FieldPath, query: MultiVector) -> None:
    """Raises SpaceMismatch or InvalidInput for vectors that are not of the query's space and width."""
    if one.space != query.space:
        raise SpaceMismatch(
            f"the vectors are of {one.space} and those of {asked} are of {query.space}; both must be "
            "of one space, revision and fingerprint",
            field=path,
        )
    if one.values.shape[1] != query.values.shape[1]:
        raise InvalidInput(
            f"the vectors have width {one.values.shape[1]} and those of {asked} have width "
            f"{query.values.shape[1]}",
            field=path["values"],
        )


def _add(encoded: _Encoded, timing: Timing, cost: Cost) -> None:
    encoded.timing.queue += timing.queue
    encoded.timing.prepare += timing.prepare
    encoded.timing.compute += timing.compute
    encoded.cost.batch_size = max(encoded.cost.batch_size, cost.batch_size)
    encoded.cost.tokens += cost.tokens
    encoded.cost.padding_tokens += cost.padding_tokens
