"""Token vectors of a query and its candidates, whether they came along or have yet to be made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, SpaceMismatch, TiebackError
from tieback.core.field_path import FieldPath, at
from tieback.core.types.content import Content, Modality
from tieback.core.types.encoding import EncodePlan, Encoding, Truncation
from tieback.core.types.limits import Limits
from tieback.core.types.report import Cost, Timing
from tieback.core.types.vectors import TokenVectors, VectorKind
from tieback.ports import EncoderPort

INLINE_VALUES = 1 << 16
"""So many numbers of token vectors are checked on the event loop: a change of threads would take longer."""

TOKENS = EncodePlan(kinds=frozenset({VectorKind.TOKENS}), truncation=Truncation.END)


@dataclass(slots=True)
class Looked:
    """One set of token vectors per source, in order, and what making them took."""

    tokens: list[TokenVectors]
    timing: Timing = field(default_factory=Timing)
    cost: Cost = field(default_factory=Cost)


async def look(
    encoder: EncoderPort,
    sources: Sequence[tuple[FieldPath, str | TokenVectors]],
    *,
    space: str,
    limits: Limits,
    deadline: Deadline,
) -> Looked:
    """Token vectors of all sources, which are (path in the request, text or token vectors).

    Texts too long for the space, or for the limit of tokens, are cut, since this is only a look. InvalidInput
    names the path of what is empty or malformed; SpaceMismatch where two sources are of different spaces.
    """
    for path, source in sources:
        if isinstance(source, str) and not source.strip():
            raise InvalidInput("the text is empty", field=path)
    texts = [(path, source) for path, source in sources if isinstance(source, str)]
    looked = Looked([])
    made: list[TokenVectors] = []
    most = limits.batch_items or len(texts)
    for begin in range(0, len(texts), most or 1):
        batch = texts[begin : begin + most]
        contents = [Content(Modality.TEXT, text) for _, text in batch]
        try:
            reply = await encoder.encode(space, contents, TOKENS, deadline=deadline)
        except InvalidInput as error:
            if error.field.below(at("output")) is None:
                raise
            raise error.about(at("space")) from None  # we ask for tokens; the caller named the space
        made += [
            _made(path, result, limits.rerank_tokens)
            for (path, _), result in zip(batch, reply.results, strict=True)
        ]
        _add(looked, reply.timing, reply.cost)
    given = sum(source.values.size for _, source in sources if isinstance(source, TokenVectors))
    if given <= INLINE_VALUES:
        looked.tokens = _all_checked(sources, made)
    else:
        looked.tokens = await asyncio.to_thread(_all_checked, sources, made)
    return looked


def _all_checked(
    sources: Sequence[tuple[FieldPath, str | TokenVectors]], made: Sequence[TokenVectors]
) -> list[TokenVectors]:
    """The sources in order, those that were made in the place of their texts."""
    remaining = iter(made)
    tokens = [
        next(remaining) if isinstance(source, str) else _checked(path, source) for path, source in sources
    ]
    _one_space([path for path, _ in sources], tokens)
    return tokens


def _made(path: FieldPath, result: Encoding | TiebackError, most: int) -> TokenVectors:
    if isinstance(result, InvalidInput):
        raise result.about(path)
    if isinstance(result, TiebackError):
        raise result
    if result.tokens is None:
        raise InvalidInput(f"the space {result.space.name} gives no token vectors", field="space")
    if not len(result.tokens.values):
        raise InvalidInput("the text holds no token that the space knows", field=path)
    tokens = result.tokens
    if most and len(tokens.values) > most:
        return TokenVectors(tokens.space, tokens.values[:most], tokens.spans[:most])
    return tokens


def _checked(path: FieldPath, tokens: TokenVectors) -> TokenVectors:
    values = np.asarray(tokens.values, dtype=np.float32)
    if values.ndim != 2 or not values.size:
        raise InvalidInput(
            f"token vectors have shape [tokens, width], not {list(values.shape)}", field=path["values"]
        )
    if len(tokens.spans) != len(values):
        raise InvalidInput(
            f"{len(values)} token vectors come with {len(tokens.spans)} spans; give one each",
            field=path["spans"],
        )
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or not norms.all():
        raise InvalidInput("a token vector holds NaN or infinity, or is all zeros", field=path["values"])
    return TokenVectors(tokens.space, values / norms, tokens.spans)


def _one_space(paths: Sequence[FieldPath], sources: Sequence[TokenVectors]) -> None:
    first = sources[0]
    for path, tokens in zip(paths, sources, strict=True):
        if tokens.space != first.space:
            raise SpaceMismatch(
                f"the token vectors are of {tokens.space} and those of {paths[0]} are of {first.space}; "
                "both must be of one space, revision and fingerprint",
                field=path,
            )
        if tokens.values.shape[1] != first.values.shape[1]:
            raise InvalidInput(
                f"the token vectors have width {tokens.values.shape[1]} and those of {paths[0]} have "
                f"width {first.values.shape[1]}",
                field=path["values"],
            )


def _add(looked: Looked, timing: Timing, cost: Cost) -> None:
    looked.timing.queue += timing.queue
    looked.timing.prepare += timing.prepare
    looked.timing.compute += timing.compute
    looked.cost.batch_size = max(looked.cost.batch_size, cost.batch_size)
    looked.cost.tokens += cost.tokens
    looked.cost.padding_tokens += cost.padding_tokens
