"""Page tokens: where a listing goes on, signed together with the request they were issued for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content, Item
from tieback.index.store.metadata import scalars

_SIGNATURE = 16  # bytes of HMAC-SHA256 kept; what a forger would have to guess
_LONGEST = 4096


class PageTokens:
    """Issues and reads tokens under the store's own key: they outlive a restart, and none can be made up."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, last: str, *scope: str) -> str:
        """The token of the page that begins after `last`, for a request of that scope."""
        payload = last.encode()
        return base64.urlsafe_b64encode(self._sign(payload, scope) + payload).decode().rstrip("=")

    def read(self, token: str, *scope: str) -> str:
        """What the last page ended with; InvalidInput where the token was not issued for this scope."""
        try:
            if len(token) > _LONGEST:
                raise ValueError
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            signature, payload = raw[:_SIGNATURE], raw[_SIGNATURE:]
            if not hmac.compare_digest(signature, self._sign(payload, scope)):
                raise ValueError
            return payload.decode()
        except (ValueError, binascii.Error):
            raise InvalidInput(
                "this page token was not issued for this request; collection and filter must be those of the "
                "first page, and the token that of the page before (leave it empty to begin again)",
                field="page_token",
            ) from None

    def _sign(self, payload: bytes, scope: tuple[str, ...]) -> bytes:
        message = hashlib.sha256()
        # With its length before each part, ("a", "bc") and ("ab", "c") do not sign the same bytes.
        for part in (*(s.encode() for s in scope), payload):
            message.update(len(part).to_bytes(8, "big") + part)
        return hmac.digest(self._key, message.digest(), "sha256")[:_SIGNATURE]


_ITEMS, _MOST_ITEMS = 100, 1000
_BYTES = 3 * 1024 * 1024  # gRPC clients take messages of 4 MiB unless they are told otherwise
_OVERHEAD = 16  # bytes of tags and lengths that a value or a section takes in a message, about


class IndexPage:
    """Takes items until it is full; `more` says that one was refused. It takes at least one."""

    def __init__(self, most: int) -> None:
        self.items: list[Item] = []
        self.more = False
        self._most, self._bytes_left = most, _BYTES

    def take(self, item: Item) -> bool:
        """Takes the item, or refuses it, and then every other."""
        size = _size(item)
        self.more = len(self.items) == self._most or (size > self._bytes_left and bool(self.items))
        if self.more:
            return False
        self.items.append(item)
        self._bytes_left -= size
        return True


def size_of_page(size: int) -> int:
    """How many items a page has at most, where `size` are asked for; 0 asks for the usual number."""
    if not 0 <= size <= _MOST_ITEMS:
        raise InvalidInput(
            f"the page size is {size}; it must be between 1 and {_MOST_ITEMS}, or 0 for {_ITEMS}",
            field="page_size",
        )
    return size or _ITEMS


def _size(item: Item) -> int:
    """Bytes of the item in a message, about."""
    texts = [item.id, item.title]
    for key, value in item.metadata.items():
        texts += [key, *(one if isinstance(one, str) else "" for one in scalars(value))]
    for section in item.sections:
        texts += [section.id, section.title, section.uri]
        if isinstance(section.content, Content) and isinstance(section.content.data, str):
            texts.append(section.content.data)
    return sum(_OVERHEAD + (len(text) if text.isascii() else len(text.encode())) for text in texts)
