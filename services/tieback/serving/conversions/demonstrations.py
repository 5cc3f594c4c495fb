"""Demonstrations, and what is told of kept ones."""

from __future__ import annotations

from tieback_contract.demonstrations import Demonstration, StoredDemonstration

from tieback.serving.conversions.codec import reading, writing
from tieback.v1 import demonstration_pb2

demonstration_of = reading(Demonstration, demonstration_pb2.Demonstration)
stored_message = writing(StoredDemonstration, demonstration_pb2.StoredDemonstration)
