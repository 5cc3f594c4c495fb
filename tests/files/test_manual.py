"""Pages of the manual are read by mandoc or groff, and never as their source."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
from tieback_client import FailedPrecondition, InvalidArgument
from tieback_client.files import read_document
from tieback_client.files.texts import manual

TOOLS = (("mandoc",), ("troff", "grotty", "tbl"))
MAN = r""".\" A comment
.TH TIDE 1 2026-01-01 harbour
.SH NAME
tide \- tell the \fItide\fP
.SH OPTIONS
.TP
.BR \-p ", " \-\-port =\fINAME\fP
The harbour of \(lqBergen\(rq, Ångström & sons.
.SS "More of them"
.nf
tide \-\-help
.fi
.SH EXIT STATUS
.TS
l l.
0	all is well
.TE
"""
MDOC = """.Dd May 1, 2026
.Dt CAL 1
.Os
.Sh NAME
.Nm cal
.Nd shows a calendar
.Sh SYNOPSIS
.Nm
.Op Fl 3 Ar month
"""


@pytest.fixture(params=TOOLS, ids=lambda tools: tools[0])
def tools(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the ways to format a page, alone on the path."""
    if missing := [name for name in request.param if shutil.which(name) is None]:
        pytest.skip(f"needs {', '.join(missing)}")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in request.param:
        (folder / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.usefixtures("tools")
def test_a_page_of_the_manual_has_its_sections_and_none_of_its_requests() -> None:
    document = read_document(gzip.compress(MAN.encode("latin-1")), "man1/tide.1.gz")

    assert (document.kind, document.title) == ("man", "tide - tell the tide")
    assert [(one.heading, one.locator) for one in document.sections] == [
        ("NAME", "NAME"),
        ("OPTIONS", "OPTIONS"),
        ("OPTIONS › More of them", "More_of_them"),
        ("EXIT STATUS", "EXIT_STATUS"),
    ]
    words = " ".join(document.text.split())
    for shown in (
        "-p, --port=NAME",
        "The harbour of “Bergen”, Ångström & sons.",
        "tide --help",
        "all is well",
    ):
        assert shown in words
    assert "\\" not in document.text
    assert ".SH" not in document.text
    calendar = read_document(MDOC.encode(), "cal.1")
    assert [one.text for one in calendar.sections] == ["cal — shows a calendar", "cal [-3 month]"]


@pytest.mark.usefixtures("tools")
def test_an_option_stands_beside_what_it_does_as_docbook_writes_it() -> None:
    option = ".PP\n\\fB\\-s\\fR\n.br\n\\fB\\-\\-short\\fR\n.RS 4\nTell the tide alone.\n.RE\n"
    page = f".TH TIDE 1\n.SH OPTIONS\n{option}.PP\nMore.\n"

    shown = [line.strip() for line in read_document(page.encode(), "tide.1").text.splitlines()]

    at = shown.index("--short")
    assert shown[at - 1 : at + 2] == ["-s", "--short", "Tell the tide alone."]


@pytest.mark.usefixtures("tools")
def test_a_page_takes_no_other_file_in_and_has_no_time_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("swordfish\n")
    page = ".TH X 1\n.SH NAME\nx\n"
    requests = ("so", "mso", "cf", "trf", "nx", "sy cat", "pso cat", "als zz so\n.zz", "de q\n.so {}\n..\n.q")
    for request in requests:
        evil = f".{request} {secret}".replace("{}", str(secret))
        assert "swordfish" not in read_document(f"{page}{evil}\nend\n".encode(), "x.1").text

    monkeypatch.setattr(manual, "SECONDS", 0.3)
    with pytest.raises(InvalidArgument, match="takes more than"):
        read_document(f"{page}.while 1 x\n".encode(), "x.1")


def test_without_a_program_a_page_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(FailedPrecondition, match="apt install mandoc"):
        read_document(MAN.encode(), "tide.1")


def test_a_text_with_such_a_name_stays_a_text_and_an_alias_has_no_words() -> None:
    assert read_document(b"Notes on version 1.1\n.so far so good\n", "notes.1").kind == "text"
    alias = read_document(b'.\\" same as\n.so man1/tide.1\n', "tides.1")

    assert (alias.kind, alias.sections, alias.notes) == (
        "man",
        (),
        ("it only names another page of the manual",),
    )
