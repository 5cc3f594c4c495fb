"""Full text: which sections have the words of a query, and how much of what was asked for.

analysis.py    a text becomes terms: scripts, case, accents, endings by language, function words
postings.py    which sections have a term, and how often
words.py       BM25 over the sections of a collection
"""

from tieback.index.words.words import Analysed, Words, analysed

__all__ = ["Analysed", "Words", "analysed"]
