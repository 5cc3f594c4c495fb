"""The filter language of searches and listings, a subset of AIP-160 (https://google.aip.dev/160).

docs/search.md says what it means to a user, with examples that tests run.

    syntax.py        text to tree and back
    fields.py        refuses fields that are not there, and comparisons of different types
    index/filters/evaluation.py     evaluates a comparison for one value
    evaluation.py    a mask over the rows

Where AND and OR meet, parentheses are required: AIP-160 and SQL differ in which binds tighter, and a filter
that means something else than its writer thought is worse than one that is refused.
"""

from tieback.index.filters.evaluation import Check, Scans, evaluate, scan
from tieback.index.filters.syntax import BUILT_IN, And, Comparison, Field, Filter, Not, Or, parse

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
