"""Questions with expected answers, asked of a collection: how often the file is found, and the answer right.

expected.py    questions, and the file that has them
judging.py     one answer held against what was expected of it
measures.py    what the judged answers of many questions come to, with intervals
"""

from tieback_client.evaluation.expected import Expected as Expected
from tieback_client.evaluation.expected import read_questions as read_questions
from tieback_client.evaluation.judging import Judged as Judged
from tieback_client.evaluation.judging import Outcome as Outcome
from tieback_client.evaluation.judging import is_right as is_right
from tieback_client.evaluation.judging import judged as judged
from tieback_client.evaluation.measures import Measure as Measure
from tieback_client.evaluation.measures import levels as levels
from tieback_client.evaluation.measures import measures as measures
