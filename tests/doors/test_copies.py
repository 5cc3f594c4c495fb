"""Doors name the items that hold the text of a hit."""

from tieback.doors.http.chat import passages
from tieback.doors.mcp.results import passages_of
from tieback_client import Hit, Modality, RetrievedHit, SameText


def test_agents_and_clients_over_http_are_told_which_items_hold_a_text() -> None:
    others = [SameText("b/tolls.md", "Tolls", "1", "b/tolls.md")]
    hits = [
        RetrievedHit(Hit(name, "Tolls", "1", "", Modality.TEXT, "2.", "", {}, 1.0, also_in=also), 1.0, 0)
        for name, also in (("a/tolls.md", others), ("c.md", ()))
    ]

    assert [one.also_in for one in passages_of(hits)] == [["b/tolls.md"], []]
    assert [one["also_in"] for one in passages(hits)] == [["b/tolls.md"], []]
