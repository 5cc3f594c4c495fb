"""Which vectors of a collection a search looks through, for the measurement of how far it has to look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tieback_contract.hits import ReadIn

from tieback.index.measured_recall import Searched
from tieback.index.memory import Memory


@contextmanager
def searched(memory: Memory, *, by_both: bool) -> Iterator[Sequence[Searched]]:
    """The kinds of vectors, under the collection's lock; that of new vectors is held meanwhile.

    A search `by_both` spaces of a collection on its way looks through its new vectors too, and through the
    old ones as long as some section has no other: as they are, or as a transform translates them.
    """
    following = memory.next
    if following is None or not by_both:
        yield [_of(memory, ReadIn.OLD)]
        return
    translated = following.by_translation
    are_read = following.is_read(memory.section_count)
    found = []
    if not are_read or following.count < memory.section_count:
        found.append(_of(memory, ReadIn.OLD) if translated is None else translated.searched(memory.living()))
    with following.made.lock.reading():
        if are_read:
            found.append(_of(following.made, ReadIn.NEW))
        yield found


def _of(memory: Memory, read_in: ReadIn) -> Searched:
    vectors = memory.vectors
    is_exact = vectors.exact and memory.regions.exact
    return Searched(read_in, vectors, memory.living(), is_exact, memory.nearest, vectors.take)
