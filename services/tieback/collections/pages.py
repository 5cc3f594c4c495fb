"""Pages of listings: how many items one has."""

from __future__ import annotations

from tieback.collections.metadata import scalars
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content, Item

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
    """Most items of a page, where `size` are asked for; 0 asks for the usual number."""
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
