"""Features of a question and a sentence that may answer it: what a network finds, and exact ones of words.

The report of the recipe `question_reading` has what each is worth on domains that are left out.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.language import Sentence as Words

FEATURES = ("reading", "coverage", "not named")


def features_of(question: Words, text: Words, logit: float, *, is_named: bool) -> Array:
    """The features `[3]` of a sentence in its context, in the order of `FEATURES`.

    The `logit` of the network, the share of the question's content words and numbers that the text has, and 1
    where the passages have not all that the question names.
    """
    wanted, found = {*question.stems, *question.numbers}, {*text.all_stems, *text.numbers}
    coverage = len(wanted & found) / max(len(wanted), 1)
    return np.array([logit, coverage, float(not is_named)])
