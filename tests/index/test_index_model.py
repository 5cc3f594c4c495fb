"""The index against a dictionary: whatever is written, removed, listed and restarted, they agree."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.requests import searched
from support.sections import SPACE, WIDTH, item, section, vector
from tieback.collections.record import Record
from tieback.collections.validation import check_items
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Item
from tieback.index import Index
from tieback.index.writer import Written
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

T = TypeVar("T")

NAMES = st.sampled_from([f"i{n}" for n in range(8)])
WORDS = ["apple", "berry", "cherry", "date"]
coordinates = st.tuples(*[st.integers(-3, 3)] * WIDTH)
sections = st.builds(
    lambda values, words, parts: section(
        values, " ".join(words), modality=Modality.TEXT if parts is None else Modality.IMAGE, regions=parts
    ),
    coordinates,
    st.lists(st.sampled_from(WORDS), max_size=3),
    st.none() | st.lists(coordinates, max_size=3),
)
items = st.builds(
    lambda name, parts, colour: item(name, *parts, **({"colour": colour} if colour else {})),
    NAMES,
    st.lists(sections, min_size=1, max_size=3),
    st.sampled_from(["", "red", "blue"]),
)
FILTERS: dict[str, Callable[[IndexedItem, IndexedSection], bool]] = {
    "": lambda written, known: True,
    "colour = red": lambda written, known: written.item.metadata.get("colour") == "red",
    "colour != red": lambda written, known: written.item.metadata.get("colour") == "blue",
    "NOT colour : e": lambda written, known: "colour" not in written.item.metadata,
    'modality = "image" OR item_id < "i3"': lambda written, known: (
        known.modality is Modality.IMAGE or written.item.id < "i3"
    ),
}
filters = st.sampled_from(list(FILTERS))


def score(query: Sequence[int], known: IndexedSection) -> float:
    """What a section scores: the mean of its whole's and its best part's products, or its whole's."""
    whole = float(np.dot(query, known.vector.values))
    return whole if known.regions is None else (whole + float((known.regions.values @ query).max())) / 2


def records_of(batch: list[IndexedItem]) -> list[Record]:
    return [one for one in check_items(batch, SPACE, WIDTH, Limits()) if isinstance(one, Record)]


