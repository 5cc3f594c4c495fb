"""The tools: what each takes, what it returns, and the call of the platform that it stands for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from tieback_client import AsyncClient, InvalidArgument, Item

from tieback.doors.caller import time_of
from tieback.doors.mcp import results

SECONDS = 60.0
ANSWER_SECONDS = 300.0
FETCHED_BYTES = 64 * 1024
"""Bytes of text of one result of `fetch`, unless one section has more."""
COLLECTIONS = 200

Collection = Field(description="The name of a collection; the tool `collections` lists them.")
Filter = Field(
    "",
    description='Leaves out what does not match, for instance: year >= 2020 AND author = "Weber".',
)


class Arguments(BaseModel):
    """What a tool takes. Other fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoArguments(Arguments):
    """Nothing."""


class Search(Arguments):
    """What `search` takes."""

    collection: str = Collection
    query: str = Field(description="A question, or words.")
    limit: int = Field(5, ge=1, le=50, description="Passages to return at most.")
    filter: str = Filter


class Fetch(Arguments):
    """What `fetch` takes."""

    collection: str = Collection
    item_id: str = Field(description="The item_id of a passage.")
    first_section: int = Field(0, ge=0, description="Where to begin, in a long document.")


class CheckClaims(Arguments):
    """What `check_claims` takes."""

    text: str = Field(description="The text whose statements are checked.")
    collection: str = Field("", description="Where to find passages; or give `passages`.")
    passages: list[str] = Field(
        [], max_length=64, description="The passages to check against, in place of a collection."
    )
    question: str = Field("", description="The question that the text answers, if it answers one.")


class Ask(Arguments):
    """What `answer` takes."""

    collection: str = Collection
    question: str = Field(description="The question, in one sentence.")
    filter: str = Filter


class Write(Arguments):
    """What `write` takes."""

    collection: str = Collection
    item_id: str = Field(description="Names the document; one of this name is replaced.")
    text: str = Field(description="The document's text.")
    title: str = ""
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool."""

    name: str
    title: str
    description: str
    takes: type[Arguments]
    gives: type[BaseModel] | None
    """The form of what it returns; None for a checked text."""
    run: Callable[[AsyncClient, Any], Awaitable[BaseModel | dict[str, Any]]]
    writes: bool = False
    fields: tuple[tuple[str, str], ...] = ()
    """The names of its arguments, by the beginnings of their paths in calls of the platform."""


async def _collections(client: AsyncClient, _: NoArguments) -> BaseModel:
    found = []
    async for one in client.collections(timeout=time_of(SECONDS)):
        found.append(results.CollectionEntry(name=one.name, items=one.item_count, sections=one.section_count))
        if len(found) == COLLECTIONS:
            break
    return results.Collections(collections=found)


async def _search(client: AsyncClient, asked: Search) -> BaseModel:
    found = await client.retrieve(
        asked.collection, asked.query, limit=asked.limit, filter=asked.filter, timeout=time_of(SECONDS)
    )
    return results.Found(passages=results.passages_of(found.hits))


async def _fetch(client: AsyncClient, asked: Fetch) -> BaseModel:
    item = await client.get(asked.collection, asked.item_id, timeout=time_of(SECONDS))
    found: Any = item.sections
    sections = list(found) if isinstance(found, list | tuple) else [found]
    if asked.first_section >= max(1, len(sections)):
        raise InvalidArgument.at("first_section", f"the document has {len(sections)} sections, from 0")
    kept: list[results.FetchedSection] = []
    size = 0
    for one in sections[asked.first_section :]:
        text = _text_of(one)
        size += len(text.encode())
        if kept and size > FETCHED_BYTES:
            break
        modality = str(one.modality.value) if one.modality is not None else "text"
        kept.append(results.FetchedSection(id=one.id, title=one.title, modality=modality, text=text))
    next_ = asked.first_section + len(kept)
    uri = next((one.uri for one in sections if one.uri), "")
    return results.Fetched(
        item_id=item.id,
        title=item.title,
        uri=uri,
        metadata=results.metadata_of(item.metadata),
        sections=kept,
        left_out=len(sections) - len(kept),
        next_section=next_ if next_ < len(sections) else None,
    )


def _text_of(section: Any) -> str:
    content = section.content
    text = content if isinstance(content, str) else getattr(content, "text", "")
    return str(text or section.search_text)


async def _check_claims(client: AsyncClient, asked: CheckClaims) -> dict[str, Any]:
    checked = await client.check(
        asked.text,
        asked.passages,
        collection=asked.collection,
        question=asked.question,
        timeout=time_of(SECONDS),
    )
    return results.checked(checked)


async def _answer(client: AsyncClient, asked: Ask) -> BaseModel:
    stream = client.answer(
        asked.collection, asked.question, filter=asked.filter, timeout=time_of(ANSWER_SECONDS)
    )
    async with stream:
        return results.answered(await stream.collect())


async def _write(client: AsyncClient, asked: Write) -> BaseModel:
    item = Item.from_text(asked.item_id, asked.text, title=asked.title, uri=asked.uri)
    report = await client.ingest(asked.collection, [item], timeout=time_of(SECONDS)).collect()
    return results.Written(item_id=asked.item_id, sections_added=report.added_sections)


TOOLS = (
    Tool(
        "collections",
        "List collections",
        "Lists the collections of documents that can be searched.",
        NoArguments,
        results.Collections,
        _collections,
    ),
    Tool(
        "search",
        "Search passages",
        "Finds the passages of a collection that bear on a question, best first.",
        Search,
        results.Found,
        _search,
        fields=(("query", "query"), ("retrieval.query", "query")),
    ),
    Tool(
        "fetch",
        "Read a document",
        "Returns the text of a document, section by section, by the item_id of a passage.",
        Fetch,
        results.Fetched,
        _fetch,
        fields=(("id", "item_id"),),
    ),
    Tool(
        "check_claims",
        "Check claims",
        "Checks each statement of a text against passages: supported, contradicted or unsupported, with what "
        "it rests on.",
        CheckClaims,
        None,
        _check_claims,
        fields=(("evidence", "passages"), ("checks[0].text", "text"), ("checks[0].question", "question")),
    ),
    Tool(
        "answer",
        "Answer from a collection",
        "Answers a question from the passages of a collection, with citations and a verdict for each claim "
        "that was written, or shows the passages that may answer it, or says that they do not.",
        Ask,
        results.Answered,
        _answer,
        fields=(
            ("retrieval.query", "question"),
            ("query", "question"),
            ("retrieval.collection", "collection"),
        ),
    ),
    Tool(
        "write",
        "Write a document",
        "Stores a text in a collection, which is made where it is missing; a document of its id is replaced.",
        Write,
        results.Written,
        _write,
        writes=True,
        fields=(("items[0].id", "item_id"), ("items", "text")),
    ),
)
