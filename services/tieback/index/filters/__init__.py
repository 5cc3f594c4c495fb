"""The filter language of searches and listings, a subset of AIP-160 (https://google.aip.dev/160).

    modality = "image" AND year >= 1990
    NOT (author : "curie" OR reviewed = true)
    -item_id = "draft" AND metadata.title != "untitled"
    year : *                                            (the item has a year)

Fields are item_id, section_id, section_title, modality, title, and the keys of the item's metadata; a key of
one of those names, or with other characters than letters, digits, `_`, `-` and `.`, is written
`metadata.title` or `metadata."my key"`. A comparison with a field that the item does not have is false,
`!=` too; so is an order comparison of a number with a string. `:` finds a part of a string, whatever its
case. Where AND and OR meet, parentheses are required: AIP-160 and SQL differ in which binds tighter, and a
filter that means something else than its writer thought is worse than one that is refused.
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
