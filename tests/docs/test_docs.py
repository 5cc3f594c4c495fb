"""Promises of the documentation hold: links lead somewhere, tables are complete."""

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
from support.each import each
from support.pages import blocks
from tieback.core import extensions
from tieback_client.cli.app import tieback

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("changelog/*.md"),
        ROOT / "examples/library/README.md",
    ]
)
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)|<img[^>]*src=\"([^\"]+)\"")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.S)
COMMAND = re.compile(
    r"^(?:\$ |\.venv/bin/|(?:\w+=\S+ )+|echo .*? \| )*tieback ([^|\\\n]+?)(?: +#.*)?(?: [|\\].*)?$", re.M
)


def anchors(page: Path) -> set[str]:
    """The names that a link into a page can have: those of its headings, as a browser of code makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    made = {
        re.sub(r"[^\w\- ]", "", re.sub(r"<[^>]+>", "", one).lower()).replace(" ", "-") for one in headings
    }
    return made | set(re.findall(r'<a id="([^"]+)"', text))


@each("page", PAGES)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    links = [first or second for first, second in LINK.findall(text)]

    for link in links:
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name} links to {link}"


def test_the_tables_of_decisions_and_services_are_complete() -> None:
    decisions = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    protos = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("protos/tieback/v1/*.proto"))

    for page in ROOT.glob("docs/decisions/0*.md"):
        assert page.name in decisions
    for service in re.findall(r"^service (\w+) ", protos, re.M):
        assert f"| {service} |" in readme


def test_no_file_names_a_package_registry_or_a_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    words = ("py" + "pi.org", "python" + "hosted.org", "deb." + "debian.org", "registry." + "npmjs")
    places = re.compile("(?<![\\w.])/wo" + "rk/\\w+|bash" + "_jobs|[.]lib" + "rary/")
    found = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".png", ".jpg", ".wav", ".binpb"} or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: {word}" for word in words if word in text]
        found += [f"{name}: {match[0]}" for match in places.finditer(text)]

    assert not found


def test_every_file_that_the_architecture_names_exists() -> None:
    roots = [
        ROOT,
        ROOT / "services/tieback",
        ROOT / "clients/tieback_client",
        ROOT / "services/tieback/serving",
    ]
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = {name for name in re.findall(r"`([\w/]+\.py|[\w/]+/)`", page) if name.islower()}

    missing = [name for name in sorted(named) if not any((root / name).exists() for root in roots)]

    assert named
    assert missing == []


@each("page", [ROOT / "README.md", *ROOT.glob("docs/*.md")])
def test_every_command_that_a_page_shows_takes_the_options_that_it_shows(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(extensions.VARIABLE, "lab")  # as the pages that show its commands say
    text = page.read_text(encoding="utf-8")

    for line in COMMAND.findall("\n".join(blocks(text, "") + blocks(text, "bash"))):
        words = shlex.split(line)
        command: click.Command = tieback
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None, line
            command = found
        parameters = list(command.params)
        if isinstance(command, click.Group):  # where no command of it is named, its list is meant
            listing = command.get_command(click.Context(command), "list")
            parameters += listing.params if listing else []
        options = {name for one in parameters for name in (*one.opts, *one.secondary_opts)}
        for word in words[: words.index("--")] if "--" in words else words:
            assert not word.startswith("--") or word.partition("=")[0] in options, line
