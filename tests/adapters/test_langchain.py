"""LangChain's own types over a server."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from conftest import COLLECTION, QUESTION, SPACE, TEXTS
from langchain_core.documents import Document
from langchain_core.vectorstores import InMemoryVectorStore
from tieback_client import AsyncClient, Client, InvalidArgument
from tieback_client.adapters.langchain import TiebackCompressor, TiebackEmbeddings, TiebackRetriever, checker


def test_embeddings_are_the_servers_and_fill_a_vector_store(client: Client) -> None:
    own = TiebackEmbeddings(client, space=SPACE)

    expected = client.encode(TEXTS, space=SPACE).vectors
    assert np.array_equal(np.array(own.embed_documents(TEXTS), np.float32), expected)
    assert own.embed_documents([]) == []
    store = InMemoryVectorStore.from_texts(TEXTS, own)
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]


def test_a_text_that_is_too_long_fails_or_is_cut(client: Client) -> None:
    with pytest.raises(InvalidArgument):
        TiebackEmbeddings(client, space=SPACE).embed_query("long " * 2000)

    assert len(TiebackEmbeddings(client, space=SPACE, truncate=True).embed_query("long " * 2000)) == 384


def test_a_retriever_finds_with_a_filter(client: Client) -> None:
    (best,) = TiebackRetriever(client=client, collection=COLLECTION, limit=1).invoke(QUESTION)

    assert best.page_content == TEXTS[1]
    assert best.metadata["item_id"] == "1"
    filtered = TiebackRetriever(client=client, collection=COLLECTION, options={"filter": "year = 2002"})
    assert [one.page_content for one in filtered.invoke(QUESTION)] == [TEXTS[2]]


def test_a_retriever_is_awaited_with_and_without_the_asynchronous_client(client: Client) -> None:
    async def ask() -> list[Document]:
        async with AsyncClient(client.server) as other:
            own = TiebackRetriever(client=client, collection=COLLECTION, limit=1, async_client=other)
            return await own.ainvoke(QUESTION)

    assert asyncio.run(ask())[0].page_content == TEXTS[1]
    without = TiebackRetriever(client=client, collection=COLLECTION, limit=1)
    assert asyncio.run(without.ainvoke(QUESTION))[0].page_content == TEXTS[1]


def test_a_compressor_orders_and_keeps_the_best(client: Client) -> None:
    documents = [Document(page_content=text, metadata={"place": place}) for place, text in enumerate(TEXTS)]
    first, second = TiebackCompressor(client=client, limit=2).compress_documents(documents, QUESTION)

    assert first.metadata["place"] == 1
    assert first.metadata["score"] > second.metadata["score"]


def test_a_checker_is_a_step_of_a_chain(client: Client) -> None:
    documents = [Document(page_content=TEXTS[1])]

    assert checker(client).invoke({"text": TEXTS[1], "documents": documents}).supported
