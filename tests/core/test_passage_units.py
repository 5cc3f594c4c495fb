"""The parts of a passage: what is cited, and how it is read alone."""

from __future__ import annotations

import pytest
from support.each import each
from tieback.core.text.passage_units import units

RELEASE = """The release profile is for releases.

The default settings for the release profile are:

```toml
[profile.release]
opt-level = 3
```

Build with `--release` to use it."""


def cited(text: str, title: str = "") -> list[str]:
    return [text[slice(*one.span)] for one in units(text, title)]


def read(text: str, title: str = "") -> list[str]:
    return [one.read for one in units(text, title)]


def test_short_code_is_one_part_with_the_sentence_that_leads_to_it() -> None:
    assert cited(RELEASE) == [
        "The release profile is for releases.",
        "The default settings for the release profile are:\n\n```toml\n[profile.release]\nopt-level = 3\n```",
        "Build with `--release` to use it.",
    ]
    assert read(RELEASE, "release")[1] == (
        "release: The default settings for the release profile are: [profile.release] opt-level = 3"
    )


def test_a_yes_or_no_is_one_part_with_the_sentence_behind_it() -> None:
    assert cited("No.  It beeps. It is loud.") == ["No.  It beeps.", "It is loud."]
    assert cited("Yes.\n\nIt beeps.") == ["Yes.", "It beeps."]
    assert cited("Nobody did.  It beeps.") == ["Nobody did.", "It beeps."]


def test_what_stands_under_a_question_is_read_with_it() -> None:
    assert read("It beeps.", "Kettles › Does it whistle?") == ["Does it whistle? It beeps."]
    assert read("It beeps.", "Kettles › Sounds") == ["It beeps."]


@pytest.mark.parametrize("directive", ["code:: sh", "code-block:: console", "sourcecode:: sh"])
def test_code_of_restructured_text_is_one_part_with_the_sentence_that_leads_to_it(directive: str) -> None:
    text = f"Fill it.  To boil it::\n\n  .. {directive}\n\n     kettle boil\n\nPour it."

    assert cited(text) == ["Fill it.", f"To boil it::\n\n  .. {directive}\n\n     kettle boil", "Pour it."]
    assert read(text, "Use")[1] == "Use: To boil it:: kettle boil"


def test_lines_of_json_are_parts() -> None:
    lines = ['{"part": "A1", "stock": 3}', '{"part": "B2", "stock": 4},', '{"part": "C3"}']

    assert cited("Stock of today.\n\n" + "\n".join(lines) + "\n") == ["Stock of today.", *lines]


def test_lines_of_long_code_are_parts_with_their_remarks_and_read_after_their_group() -> None:
    settings = "".join(f"# remark {number} of the file\nkey-{number} = {number}\n" for number in range(40))
    code = f"All settings:\n\n```\n[http]\n{settings}```\n"

    assert cited(code)[:3] == [
        "All settings:",
        "# remark 0 of the file\nkey-0 = 0",
        "# remark 1 of the file\nkey-1 = 1",
    ]
    assert read(code, "Format")[2] == "Format: All settings: [http] # remark 1 of the file key-1 = 1"
    assert len(cited(code)) == 41


def test_an_item_is_read_after_its_title_and_what_leads_to_the_list() -> None:
    options = '- true: all of it. It takes long.\n- "off": Disables LTO.'
    text = f"The valid options are:\n\n{options}\n\nThe default is false."

    assert cited(text)[2] == '- "off": Disables LTO.'
    assert read(text, "lto")[1:] == [
        "lto: The valid options are: true: all of it. It takes long.",
        'lto: The valid options are: "off": Disables LTO.',
        "The default is false.",
    ]


def test_words_without_a_stop_lead_to_the_list_or_the_code_below_them() -> None:
    text = "**postpack**\n* Runs AFTER the tarball.\n\n- Install the component\n\n```\nrustup add it\n```"

    assert read(text, "Scripts")[1] == "Scripts: **postpack** Runs AFTER the tarball."
    assert cited(text)[2] == "- Install the component\n\n```\nrustup add it\n```"


