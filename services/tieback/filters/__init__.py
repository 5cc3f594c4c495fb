"""The filter language of searches and listings, a subset of AIP-160 (https://google.aip.dev/160).

docs/search.md says what it means to a user, with examples that tests run.

    syntax.py        text to tree and back
    fields.py        refuses fields that are not there, and comparisons of different types
    columns.py       the values of one field, by row
    evaluation.py    a comparison for one value, and a mask over the rows

Where AND and OR meet, parentheses are required: AIP-160 and SQL differ in which binds tighter, and a filter
that means something else than its writer thought is worse than one that is refused.
"""

from tieback.filters.evaluation import Check, Scans, evaluate, scan
from tieback.filters.syntax import BUILT_IN, And, Comparison, Field, Filter, Not, Or, parse

__all__ = [
    "BUILT_IN",
    "And",
    "Check",
    "Comparison",
    "Field",
    "Filter",
    "Not",
    "Or",
    "Scans",
    "evaluate",
    "parse",
    "scan",
]
