"""How a stream of items becomes requests."""

from __future__ import annotations

from typing import Any

from tieback.v1 import answer_pb2, content_pb2
from tieback_client.transport.exchange import BATCH_SECTIONS, BATCH_TEXT_BYTES, Exchange, SendWindow
from tieback_client.transport.rpc import RPCS


def window_of_items() -> SendWindow[None]:
    return SendWindow(
        Exchange(
            rpc=RPCS["IngestItems"],
            items=[],
            pack=lambda item, _: item,
            request=lambda items, _: answer_pb2.IngestItemsRequest(items=items),
            result=lambda *_: None,
            batch=64,
            in_flight=2,
            timeout=None,
        )
    )


def test_items_of_many_sections_go_in_requests_that_a_server_takes() -> None:
    window = window_of_items()
    many = content_pb2.Item(sections=[content_pb2.Section()] * (BATCH_SECTIONS // 2))
    huge = content_pb2.Item(sections=[content_pb2.Section()] * (BATCH_SECTIONS + 1))
    requests: list[Any] = [window.offer(item) for item in (many, many, many, huge, many)] + [window.close()]

    assert [len(one.items) for one in requests if one is not None] == [2, 1, 1, 1]


def test_long_texts_go_in_requests_that_are_answered_soon() -> None:
    window = window_of_items()
    text = content_pb2.Content(text="x" * (BATCH_TEXT_BYTES // 2 - 100))
    photo = content_pb2.Content(image=b"x" * BATCH_TEXT_BYTES)
    long, picture = (content_pb2.Item(sections=[content_pb2.Section(content=one)]) for one in (text, photo))
    requests: list[Any] = [window.offer(item) for item in (long, long, long, picture, picture, long)] + [
        window.close()
    ]

    assert [len(one.items) for one in requests if one is not None] == [2, 4]
