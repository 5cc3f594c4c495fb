"""Runtimes: each is a file, and a card names one of its role."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.small_spaces import write_card
from tieback.catalog import runtimes
from tieback.catalog.runtimes import find_runtime
from tieback.core.errors import NotFound, StartupError
from tieback.core.extensions import entries

EVERY = sorted(entries(runtimes.__name__).items())
ROLES = ("encoder", "reranker", "checker", "classifier", "recogniser", "generator")


@pytest.mark.parametrize("name", [name for name, _ in EVERY])
def test_each_is_of_one_role_and_its_options_bear_its_name(name: str) -> None:
    (found,) = [one for role in ROLES if (one := of_role(name, role)) is not None]

    assert found.options.model_fields["runtime"].default == name
    assert not found.model or callable(found.load)
    assert bool(found.model) == (found.role in ("encoder", "recogniser"))


def test_a_runtime_of_another_role_or_of_an_extension_that_is_not_used_is_refused(tmp_path: Path) -> None:
    def named(runtime: str) -> None:
        write_card(tmp_path, "shop", runtime=runtime, modality="features", width=4, kinds=["dense"])

    with pytest.raises(StartupError, match=r"runtime: .*no runtime of encoders is named 'cross_encoder'"):
        named("cross_encoder")
    with pytest.raises(StartupError, match="it is in the extension 'lab': set TIEBACK_EXTENSIONS=lab"):
        named("feature_table")


def of_role(name: str, role: str) -> runtimes.Runtime | None:
    try:
        return find_runtime(name, role)
    except NotFound:
        return None
