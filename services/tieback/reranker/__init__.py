"""The reranker: orders candidates by a closer look, token by token, and shows why."""

from tieback.reranker.reranker import Reranker

__all__ = ["Reranker"]
