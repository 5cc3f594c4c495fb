"""The frame of every report."""

from __future__ import annotations

from tieback.reports import style
from tieback.reports.markdown import records, table
from tieback.reports.parts import facts, maps


def test_text_stands_out_on_every_colour_it_is_set_on() -> None:
    assert style.least_contrast() >= style.LEAST_CONTRAST
    for step in range(101):
        colour = style.shade(step / 100)
        assert style.contrast(style.ink_on(colour), colour) >= style.LEAST_CONTRAST


def test_the_scale_grows_lighter_step_by_step() -> None:
    against_black = [style.contrast(style.shade(step / 50), style.BLACK) for step in range(51)]

    assert against_black == sorted(against_black)
    assert style.shade(-1) == style.shade(0) == style.STEPS[0]
    assert style.shade(2) == style.STEPS[-1]


def test_maps_of_which_nothing_is_known_are_left_out() -> None:
    assert maps({"": "weights"}, ["photos"], ["words"], [[[None]]]) == ""
    assert maps({"": "weights"}, [], ["words"], [[]]) == ""
    assert "photos, words: 0.25" in maps({"": "weights"}, ["photos"], ["words"], [[[0.25]]])


def test_facts_are_nested_as_they_are_and_what_says_nothing_is_left_out() -> None:
    told = facts("Provenance", "As recorded.", {"seed": 0, "none": None, "options": {"<b>": [1, 0.25]}})

    assert "<td>seed</td><td>0</td>" in told
    assert "none" not in told
    assert "&lt;b&gt;: 1, 0.25" in told


def test_a_cell_of_a_table_stays_on_its_line_and_in_its_column() -> None:
    assert table(["a", "b"], [["one\ntwo", "x | y"], [None, 0]]) == (
        "| a | b |\n| --- | --- |\n| one two | x \\| y |\n|  | 0 |\n"
    )
    assert records([]) == "(nothing)\n"
