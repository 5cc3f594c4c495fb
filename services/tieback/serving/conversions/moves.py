"""Collections between two spaces: vectors of items there, second vectors of queries, mixtures of answers."""

from __future__ import annotations

from tieback_contract.hits import Mixture

from tieback.core.types.collection import FollowingVectors
from tieback.serving.conversions.codec import reading, writing
from tieback.v1 import answer_pb2, index_pb2

read_following = reading(FollowingVectors, index_pb2.FollowingVectors)
write_following = writing(FollowingVectors, index_pb2.FollowingVectors)
read_mixture, write_mixture = reading(Mixture, answer_pb2.Mixture), writing(Mixture, answer_pb2.Mixture)
