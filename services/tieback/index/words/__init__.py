"""Full text: which sections have the words of a query, and how much of what was asked for.

analysis.py    a text becomes terms: scripts, case, accents, endings by language, function words
index/words/words.py    which sections have a term, and how often
sections.py    the words of many sections at once
words.py       BM25 over the sections of a collection
index/words/closeness.py   a query with words of the sections that it found first
closeness.py   where the words of a query stand in a text, and how alike texts are
"""

from tieback.index.words.closeness import QueryWords, Read, expanded, likeness, read
from tieback.index.words.sections import AnalysedSections, analysed_sections
from tieback.index.words.words import Analysed, Matches, QueryTerm, Words, analysed

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
