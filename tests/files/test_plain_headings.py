"""Texts that mark nothing have headings too: releases, underlined titles, questions."""

from __future__ import annotations

import pytest
from support.each import each
from tieback_client.files import Document, read_document

DEBIAN = """\
teapot (2.4-1) unstable; urgency=low

  * The lid is closed by default.

 -- Ann Other <ann@example.org>  Tue, 05 Mar 2024 10:00:00 +0100

teapot (2:2.3~rc1-4) experimental; urgency=medium

  * New spout. Closes: #12

 -- Bo Third <bo@example.org>  Mon, 01 Jan 2024 09:00:00 +0000
"""
UNDERLINED = """\
=======
Kettles
=======

About kettles.

Cleaning
--------
Use vinegar.

Safety
------
Mind the steam.
"""
GNU = """\
* Noteworthy changes in release 9.4 (2023-08-29) [stable]

** Bug fixes
  The kettle no longer whistles twice.

* Noteworthy changes in release 9.3 (2023-04-18) [stable]

  The kettle boils milk.
"""
WRITTEN_BY = """\
2023-05-02  Ann Other  <ann@example.org>

\t* spout.c: Pour.

2023-04-01  Bo Third  <bo@example.org>

\t* lid.c: Close.
"""
NUMBERED = """\
        Questions about kettles

 1. Does it whistle?

    No.  It beeps.

 2. Where is it made?

    In Linz.

 3. The lid does not close.

    Turn it around.

 4. Who repairs it, and how
    long does that take?

    The shop; a week.
"""
ASKED = """\
Questions

Can I boil milk?
No, it burns.

How long is the guarantee?
Three years.

Where do I get a lid?
Write to us.
"""


def titled(text: str, name: str = "notes.txt") -> list[str]:
    return [one.heading for one in read_document(text.encode(), name).sections]


def section(document: Document, title: str) -> str:
    return next(one.text for one in document.sections if one.heading == title).strip()


def test_a_release_of_debian_is_headed_by_its_version_its_date_and_who_made_it() -> None:
    document = read_document(DEBIAN.encode(), "teapot/NEWS.Debian")

    assert [one.heading for one in document.sections] == [
        "teapot 2.4-1 (05 Mar 2024, Ann Other)",
        "teapot 2:2.3~rc1-4 (01 Jan 2024, Bo Third)",
    ]
    assert "The lid is closed by default." in document.sections[0].text
    assert document.title == "teapot NEWS"


def test_an_unsigned_release_of_debian_is_headed_by_its_version() -> None:
    assert titled(DEBIAN.partition(" -- Bo")[0], "changelog") == [
        "teapot 2.4-1 (05 Mar 2024, Ann Other)",
        "teapot 2:2.3~rc1-4",
    ]


def test_underlined_titles_are_headings_by_the_order_of_their_marks() -> None:
    document = read_document(UNDERLINED.encode(), "kettles.txt")

    assert [one.heading for one in document.sections] == ["Kettles", "Cleaning", "Safety"]
    assert document.title == "Kettles"
    assert section(document, "Cleaning") == "Use vinegar."


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        (GNU, ["9.4 (2023-08-29)", "9.3 (2023-04-18)"]),
        (WRITTEN_BY, ["2023-05-02  Ann Other", "2023-04-01  Bo Third"]),
        ("v1.2, March 4, 2024\n- a\n\nv1.1, 2 February 2024\n- b\n", ["March 4, 2024", "2 February 2024"]),
    ],
)
def test_lines_with_a_version_and_a_date_head_what_changed(text: str, titles: list[str]) -> None:
    found = titled(text)

    assert len(found) == len(titles)
    assert all(" ".join(one.split()) in title for one, title in zip(titles, found, strict=True))


def test_dated_versions_below_a_title_are_under_it() -> None:
    text = "Changes of kettles\n==================\n\n1.1 (2024-02-03)\n- a\n\n1.0 (2024-01-02)\n- b\n"
    document = read_document(text.encode(), "changes.txt")

    assert [(one.number, one.heading) for one in document.sections] == [
        ("1.1", "1.1 (2024-02-03)"),
        ("1.2", "1.0 (2024-01-02)"),
    ]
    assert document.title == "Changes of kettles"


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("= Guide\n\n== Log in\n\nPress F2.\n\n== Log out\n\nPress F10.\n", ["Log in", "Log out"]),
        ("== Age ==\nOld.\n=== Youth ===\nYoung.\n", ["Age", "Youth"]),
        ("* Garden\n** Roses\nCut them.\n** Lawn\nMow it.\n", ["Roses", "Lawn"]),
    ],
)
def test_lines_with_marks_are_headings_by_their_marks(text: str, titles: list[str]) -> None:
    assert titled(text, "guide.adoc") == titles


def test_questions_head_their_answers_and_so_do_statements_that_are_numbered_among_them() -> None:
    document = read_document(NUMBERED.encode(), "kettle/FAQ")

    assert document.title == "Questions about kettles"
    assert [one.heading for one in document.sections] == [
        "Does it whistle?",
        "Where is it made?",
        "The lid does not close.",
        "Who repairs it, and how long does that take?",
    ]
    assert section(document, "The lid does not close.") == "Turn it around."
    assert titled(ASKED) == ["Can I boil milk?", "How long is the guarantee?", "Where do I get a lid?"]


@each(
    "text",
    [
        "Is this it?\n\nIt is.\n",
        "We met. Who was she?\n\nNobody knew.\n\nShe left.\n",
        "name: a\n---\nname: b\n---\n",
        " id | name\n----+-----\n  1 | a\n",
        "#!/bin/sh\n# Title\n# -----\necho 1.2 2024-01-01\n",
        "2024-01-01 10:00:00 kettle 1.2 started\n2024-01-01 10:00:01 kettle 1.2 ended\n",
        "It was done.\n------------\nMore.\n",
        "* milk\n* eggs\n** brown\n** large\n",
        "* milk\n* eggs\n\nThat is all.\n",
        "if a\n== b\n== c\n",
        "Fill it.\n\n    pour\n\n2. Heat it.\n\n    boil\n\n3. Drink.\n",
        "",
    ],
)
def test_other_texts_have_no_headings(text: str) -> None:
    assert not any(titled(text))


@each(
    "name, title",
    [
        ("zlib/FAQ", "zlib FAQ"),
        ("a/b/README.txt", "b README"),
        ("README", "README"),
        ("apt/rules.txt", "rules"),
    ],
)
def test_a_file_that_is_called_as_many_are_is_titled_with_its_folder(name: str, title: str) -> None:
    assert read_document(b"Some words.", name).title == title


def test_a_text_of_headings_alone_and_one_of_marks_alone_are_read_in_time() -> None:
    for text in ("a\n---\n" * 50_000, "=" * 500_000, "Is it so?\n\n" * 50_000, "x (1) y; z=a\n" * 50_000):
        assert len(read_document(text.encode(), "notes.txt").sections) <= 4096
