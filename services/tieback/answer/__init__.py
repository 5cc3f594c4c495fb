"""The pipeline: encode, fuse, index or search, rerank, generate."""

from tieback.answer.answerer import Answerer
from tieback.answer.collection_spaces import JoinedSpace, RetiredSpaces, default_of
from tieback.answer.encoding import Joined
from tieback.answer.single_space import SingleSpace

__all__ = ["Answerer", "Joined", "JoinedSpace", "RetiredSpaces", "SingleSpace", "default_of"]
