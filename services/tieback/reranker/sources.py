"""The multi-vectors of a query and its candidates, whether they came along or have yet to be made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tieback.core.deadline import Deadline
from tieback.core.errors import WRONG_MODALITY, InvalidInput, NotFound, SpaceMismatch, TiebackError
from tieback.core.field_path import FieldPath, at
from tieback.core.multi_vectors import check_rows
from tieback.core.types.content import Content, Modality
from tieback.core.types.encoding import EncodePlan, Encoding, Truncation
from tieback.core.types.limits import Limits
from tieback.core.types.report import Cost, Timing
from tieback.core.types.rerank import RerankSource
from tieback.core.types.vectors import MultiVector, VectorKind
from tieback.ports import EncoderPort

INLINE_VALUES = 1 << 16
"""So many numbers of given vectors are checked on the event loop: a change of threads would take longer."""

TYPICAL_LONGEST, BYTES_PER_TOKEN, TYPICAL_ROWS = 256, 4, 32
"""For the estimate that admission takes before contents are encoded: most spaces read no more of a text, and
what is no text has fewer rows."""

MULTI_VECTOR = EncodePlan(kinds=frozenset({VectorKind.MULTI_VECTOR}), truncation=Truncation.END)


@dataclass(frozen=True, slots=True)
class Source:
    """What is compared: a `content` to encode or the `given` vectors of one. `path` is its field's.

    `rows` is how many rows its multi-vector has, or about how many it will have.
    """

    path: FieldPath
    content: Content | None
    given: MultiVector | None
    rows: int

    @classmethod
    def of(cls, path: FieldPath, source: RerankSource, limits: Limits) -> Source:
        """InvalidInput where there is nothing to compare, or too much."""
        if isinstance(source, Content):
            return cls(path["content"], source, None, _about(source, path["content"]))
        most, rows = limits.rerank_tokens, len(source)
        if most and rows > most:
            raise InvalidInput(
                f"there are {rows} vectors, and this server compares {most} at most; send the first of them, "
                "or a pooled part of them",
                field=path["multi_vector"]["values"],
                reason="TOO_MANY_ROWS",
            )
        return cls(path["multi_vector"], None, source, rows)


def _about(content: Content, path: FieldPath) -> int:
    if not isinstance(content.data, str):
        return TYPICAL_ROWS
    if not content.data.strip():
        raise InvalidInput("the text is empty", field=path["text"])
    return min(len(content.data) // BYTES_PER_TOKEN + 1, TYPICAL_LONGEST)


@dataclass(slots=True)
class Resolved:
    """One multi-vector per source, in order, and what making them took."""

    vectors: list[MultiVector]
    timing: Timing = field(default_factory=Timing)
    cost: Cost = field(default_factory=Cost)


async def resolve(
    encoder: EncoderPort,
    sources: Sequence[Source],
    *,
    space: str,
    default: str,
    limits: Limits,
    deadline: Deadline,
) -> Resolved:
    """The multi-vectors of all sources, every row of length 1.

    Contents are encoded in `space`; where it is empty, in that of the first vectors that are given, or where
    there are none, in the `default`. Contents with more rows than the space reads, or than the limit, are
    cut, since this is only a closer look. InvalidInput names the field of what is malformed; SpaceMismatch
    where two sources are of different spaces, or the space of the vectors does not read a content.
    """
    given = [(one.path, one.given) for one in sources if one.given is not None]
    followed = given[0] if given and not space else None
    name = space or (followed[1].space.name if followed is not None else default)
    if sum(one.values.size for _, one in given) <= INLINE_VALUES:
        found = _all_checked(given)
    else:
        found = await asyncio.to_thread(_all_checked, given)
    resolved = Resolved([])
    contents = [(one.path, one.content) for one in sources if one.content is not None]
    most = limits.batch_items or len(contents)
    for begin in range(0, len(contents), most or 1):
        batch = contents[begin : begin + most]
        try:
            reply = await encoder.encode(
                name, [content for _, content in batch], MULTI_VECTOR, deadline=deadline
            )
        except NotFound:
            if followed is None:
                raise
            raise _unreadable(batch[0], followed, default) from None
        except InvalidInput as error:
            if error.field.below(at("output")) is not None:  # our own asking; the caller named the space
                raise error.about(at("space")) from None
            raise
        for place, ((path, content), result) in enumerate(zip(batch, reply.results, strict=True)):
            if isinstance(result, TiebackError):
                if followed is not None and result.reason == WRONG_MODALITY:
                    raise _unreadable((path, content), followed, default)
                raise result.moved(at("contents", place), path)
            found[path] = _made(path, result, limits.rerank_tokens)
        _add(resolved, reply.timing, reply.cost)
    paths = [one.path for one in sources]
    resolved.vectors = [found[path] for path in paths]
    _one_space(paths, resolved.vectors)
    return resolved


def _all_checked(given: Sequence[tuple[FieldPath, MultiVector]]) -> dict[FieldPath, MultiVector]:
    return {path: _checked(path, one) for path, one in given}


def _made(path: FieldPath, result: Encoding, most: int) -> MultiVector:
    multi = result.multi_vector
    if multi is None:
        raise InvalidInput(f"the space {result.space.name} gives no multi-vectors", field="space")
    if not len(multi):
        raise InvalidInput("the content holds nothing that the space knows", field=path)
    return multi.take(slice(most)) if most and len(multi) > most else multi


def _checked(path: FieldPath, multi: MultiVector) -> MultiVector:
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
    return MultiVector(multi.space, values / norms, multi.locators)


def _unreadable(
    content: tuple[FieldPath, Content], vectors: tuple[FieldPath, MultiVector], default: str
) -> SpaceMismatch:
    """The error of a content beside vectors of a space that does not read it; `default` is the text space."""
    (path, one), (other, given) = content, vectors
    own = f", and a text is encoded in {default}" if one.modality is Modality.TEXT else ""
    return SpaceMismatch(
        f"the vectors of {other} are of {given.space}, in which no {one.modality or 'content'} is encoded"
        f"{own}; both must be of one space, revision and fingerprint",
        field=path,
    )


def _one_space(paths: Sequence[FieldPath], vectors: Sequence[MultiVector]) -> None:
    first = vectors[0]
    for path, one in zip(paths, vectors, strict=True):
        if one.space != first.space:
            raise SpaceMismatch(
                f"the vectors are of {one.space} and those of {paths[0]} are of {first.space}; both must be "
                "of one space, revision and fingerprint",
                field=path,
            )
        if one.values.shape[1] != first.values.shape[1]:
            raise InvalidInput(
                f"the vectors have width {one.values.shape[1]} and those of {paths[0]} have width "
                f"{first.values.shape[1]}",
                field=path["values"],
            )


def _add(resolved: Resolved, timing: Timing, cost: Cost) -> None:
    resolved.timing.queue += timing.queue
    resolved.timing.prepare += timing.prepare
    resolved.timing.compute += timing.compute
    resolved.cost.batch_size = max(resolved.cost.batch_size, cost.batch_size)
    resolved.cost.tokens += cost.tokens
    resolved.cost.padding_tokens += cost.padding_tokens
