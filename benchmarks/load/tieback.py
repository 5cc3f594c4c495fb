"""tieback as a target: by the bare stub, as lean as what the peers are asked by, and by the Python client."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import grpc
import numpy as np
from google.rpc import error_details_pb2, status_pb2
from numpy.typing import NDArray
from tieback.v1 import content_pb2, encoder_pb2, vector_pb2
from tieback_client import AsyncClient, Image, Overloaded

from benchmarks.load.target import Rejected

TEXT_SPACE, PHOTO_SPACE = "all-minilm-l6-v2", "efficientnet-lite0"
SPACE_KEY = "tieback-space"
METHOD = "/tieback.v1.EncoderService/Encode"
DETAILS_KEY = "grpc-status-details-bin"
KEPT_REQUESTS = 4096
Cache = Literal["use", "bypass"]
POLICIES = {"use": encoder_pb2.CACHE_POLICY_USE, "bypass": encoder_pb2.CACHE_POLICY_BYPASS}


class ItemError(Exception):
    """The call went well, and an item in it did not."""


@dataclass
class StubTarget:
    """`EncoderService.Encode` by grpc.aio. Requests are kept as bytes: sending one again costs little.

    Texts go to `text_space`, pictures (bytes) to PHOTO_SPACE. Several `addresses` take turns. What is longer
    than the model reads is cut off. By default the server computes everything anew: a benchmark that repeats
    its texts would measure the cache. `deadline` is each call's, in seconds.
    """

    addresses: Sequence[str]
    cache: Cache = "bypass"
    text_space: str = TEXT_SPACE
    batch_invariant: bool = False
    deadline: float | None = None
    _channels: list[grpc.aio.Channel] = field(default_factory=list, init=False, repr=False)
    _calls: Any = field(default=None, init=False, repr=False)
    _requests: dict[tuple[Any, ...], bytes] = field(default_factory=dict, init=False, repr=False)

    async def open(self) -> None:
        """Connects."""
        unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        self._channels = [grpc.aio.insecure_channel(address, unlimited) for address in self.addresses]
        self._calls = itertools.cycle(
            [
                channel.unary_unary(METHOD, None, encoder_pb2.EncodeResponse.FromString)
                for channel in self._channels
            ]
        )

    async def close(self) -> None:
        """Hangs up."""
        for channel in self._channels:
            await channel.close(None)

    async def encode(self, texts: Sequence[Any]) -> NDArray[np.float32]:
        """The vectors of texts or pictures."""
        key = tuple(texts)
        request = self._requests.get(key)
        if request is None:
            request = self._serialised(key)
            if len(self._requests) < KEPT_REQUESTS:
                self._requests[key] = request
        try:
            # As the SDK does: who names the space can be refused without being read.
            named = ((SPACE_KEY, self.text_space if isinstance(key[0], str) else PHOTO_SPACE),)
            response = await next(self._calls)(request, timeout=self.deadline, metadata=named)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise Rejected(error.details() or "", retry_after=_retry_after(error)) from None
            raise
        rows = [result.encoding.dense.values.data for result in response.results]
        if not all(rows):
            raise ItemError(next(one.error.message for one in response.results if one.HasField("error")))
        return np.frombuffer(b"".join(rows), np.float32).reshape(len(rows), -1)

    def _serialised(self, items: tuple[Any, ...]) -> bytes:
        of_texts = isinstance(items[0], str)
        contents = [
            content_pb2.Content(text=item) if of_texts else content_pb2.Content(image=item) for item in items
        ]
        return encoder_pb2.EncodeRequest(
            space=self.text_space if of_texts else PHOTO_SPACE,
            contents=contents,
            output=vector_pb2.OutputSpec(batch_invariant=self.batch_invariant),
            truncation=encoder_pb2.TRUNCATION_END,
            cache=POLICIES[self.cache],
        ).SerializeToString()


@dataclass
class ClientTarget:
    """`AsyncClient.encode`, as a user calls it."""

    address: str
    direct: bool = False
    cache: Cache = "bypass"
    _client: AsyncClient | None = field(default=None, init=False, repr=False)

    async def open(self) -> None:
        """Connects."""
        self._client = AsyncClient(self.address, direct=self.direct)

    async def close(self) -> None:
        """Hangs up."""
        if self._client is not None:
            await self._client.close()

    async def encode(self, texts: Sequence[Any]) -> NDArray[np.float32]:
        """The vectors of texts or pictures."""
        if self._client is None:
            raise RuntimeError("open() comes first")
        of_texts = isinstance(texts[0], str)
        contents = list(texts) if of_texts else [Image(picture) for picture in texts]
        space = TEXT_SPACE if of_texts else PHOTO_SPACE
        try:
            found = await self._client.encode(contents, space=space, truncate=True, cache=self.cache)
        except Overloaded as error:
            raise Rejected(str(error), retry_after=error.retry_delay) from None
        return np.asarray(found.vectors, np.float32)


def _retry_after(error: grpc.aio.AioRpcError) -> float | None:
    trailing: Iterable[tuple[str, str | bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]  # stubs
    for key, value in trailing:
        if key == DETAILS_KEY and isinstance(value, bytes):
            for packed in status_pb2.Status.FromString(value).details:
                found = error_details_pb2.RetryInfo()
                if packed.Unpack(found):
                    return float(found.retry_delay.ToTimedelta().total_seconds())
    return None
