"""The options of a query, as requests, collections and plans have them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tieback_contract.field_path import FieldPath
from tieback_contract.query import OPTIONS, QueryOptions

from tieback.core.errors import InvalidInput
from tieback.serving.conversions.codec import reading, writing
from tieback.v1 import query_pb2

read_query_options = reading(QueryOptions, query_pb2.QueryOptions)
write_query_options = writing(QueryOptions, query_pb2.QueryOptions)

_NAMES = frozenset(one.name for one in OPTIONS)


def check_of_search(options: QueryOptions, field: FieldPath) -> None:
    """InvalidInput for an option that a search does not take."""
    for one in OPTIONS:
        if not one.is_of_search and getattr(options, one.name) is not None:
            raise InvalidInput(
                f"{one.name} is taken by Retrieve and Answer, and not by Search", field=field[one.name]
            )


@contextmanager
def options_of_request() -> Iterator[None]:
    """Gives the refusal of an option its place among the request's options."""
    try:
        yield
    except InvalidInput as error:
        steps = error.field.steps
        begin = 1 if steps[:1] == ("retrieval",) else 0
        if len(steps) > begin and steps[begin] in _NAMES:
            raise error.about(FieldPath((*steps[:begin], "options", *steps[begin:]))) from None
        raise