class PortMachine(RuleBasedStateMachine):
    """What every store of an index does."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.model: dict[str, IndexedItem] = {}

    def opened(self) -> Index:
        """Opens the store, or opens it again."""
        raise NotImplementedError

    def kept(self, batch: list[IndexedItem]) -> list[IndexedItem]:
        """The items, with what the store keeps of them."""
        return batch

    @initialize()
    def start(self) -> None:
        self.index = self.opened()
        self.run(self.index.create_collection("docs", SPACE, WIDTH))

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    def passing(self, text: str) -> Iterator[tuple[IndexedItem, int, IndexedSection]]:
        """(item, ordinal, what is known of the section) for each section that passes."""
        for written in self.model.values():
            for ordinal, known in enumerate(written.sections):
                if FILTERS[text](written, known):
                    yield written, ordinal, known

    @rule(batch=st.lists(items, min_size=1, max_size=4))
    def upsert(self, batch: list[IndexedItem]) -> None:
        batch = self.kept(batch)
        reply = self.run(self.index.upsert("docs", batch))

        assert reply.results == [None] * len(batch)
        self.model |= {written.item.id: written for written in batch}

    @rule(names=st.lists(NAMES, min_size=1, max_size=4))
    def delete(self, names: list[str]) -> None:
        deleted = self.run(self.index.delete_items("docs", names))

        assert deleted == len(set(names) & set(self.model))
        for name in names:
            self.model.pop(name, None)

    def refuses(self, text: str) -> bool:
        """A filter on a field that no item has is refused, unless there is no item."""
        coloured = any("colour" in written.item.metadata for written in self.model.values())
        if "colour" not in text or coloured or not self.model:
            return False
        with pytest.raises(InvalidInput, match="has a field colour"):
            self.run(searched(self.index, "docs", text="word", filter=text))
        return True

    @precondition(lambda self: self.model)
    @rule()
    def restart(self) -> None:
        self.run(self.index.close())
        self.index = self.opened()

    @rule(query=coordinates, text=filters, limit=st.integers(1, 8))
    def search_by_vector(self, query: tuple[int, ...], text: str, limit: int) -> None:
        if self.refuses(text):
            return
        expected = [score(query, known) for _, _, known in self.passing(text)]

        hits = self.run(searched(self.index, "docs", vector=vector(*query), filter=text, limit=limit)).hits

        assert [hit.score for hit in hits] == pytest.approx(sorted(expected, reverse=True)[:limit])
        for hit in hits:
            known = self.model[hit.item_id].sections[int(hit.section_id) - 1]
            assert hit.score == pytest.approx(score(query, known))
            assert (hit.region is None) == (known.regions is None)

    @rule(word=st.sampled_from(WORDS), text=filters)
    def search_by_words(self, word: str, text: str) -> None:
        if self.refuses(text):
            return
        expected = {(w.item.id, n) for w, n, known in self.passing(text) if word in known.text}

        hits = self.run(searched(self.index, "docs", text=word.upper(), filter=text, limit=100)).hits

        assert {(hit.item_id, int(hit.section_id) - 1) for hit in hits} == expected
        assert len(hits) == len(expected)

    @rule(query=coordinates, word=st.sampled_from(WORDS), balance=st.booleans(), text=filters)
    def search_by_both(self, query: tuple[int, ...], word: str, balance: bool, text: str) -> None:
        if self.refuses(text):
            return
        expected = {(w.item.id, n) for w, n, _ in self.passing(text)}

        reply = self.run(
            searched(
                self.index,
                "docs",
                vector=vector(*query),
                text=word,
                balance_modalities=balance,
                filter=text,
                limit=100,
            )
        )

        assert {(hit.item_id, int(hit.section_id) - 1) for hit in reply.hits} == expected

    @rule(size=st.integers(1, 5), text=filters)
    def list_in_pages(self, size: int, text: str) -> None:
        if self.refuses(text):
            return
        listed: list[Item] = []
        token = ""
        while True:
            page, token = self.run(
                self.index.list_items("docs", page_size=size, page_token=token, filter=text)
            )
            listed += page
            if not token:
                break

        assert [kept.id for kept in listed] == sorted({w.item.id for w, _, _ in self.passing(text)})

    @rule(name=NAMES)
    def get(self, name: str) -> None:
        if name not in self.model:
            with pytest.raises(NotFound):
                self.run(self.index.get_item("docs", name))
            return
        kept = self.run(self.index.get_item("docs", name))
        assert dict(kept.metadata) == dict(self.model[name].item.metadata)
        assert [s.content for s in kept.sections] == [s.content for s in self.model[name].item.sections]

    @invariant()
    def counts_agree(self) -> None:
        collection = self.run(self.index.get_collection("docs"))
        assert collection.item_count == len(self.model)
        known = [section for written in self.model.values() for section in written.sections]
        assert collection.section_count == len(known)
        assert collection.vector_count == len(known) + sum(
            len(section.regions.values) for section in known if section.regions is not None
        )

    def teardown(self) -> None:
        self.run(self.index.close())
        self.runner.close()


class IndexMachine(PortMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())

    def opened(self) -> Index:
        return Index.open(self.folder)

    @rule(requests=st.lists(st.lists(items, min_size=1, max_size=2) | NAMES, min_size=2, max_size=5))
    def write_at_once(self, requests: list[list[IndexedItem] | str]) -> None:
        """Requests made at once are carried out in the order they were made, in one commit or several."""
        writer = self.index._owned.to_write("docs").writer

        async def all_at_once() -> list[Written]:
            calls = [
                writer.write(removals=[request])
                if isinstance(request, str)
                else writer.write(records_of(request))
                for request in requests
            ]
            return await asyncio.gather(*calls)

        for request, written in zip(requests, self.run(all_at_once()), strict=True):
            if isinstance(request, str):
                assert written.removed == (self.model.pop(request, None) is not None)
            else:
                self.model |= {written.item.id: written for written in request}

    @rule()
    def compact(self) -> None:
        opened = self.index._owned.to_write("docs")
        opened.writer._compact()
        assert not opened.memory.stale

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


IndexMachine.TestCase.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_the_index_agrees_with_a_dictionary = IndexMachine.TestCase
