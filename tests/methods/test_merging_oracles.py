"""Merging agrees with fusion-bench and mergekit: with what they gave, and give where installed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from support.merging_oracles import DENSITY, FILE, T, flat, found, parents
from tieback.methods.merging import merge

GIVEN = json.loads(FILE.read_text())


def ours() -> dict[str, Any]:
    base, experts = parents()
    size = len(flat(base))
    kept = (int(DENSITY * size) + 1) / size  # fusion-bench keeps one value more than the share says
    return {
        "ties": flat(dict(merge("ties", base, experts, {"density": kept, "scale": 1.0}))),
        "slerp": flat(dict(merge("slerp", base, experts[:2], {"t": T}))),
    }


@pytest.mark.parametrize("method", ["slerp", "ties"])
def test_a_method_gives_what_another_library_gave(method: str) -> None:
    np.testing.assert_allclose(np.array(ours()[method]), np.array(GIVEN[method]), atol=1e-6)


def test_the_other_libraries_still_give_what_they_gave() -> None:
    pytest.importorskip("fusion_bench")
    pytest.importorskip("mergekit")

    assert found() == pytest.approx(GIVEN)
