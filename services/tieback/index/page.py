"""A page of a listing: so many items, or fewer where they are large."""

from __future__ import annotations

from tieback.core.types.content import Content, Item
from tieback.index.metadata import scalars

_OVERHEAD = 16  # bytes of tags and lengths that a value or a section takes in a message, about


class Page:
    """Takes items until it is full; `more` says that one was refused. It takes at least one."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self.items: list[Item] = []
        self.more = False
        self._most, self._bytes_left = most, most_bytes

    def take(self, item: Item) -> bool:
        """Takes the item, or refuses it, and then every other."""
        size = _size(item)
        self.more = len(self.items) == self._most or (size > self._bytes_left and bool(self.items))
        if self.more:
            return False
        self.items.append(item)
        self._bytes_left -= size
        return True


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
