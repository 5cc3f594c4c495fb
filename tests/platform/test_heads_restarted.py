"""Heads after a restart: kept, and refused where their model or their files changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.changing_models import Place
from tieback_client import FailedPrecondition, SpaceMismatch


def test_heads_are_kept_over_a_restart_and_one_whose_model_changed_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path)
    examples = {"bird": ["owl", "wren", "owl wren"], "time": ["night", "day", "night day"]}
    with place.served() as (_, client):
        head = client.fit_head("words", examples, space="words").result(timeout=60)
        before = client.predict("words", ["owl owl wren", "night"])
    with place.served() as (_, client):
        assert client.head("words") == head
        assert [one.labels for one in client.predict("words", ["owl owl wren", "night"])] == [
            one.labels for one in before
        ]
    place.change()

    with place.served() as (_, client):
        with pytest.raises(SpaceMismatch, match="fit the head again: tieback heads fit words") as refusal:
            client.predict("words", "owl")
        (stale,) = client.heads()
        again = client.fit_head("words", examples, space="words").result(timeout=60)

        assert refusal.value.field == "head"
        assert "words@" in stale.stale
        assert (again.version, again.stale) == (2, "")
        assert client.predict("words", "owl")[0].label == "bird"
        with pytest.raises(SpaceMismatch):
            client.predict("words", "owl", version=1)


def test_a_head_whose_files_are_damaged_is_refused_with_what_to_do(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.served() as (_, client):
        head = client.fit_head("words", {"bird": ["owl", "wren"], "time": ["night", "day"]}).result(
            timeout=60
        )
    path = tmp_path / "store/heads/_/words" / head.artifact / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")

    with place.served() as (_, client), pytest.raises(FailedPrecondition, match="fit it again") as refusal:
        client.predict("words", "owl")

    assert refusal.value.reason == "HEAD_DAMAGED"
