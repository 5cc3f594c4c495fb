"""Snapshots of collections."""

from __future__ import annotations

from tieback_contract.collections import Snapshot

from tieback.serving.conversions.codec import reading, writing
from tieback.v1 import index_pb2

read_snapshot, write_snapshot = reading(Snapshot, index_pb2.Snapshot), writing(Snapshot, index_pb2.Snapshot)
