"""Rows find by their content what is kept of them."""

import numpy as np
from tieback.index.vectors.learned_state import Fingerprints


def test_equal_rows_are_given_each_once() -> None:
    known = Fingerprints(np.array([5, 9, 0, 5, 7], np.int64))

    assert sorted(known.claimed(np.array([5, 0, 5, 5, 9], np.int64)).tolist()) == [-1, -1, 0, 1, 3]
    assert known.claimed(np.array([5, 7], np.int64)).tolist() == [-1, 4]
