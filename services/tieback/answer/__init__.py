"""The pipeline: encode, fuse, index or search, rerank, generate."""

from tieback.answer.answerer import Answerer, PipelineParts
from tieback.answer.spaces.collections import JointPipeline, RetiredSpaces, default_of
from tieback.answer.spaces.encoding import JointInputs
from tieback.answer.spaces.single_space import SingleSpace

__all__ = [
    "Answerer",
    "JointInputs",
    "JointPipeline",
    "PipelineParts",
    "RetiredSpaces",
    "SingleSpace",
    "default_of",
]
