"""The options of a query, as requests, collections and plans have them."""

from __future__ import annotations

from tieback_contract.query import QueryOptions

from tieback.serving.conversions.codec import reading, writing
from tieback.v1 import query_pb2

read_query_options = reading(QueryOptions, query_pb2.QueryOptions)
write_query_options = writing(QueryOptions, query_pb2.QueryOptions)
