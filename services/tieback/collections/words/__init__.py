"""Full text: which sections have the words of a query, and how much of what was asked for.

sections.py    the words of many sections at once
words.py       which sections have a term, and how often: BM25 over the sections of a collection
closeness.py   where the words of a query stand in a text, how alike texts are, and words of the first hits
"""

from tieback.collections.words.closeness import QueryWords, Read, expanded, likeness, read
from tieback.collections.words.sections import AnalysedSections, analysed_sections
from tieback.collections.words.words import Analysed, Matches, QueryTerm, Words, analysed

__all__ = [
    "Analysed",
    "AnalysedSections",
    "Matches",
    "QueryTerm",
    "QueryWords",
    "Read",
    "Words",
    "analysed",
    "analysed_sections",
    "expanded",
    "likeness",
    "read",
]
