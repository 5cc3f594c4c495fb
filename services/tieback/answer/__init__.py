"""The pipeline: encode, fuse, index or search, rerank, generate."""

from tieback.answer.answerer import Answerer

__all__ = ["Answerer"]
