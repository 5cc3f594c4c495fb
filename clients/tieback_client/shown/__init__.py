"""Text that people are told of answers, claims and levels, made once for every door.

`Answer.shown` and `Checked.shown` have it. The command line, the console, the HTTP door, the MCP door and the
SDK show this and decide nothing themselves.

    marks      the mark and the words of a verdict
    levels     how a quote is shown, by how sure it is that it answers
    titles     titles that are called alike
    passages   a passage with the cited sentences marked
    answers    an answer
    checked    a text that somebody else wrote
    shortfall  why too little of one is supported
    conflicts  passages that disagree
    disagreements  in what a claim and the passages disagree, and its marked words
    quotes     quotes without the marks of lists, tables and code
    excerpts   the part of a passage that is shown
    upgrade_plans  what an upgrade is worth, and what to type next
    durations  times
"""

from tieback_client.shown.answers import ShownAnswer, ShownAs, ShownClaim, ShownPart, ShownRepair
from tieback_client.shown.checked import ShownChecked, ShownCheckedClaim
from tieback_client.shown.disagreements import ShownConflict
from tieback_client.shown.excerpts import Run
from tieback_client.shown.marks import LEVELS, MARKS, Level, Mark
from tieback_client.shown.passages import ShownPassage

__all__ = [
    "LEVELS",
    "MARKS",
    "Level",
    "Mark",
    "Run",
    "ShownAnswer",
    "ShownAs",
    "ShownChecked",
    "ShownCheckedClaim",
    "ShownClaim",
    "ShownConflict",
    "ShownPart",
    "ShownPassage",
    "ShownRepair",
]
