"""The pipeline: encode, fuse, index or search, rerank, generate."""

from tieback.answer.answerer import Answerer
from tieback.answer.encoding import Joined

__all__ = ["Answerer", "Joined"]
