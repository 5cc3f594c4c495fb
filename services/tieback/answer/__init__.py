"""The pipeline: encode, fuse, index or search, rerank, generate."""

from tieback.answer.answerer import Answerer
from tieback.answer.hearing import JoinedSpace

__all__ = ["Answerer", "JoinedSpace"]