def test_each_line_of_a_log_is_a_part() -> None:
    log = "2026-03-01 10:00 backup started\n2026-03-01 10:04 backup failed: disk full\n"

    assert cited(f"{log}The end.") == [*log.splitlines(), "The end."]


def test_a_row_is_one_part_and_read_with_the_names_of_its_columns() -> None:
    table = "| Command | Profile |\n| --- | --- |\n| run | dev. Else none. |\n| install | release |"
    text = f"The defaults are:\n\n{table}"

    assert cited(text)[1:] == ["| run | dev. Else none. |", "| install | release |"]
    assert read(text, "Selection")[2] == "Selection: The defaults are: Command: install; Profile: release"


def test_indented_code_belongs_to_what_leads_to_it_and_indented_prose_does_not() -> None:
    code = "Run this::\n\n    tieback serve --local\n    tieback health\n\nThen ask."
    prose = (
        "In short:\n\n    The tide rises twice a day because the moon pulls at the sea. It falls as often."
    )

    assert cited(code) == ["Run this::\n\n    tieback serve --local\n    tieback health", "Then ask."]
    assert len(cited(prose)) == 3


@each(
    "text, parts",
    [
        ("retry = 3\n```\n\nThe rest is prose.", ["retry = 3", "The rest is prose."]),
        ("Set it:\n\n```\nretry = 3", ["Set it:\n\n```\nretry = 3"]),
        ("```\n```", []),
        ("", []),
    ],
)
def test_code_that_a_passage_has_a_part_of_is_told_from_prose(text: str, parts: list[str]) -> None:
    assert cited(text) == parts


@each(
    "text",
    [
        *("```\n", "| a ", "a:\n\n    b\n", "- a:\n", "|\n", " \n", "# a\n", "```\n# a\n"),
        *("a|b\n-|-\n", "a|\n", "--- ", "<table>", "<table><tr><td>", "<tr>", "<table><t"),
    ],
)
def test_the_parts_of_any_text_are_in_order(text: str) -> None:
    found = units(text * 20_000, "title")

    ends = [0, *(one.span[1] for one in found)]
    assert all(end <= one.span[0] < one.span[1] for end, one in zip(ends, found, strict=False))


BARE = "The settings are:\n\nName | Default\n--- | ---:\n`timeout` | 30 s\nretries | 3\n\nNothing | else."
TYPED = (
    "The settings are:\n\n<table>\n<thead><tr><th>Name</th><th>Default</th></tr></thead>\n"
    "<tbody><tr><td><code>timeout</code></td><td>30&nbsp;s</td></tr>\n<tr><td>retries<td>3</table>\n\n"
    "Nothing | else."
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (BARE, ["`timeout` | 30 s", "retries | 3"]),
        (TYPED, ["<tr><td><code>timeout</code></td><td>30&nbsp;s</td></tr>", "<tr><td>retries<td>3"]),
    ],
)
def test_a_table_without_bars_at_its_sides_or_in_html_is_cut_into_rows(text: str, rows: list[str]) -> None:
    assert cited(text)[1:] == [*rows, "Nothing | else."]
    assert read(text, "Limits")[2] == "Limits: The settings are: Name: retries; Default: 3"
    assert units(text)[2].columns == ["Name", "Default"]


def test_later_rows_of_a_table_without_bars_at_its_sides_are_rows() -> None:
    rows = ["`timeout` | 30 s | of a call<br>or none", "retries | | of <b>all</b>"]

    assert cited("\n".join([*rows, "", "One | two."])) == [*rows, "One | two."]
    assert read("\n".join(rows), "Limits")[0] == "Limits: `timeout`; 30 s; of a call or none"
    assert cited("Pipe a | b | c into it.") == ["Pipe a | b | c into it."]


def test_a_table_that_lays_out_a_page_has_no_rows() -> None:
    text = f"<table><tr><td>{'Long prose. ' * 100}</td><td>More.</td></tr></table>"

    assert {one.kind.name for one in units(text)} == {"SENTENCE"}
