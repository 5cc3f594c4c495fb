"""The outcome of `encode`: what came, read as it is looked at.

Most callers want the vectors as one array and nothing else. So a response is kept as it came, and an object
is made of a part of it only where somebody asks for that part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from tieback_contract import tensors
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.field_path import at
from tieback_contract.reports import Cost, Timing
from tieback_contract.vectors import DType, SpaceRef, decode

from tieback_client.errors import InvalidArgument, TiebackError
from tieback_client.messages import reading
from tieback_client.reports import CallInfo
from tieback_client.transport.rpc import Reply


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of a text."""

    text: str
    """Its words."""
    span: tuple[int, int]
    """Its bytes of the whole text as UTF-8."""
    token_count: int
    """Its tokens, special ones not counted."""


class Encodings:
    """The outcome of `encode`: one per input, in order. Each input fails alone: see `errors`."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self._replies = replies
        self._results: Sequence[Any] = (
            replies[0].message.results
            if len(replies) == 1
            else [one for message, _ in replies for one in message.results]
        )

    @classmethod
    def joined(cls, parts: Sequence[Encodings]) -> Encodings:
        """Several outcomes as one."""
        return cls([reply for part in parts for reply in part._replies])

    @cached_property
    def outcomes(self) -> Sequence[Encoding | TiebackError]:
        """An encoding, or why there is none."""
        return [
            error if (error := self.errors.get(place)) is not None else reading.encoding(one.encoding)
            for place, one in enumerate(self._results)
        ]

    @cached_property
    def errors(self) -> Mapping[int, TiebackError]:
        """Why inputs failed, by their place."""
        found: dict[int, TiebackError] = {}
        first = 0
        for message, info in self._replies:
            for number, one in enumerate(message.results):
                if one.HasField("error"):
                    error = reading.error(one.error, info)
                    if isinstance(error, InvalidArgument):
                        # The server counts the contents of one call, and the caller those of all.
                        error = error.moved(at("contents", number), at("contents", first + number))
                    found[first + number] = error
            first += len(message.results)
        return found

    @cached_property
    def vectors(self) -> Array:
        """All dense vectors, `[n, width]`, read-only; rows of failed inputs are NaN.

        float32 and float16 as they came; INT8 scaled to float32; BINARY as float32 of -1 and 1. Where every
        input has its vector, the elements are the bytes of the message, joined once.
        """
        codes, dtype, failed = self._dense
        whole = decode(codes, dtype, self.scales[:, None] if dtype is DType.INT8 else 0.0)
        if failed:
            whole = whole.copy()
            whole[failed] = np.nan
        whole.flags.writeable = False
        return whole

    @property
    def codes(self) -> Array:
        """All dense vectors as they travelled: `[n, width]`, for BINARY `[n, width / 8]`.

        Rows of failed inputs are 0.
        """
        return self._dense[0]

    @cached_property
    def scales(self) -> Array:
        """The quantisation step of each INT8 vector, `[n]` float32; 0 for other types."""
        return np.array([one.encoding.dense.scale for one in self._results], dtype=np.float32)

    @cached_property
    def sparse(self) -> tuple[Array, Array, Array]:
        """All sparse vectors as the rows of a matrix, compressed: weights, terms' numbers, and row begins.

        `[all terms]` float32, `[all terms]` int32 and `[n + 1]` int64; scipy's ``csr_matrix(result.sparse,
        shape=(n, width))`` takes them as they are. Rows of failed inputs are empty.
        """
        rows = [one.encoding.sparse for one in self._results]
        weights = np.frombuffer(b"".join([row.weights.data for row in rows]), np.dtype("<f4"))
        indices = np.array([index for row in rows for index in row.indices], np.int32)
        return weights, indices, np.cumsum([0, *(len(row.indices) for row in rows)], dtype=np.int64)

    @property
    def space(self) -> SpaceRef | None:
        """The space that all vectors share; None where every input failed."""
        encoded = (one.encoding for one in self._results if one.HasField("encoding"))
        return next((reading.space_ref(one.space) for one in encoded), None)

    @cached_property
    def timing(self) -> Timing:
        """Where the time went; of several batches, the sum."""
        parts = [reading.timing(message.timing) for message, _ in self._replies]
        if len(parts) == 1:
            return parts[0]
        return Timing(
            queue=sum(one.queue for one in parts),
            prepare=sum(one.prepare for one in parts),
            compute=sum(one.compute for one in parts),
            total=sum(one.total for one in parts),
            stages=[stage for one in parts for stage in one.stages],
        )

    @cached_property
    def cost(self) -> Cost:
        """What it cost; of several batches, the sum and the largest batch."""
        parts = [reading.cost(message.cost) for message, _ in self._replies]
        return Cost(
            batch_size=max((one.batch_size for one in parts), default=0),
            tokens=sum(one.tokens for one in parts),
            padding_tokens=sum(one.padding_tokens for one in parts),
            cached_items=sum(one.cached_items for one in parts),
            shared_items=sum(one.shared_items for one in parts),
        )

    @cached_property
    def call(self) -> CallInfo:
        """How the call went; of several batches, the last one's ids and all retries."""
        if not self._replies:
            return CallInfo()
        infos = [info for _, info in self._replies]
        return replace(infos[-1], retries=sum(info.retries for info in infos)) if infos[1:] else infos[0]

    def raise_for_errors(self) -> Encodings:
        """Raises the first input's error, if one failed; returns itself for chaining."""
        for error in self.errors.values():
            raise error
        return self

    def __len__(self) -> int:
        return len(self._results)

    def __iter__(self) -> Iterator[Encoding]:
        """The encodings; raises where an input failed."""
        self.raise_for_errors()
        return (outcome for outcome in self.outcomes if isinstance(outcome, Encoding))

    def __getitem__(self, index: int) -> Encoding:
        """The encoding of one input; raises where it failed."""
        outcome = self.outcomes[index]
        if isinstance(outcome, TiebackError):
            raise outcome
        return outcome

    def __repr__(self) -> str:
        failed = f", {len(self.errors)} failed" if self.errors else ""
        return f"<{len(self)} encodings of {self.space}{failed}>"

    @cached_property
    def _dense(self) -> tuple[Array, DType, list[int]]:
        """All dense vectors as they travelled, their type, and the places where there is none."""
        rows: list[bytes] = [one.encoding.dense.values.data for one in self._results]
        missing = [place for place, row in enumerate(rows) if not row]
        if len(missing) == len(rows):
            return np.zeros((len(rows), 0), dtype=np.float32), DType.FLOAT32, missing
        first = next(place for place, row in enumerate(rows) if row)
        dtype = tensors.dtype_of(self._results[first].encoding.dense.values)
        blank = bytes(len(rows[first]))
        data = b"".join([row or blank for row in rows]) if len(rows) > 1 else rows[0]
        codes = np.frombuffer(data, tensors.ELEMENTS[dtype]).reshape(len(rows), -1)
        return codes, dtype, missing
