"""LlamaIndex's own types over a server."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from conftest import COLLECTION, QUESTION, SPACE, TEXTS
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from tieback_client import Client, InvalidArgument
from tieback_client.adapters.llama_index import TiebackEmbedding, TiebackReranker, TiebackRetriever


def test_embeddings_are_the_servers(client: Client) -> None:
    own = TiebackEmbedding(client, space=SPACE)

    expected = client.encode(TEXTS, space=SPACE).vectors
    assert np.array_equal(np.array(own.get_text_embedding_batch(TEXTS), np.float32), expected)
    assert np.array_equal(np.array(own.get_query_embedding(TEXTS[0]), np.float32), expected[0])
    assert np.array_equal(np.array(asyncio.run(own.aget_query_embedding(TEXTS[0])), np.float32), expected[0])


def test_a_retriever_finds_with_a_filter(client: Client) -> None:
    (best,) = TiebackRetriever(client, COLLECTION, limit=1).retrieve(QUESTION)

    assert best.node.get_content() == TEXTS[1]
    assert best.node.metadata["item_id"] == "1"
    filtered = TiebackRetriever(client, COLLECTION, filter="year = 2002")
    assert [one.node.get_content() for one in asyncio.run(filtered.aretrieve(QUESTION))] == [TEXTS[2]]


def test_a_reranker_orders_and_keeps_the_best(client: Client) -> None:
    nodes = [NodeWithScore(node=TextNode(text=text), score=0.0) for text in TEXTS]
    kept = TiebackReranker(client, limit=2).postprocess_nodes(nodes, QueryBundle(QUESTION))

    assert kept[0].node.get_content() == TEXTS[1]
    assert len(kept) == 2
    empty = [*nodes, NodeWithScore(node=TextNode(text=" "), score=0.0)]
    with pytest.raises(InvalidArgument, match="the text is empty"):
        TiebackReranker(client).postprocess_nodes(empty, QueryBundle(QUESTION))
