"""The collections in Milvus: two for the catalog, and three for each collection of tieback.

    tieback_catalog        what collections there are, their sources, and the key of page tokens
    tieback_making         the turns of processes that make collections (`turns.py`)
    tieback_ID_sections    a row for each section (`rows.py`)
    tieback_ID_numbers     the numbers of the collection (`numbers.py`)
    tieback_ID_terms       how many sections have each term, the same for terms alone: they are many

ID is NAME with a part by chance, so that a collection that is made again is another one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from tieback.milvus.connection import Milvus, MissingCollection
from tieback.milvus.rows import LONGEST_KEY, MOST_BYTES

CATALOG, MAKING = "tieback_catalog", "tieback_making"
NO_VECTOR = (0.0, 0.0)
"""The vector of rows that have none: Milvus wants one in every collection."""

_NAME_BYTES = 1100


def sections_of(identity: str) -> str:
    """The name in Milvus of a collection's sections."""
    return f"tieback_{identity}_sections"


def numbers_of(identity: str) -> str:
    """The name in Milvus of a collection's numbers."""
    return f"tieback_{identity}_numbers"


def terms_of(identity: str) -> str:
    """The name in Milvus of the numbers of a collection's terms."""
    return f"tieback_{identity}_terms"


def make_catalog(milvus: Milvus) -> None:
    """Makes the catalog, unless it is there."""
    schema = _schema()
    _text(schema, "pk", LONGEST_KEY, is_primary=True)
    _text(schema, "kind", 16)
    schema.add_field("body", _type("JSON"))
    _make_plain(milvus, CATALOG, schema)


def make_numbers(milvus: Milvus, identity: str) -> None:
    """Makes the two collections of a collection's numbers."""
    for made in (numbers_of(identity), terms_of(identity)):
        _make_numbers(milvus, made)


def make_making(milvus: Milvus) -> None:
    """Makes the collection of the turns at making others, unless it is there."""
    _make_numbers(milvus, MAKING)


def _make_numbers(milvus: Milvus, name: str) -> None:
    schema = _schema()
    _text(schema, "pk", LONGEST_KEY, is_primary=True)
    _text(schema, "kind", 16)
    _text(schema, "name", _NAME_BYTES)
    schema.add_field("number", _type("DOUBLE"))
    _make_plain(milvus, name, schema)


def make_sections(milvus: Milvus, identity: str, width: int) -> None:
    """Makes the collection of a collection's sections, with vectors of this width."""
    schema = _schema()
    _text(schema, "pk", LONGEST_KEY, is_primary=True)
    _text(schema, "item", LONGEST_KEY)
    schema.add_field("ordinal", _type("INT64"))
    _text(schema, "modality", 16)
    schema.add_field("bucket", _type("INT64"))
    schema.add_field("short_text", _type("INT64"))
    schema.add_field("length", _type("FLOAT"))
    _text(schema, "language", 32)
    schema.add_field("vector", _type("FLOAT_VECTOR"), dim=width)
    schema.add_field("words", _type("SPARSE_FLOAT_VECTOR"))
    schema.add_field("facts", _type("JSON"))
    _text(schema, "text", MOST_BYTES)
    _text(schema, "content", MOST_BYTES)
    schema.add_field("body", _type("JSON"))
    indexes = _indexes()
    indexes.add_index("vector", index_type="AUTOINDEX", metric_type="IP")
    indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
    for name in ("item", "ordinal", "bucket"):
        indexes.add_index(name, index_type="INVERTED")
    _make(milvus, sections_of(identity), schema, indexes)


def drop(milvus: Milvus, identity: str) -> None:
    """Removes those of a collection; none of them has to be there."""
    for name in (sections_of(identity), numbers_of(identity), terms_of(identity)):
        with suppress(MissingCollection):
            milvus.call("drop_collection", name)


def _schema() -> Any:
    from pymilvus import MilvusClient

    return MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)


def _indexes() -> Any:
    from pymilvus import MilvusClient

    return MilvusClient.prepare_index_params()


def _type(name: str) -> Any:
    from pymilvus import DataType

    return getattr(DataType, name)


def _text(schema: Any, name: str, size: int, **more: Any) -> None:
    schema.add_field(name, _type("VARCHAR"), max_length=size, **more)


def _make_plain(milvus: Milvus, name: str, schema: Any) -> None:
    schema.add_field("vector", _type("FLOAT_VECTOR"), dim=len(NO_VECTOR))
    indexes = _indexes()
    indexes.add_index("vector", index_type="FLAT", metric_type="IP")
    indexes.add_index("kind", index_type="INVERTED")
    _make(milvus, name, schema, indexes)


def _make(milvus: Milvus, name: str, schema: Any, indexes: Any) -> None:
    # What was acknowledged is seen by the next search, from whichever process.
    milvus.call("create_collection", name, schema=schema, consistency_level="Strong")
    milvus.call("create_index", name, indexes, sync=False)  # there is nothing yet to wait for
    milvus.call("load_collection", name)
