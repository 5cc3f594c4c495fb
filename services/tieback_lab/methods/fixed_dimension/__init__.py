"""Fixed-dimension encodings: the rows of a text become one vector, and late interaction an inner product.

The inner product of a query's vector and of a document's approximates the sum, over the rows of the query, of
the largest similarity to a row of the document. So multi-vectors are searched as single vectors are, and what
is found is compared exactly afterwards.
"""

from __future__ import annotations

from typing import Protocol

from tieback.core.family import Family, Form
from tieback_contract.arrays import Array


class FixedDimension(Protocol):
    """Encodes the rows of a document."""

    def __call__(self, rows: Array) -> Array:
        """The vector of a document, float32 `[dimensions]`, of its rows `[n, width]`, 1 or more, of length 1.

        As many dimensions for any number of rows, by the parameters alone. The same rows always give the same
        vector, and nothing is learned of data.
        """
        ...


class QueryEncoding(Protocol):
    """Encodes the rows of a query."""

    def __call__(self, rows: Array) -> Array:
        """The vector of a query, float32 `[dimensions]`, of its rows `[n, width]`, 1 or more, of length 1."""
        ...


QUERY: Form[QueryEncoding] = Form("query", QueryEncoding)

fixed_dimensions: Family[FixedDimension] = Family(__name__, FixedDimension, QUERY)
