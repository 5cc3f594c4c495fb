"""`tieback index` takes what is packed in archives and mails as files of a folder with the archive's name."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Run
from tieback_client import Client
from tieback_client.files.packed import packing
from tieback_client.messages.writing_items import sections

PLAN = {
    "docs/tides.md": b"# Tides\n\nThe tide is high.\n",
    "moon.txt": b"The moon pulls.\n",
    "a.bin": b"\0\1",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "f"
    made.mkdir()
    return made


def zipped(members: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def tarred(members: Mapping[str, bytes], mode: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]  # a mode in a variable
        for name, data in members.items():
            head = tarfile.TarInfo(name)
            head.size = len(data)
            archive.addfile(head, io.BytesIO(data))
        link = tarfile.TarInfo("link.md")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return made.getvalue()


def told(run: Run, *words: Any) -> Any:
    return json.loads(run(*words, "--json").stdout)


def test_each_member_of_an_archive_is_a_file_with_its_place(run: Run, folder: Path, client: Client) -> None:
    (folder / "plan.zip").write_bytes(zipped(PLAN))
    (folder / "old.tar.gz").write_bytes(tarred(PLAN, "w:gz"))
    (folder / "older.tar.xz").write_bytes(tarred(PLAN, "w:xz"))

    first, again = told(run, folder), told(run, folder)

    assert (first["written"], first["kinds"], first["ignored_kinds"]) == (
        6,
        {"markdown": 3, "text": 3},
        {".bin": 3},
    )
    assert (again["written"], again["unchanged"]) == (0, 6)
    items = {one.id: one for one in client.items("docs")}
    assert sorted(items) == [
        f"f/{archive}/{name}"
        for archive in ("old.tar.gz", "older.tar.xz", "plan.zip")
        for name in ("docs/tides.md", "moon.txt")
    ]
    tides = items["f/plan.zip/docs/tides.md"]
    assert (tides.title, sections(tides)[0].uri) == ("Tides", "f/plan.zip/docs/tides.md#L3")


def test_a_changed_member_is_written_and_a_lost_one_is_pruned(
    run: Run, folder: Path, ids: Callable[[], list[str]]
) -> None:
    archive = folder / "plan.zip"
    (folder / "kept.txt").write_text("Words.\n")
    archive.write_bytes(zipped(PLAN))
    told(run, folder)
    archive.write_bytes(
        zipped({"docs/tides.md": b"# Tides\n\nIt is low.\n", "sun.txt": b"The sun shines.\n"})
    )

    changed = told(run, folder)
    assert (changed["written"], changed["unchanged"], changed["removed"]) == (2, 1, [])
    assert told(run, folder, "--prune")["removed"] == ["f/plan.zip/moon.txt"]
    for hidden in (["--exclude", "plan.zip"], ["--exclude", "*.md"]):
        assert told(run, folder, "--prune", "--yes", *hidden)["removed"] == []
    archive.write_bytes(archive.read_bytes()[:-30])
    torn = told(run, folder, "--prune", "--yes")
    assert (list(torn["failures"]), torn["removed"]) == (["f/plan.zip"], [])
    archive.unlink()
    assert told(run, folder, "--prune", "--yes")["removed"] == [
        "f/plan.zip/docs/tides.md",
        "f/plan.zip/sun.txt",
    ]
    assert ids() == ["f/kept.txt"]


def test_what_is_attached_to_a_mail_is_read_beside_it(run: Run, folder: Path, client: Client) -> None:
    inner = EmailMessage()
    inner["Subject"] = "Before"
    inner.set_content("An earlier mail.")
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "ada@example.org", "Plans"
    mail.set_content("See the plans.")
    mail.add_attachment(b"The moon pulls.\n", maintype="text", subtype="plain", filename="../moon.txt")
    mail.add_attachment(zipped(PLAN), maintype="application", subtype="zip", filename="plan.zip")
    mail.add_attachment(inner)
    (folder / "plans.eml").write_bytes(mail.as_bytes())

    assert told(run, folder)["failures"] == {}
    texts = {one.id: sections(one)[0].content for one in client.items("docs")}
    assert texts == {
        "f/plans.eml": "See the plans.",
        "f/plans.eml/moon.txt": "The moon pulls.",
        "f/plans.eml/plan.zip/docs/tides.md": "The tide is high.",
        "f/plans.eml/plan.zip/moon.txt": "The moon pulls.",
        "f/plans.eml/mail.eml": "An earlier mail.",
    }


def test_names_lead_nowhere_and_are_different(run: Run, folder: Path, ids: Callable[[], list[str]]) -> None:
    names = (
        "../../up.txt",
        "/abs.txt",
        "C:\\w\\b.txt",
        "2",
        "x/../y.txt",
        "c\x1b[31m.txt",
        ".hid.txt",
        "__MACOSX/z",
    )
    (folder / "a.zip").write_bytes(zipped(dict.fromkeys(names, b"Words.\n")))

    told(run, folder)

    assert sorted(ids()) == sorted(
        f"f/a.zip/{name}" for name in ("up.txt", "abs.txt", "C:/w/b.txt", "2 (1)", "x/y.txt", "c_[31m.txt")
    )


def test_an_archive_that_is_damaged_or_too_much_is_refused_and_named(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = zipped({"deep.txt": b"Words.\n"})
    for level in range(3):
        deep = zipped({f"{level}.zip": deep})
    files = {
        "bomb.zip": (zipped({"zeros.txt": bytes(20 << 20)}), "up to 16,777,216 of it are read"),
        "bomb.tar.gz": (tarred({"zeros.txt": bytes(60 << 20)}, "w:gz"), "bytes unpacked"),
        "many.zip": (zipped({f"{at}.txt": b"" for at in range(101)}), "more than 100 files"),
        "many.tar": (tarred({f"{at}.txt": b"" for at in range(101)}, "w"), "more than 100 files"),
        "deep.zip/2.zip/1.zip/0.zip": (deep, "packed in more than 3 files"),
        "torn.tar.gz": (gzip.compress(bytes(range(256)) * 99)[:-9], "damaged, or no archive of tar"),
        "none.zip": (b"Words.", "no ZIP archive"),
    }
    for name, (data, _) in files.items():
        (folder / name.partition("/")[0]).write_bytes(data)
    monkeypatch.setattr(packing, "MEMBERS", 100)

    failures = told(run, folder)["failures"]

    assert sorted(failures) == sorted(f"f/{name}" for name in files)
    for name, (_, reason) in files.items():
        assert reason in failures[f"f/{name}"]
