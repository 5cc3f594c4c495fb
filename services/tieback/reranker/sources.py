"""Token vectors of a query and its candidates, whether they came along or have yet to be made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, SpaceMismatch, TiebackError
from tieback.core.types import (
    Content,
    Cost,
    Encoding,
    Modality,
    OutputSpec,
    Timing,
    TokenVectors,
    Truncation,
    VectorKind,
)
from tieback.ports import EncoderPort

TOKENS = OutputSpec(kinds=frozenset({VectorKind.TOKENS}))


@dataclass(slots=True)
class Looked:
    """One set of token vectors per source, in order, and what making them took."""

    tokens: list[TokenVectors]
    timing: Timing = field(default_factory=Timing)
    cost: Cost = field(default_factory=Cost)


async def look(
    encoder: EncoderPort,
    sources: Sequence[tuple[str, str | TokenVectors]],
    *,
    space: str,
    batch_items: int,
    deadline: Deadline,
) -> Looked:
    """Token vectors of all sources, which are (path in the request, text or token vectors).

    Texts too long for the space are cut, since this is only a look. InvalidInput names the path of what is
    empty or malformed; SpaceMismatch where two sources are of different spaces.
    """
    for path, source in sources:
        if isinstance(source, str) and not source.strip():
            raise InvalidInput("the text is empty", field=path)
    texts = [(path, source) for path, source in sources if isinstance(source, str)]
    looked = Looked([])
    made: list[TokenVectors] = []
    for begin in range(0, len(texts), batch_items or len(texts)):
        batch = texts[begin : begin + (batch_items or len(texts))]
        contents = [Content(Modality.TEXT, text) for _, text in batch]
        try:
            reply = await encoder.encode(
                space, contents, TOKENS, truncation=Truncation.END, deadline=deadline
            )
        except InvalidInput as error:
            if error.field.startswith("output"):  # our own asking for tokens; the caller named the space
                error.field = "space"
            raise
        made += [_made(path, result) for (path, _), result in zip(batch, reply.results, strict=True)]
        _add(looked, reply.timing, reply.cost)
    remaining = iter(made)
    for path, source in sources:
        looked.tokens.append(next(remaining) if isinstance(source, str) else _checked(path, source))
    _one_space([path for path, _ in sources], looked.tokens)
    return looked


def _made(path: str, result: Encoding | TiebackError) -> TokenVectors:
    if isinstance(result, InvalidInput):
        result.field = path
    if isinstance(result, TiebackError):
        raise result
    if result.tokens is None:
        raise InvalidInput(f"the space {result.space.name} gives no token vectors", field="space")
    if not len(result.tokens.values):
        raise InvalidInput("the text holds no token that the space knows", field=path)
    return result.tokens


def _checked(path: str, tokens: TokenVectors) -> TokenVectors:
    values = np.asarray(tokens.values, dtype=np.float32)
    if values.ndim != 2 or not values.size:
        raise InvalidInput(
            f"token vectors have shape [tokens, width], not {list(values.shape)}", field=f"{path}.values"
        )
    if len(tokens.spans) != len(values):
        raise InvalidInput(
            f"{len(values)} token vectors come with {len(tokens.spans)} spans; give one each",
            field=f"{path}.spans",
        )
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or not norms.all():
        raise InvalidInput("a token vector holds NaN or infinity, or is all zeros", field=f"{path}.values")
    return TokenVectors(tokens.space, values / norms, tokens.spans)


def _one_space(paths: Sequence[str], sources: Sequence[TokenVectors]) -> None:
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
                field=f"{path}.values",
            )


def _add(looked: Looked, timing: Timing, cost: Cost) -> None:
    looked.timing.queue += timing.queue
    looked.timing.prepare += timing.prepare
    looked.timing.compute += timing.compute
    looked.cost.batch_size = max(looked.cost.batch_size, cost.batch_size)
    looked.cost.tokens += cost.tokens
    looked.cost.padding_tokens += cost.padding_tokens
