"""The demo's library may be given away, and can be cited."""

import re
from pathlib import Path

import yaml
from support.each import each

LIBRARY = Path(__file__).parents[2] / "examples/library"
PAGES = sorted((LIBRARY / "text").glob("*.md"))
LICENCES = {
    "Apache-2.0",
    "BSD-3-Clause",
    "CC0-1.0",
    "LicenseRef-Public-Domain",
    "LicenseRef-US-Government-Public-Domain",
}


def parts(page: Path) -> tuple[dict[str, str], str]:
    found = re.fullmatch(r"---\n(.*?)\n---\n(.*)", page.read_text(encoding="utf-8"), re.S)
    assert found is not None
    front, body = found.groups()
    return yaml.safe_load(front), body


@each("page", PAGES)
def test_every_page_says_where_it_comes_from_and_under_which_licence(page: Path) -> None:
    front, _ = parts(page)

    assert set(front) == {"title", "source", "license", "collection"}
    assert all(str(value).strip() for value in front.values())
    assert front["license"] in LICENCES


@each("page", PAGES)
def test_every_section_can_be_cited_and_is_short_enough_to_be_read_whole(page: Path) -> None:
    _, body = parts(page)
    parted = re.split(r"^## (.+)\n", body, flags=re.M)
    headings, texts = parted[1::2], parted[2::2]

    assert headings
    assert len(set(headings)) == len(headings)
    for name, text in zip(headings, texts, strict=True):
        assert 5 <= len(text.split()) <= 160, name


def test_the_readme_names_every_page() -> None:
    readme = (LIBRARY / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z0-9-]+)(\*?)`", readme.split("| pages |")[1])

    for page in PAGES:
        assert any(page.stem.startswith(name) if star else page.stem == name for name, star in named), (
            page.stem
        )
    sections = sum(len(re.findall(r"^## ", page.read_text(encoding="utf-8"), re.M)) for page in PAGES)
    assert f"{len(PAGES)} pages" in readme
    assert f"{sections} sections" in readme


def test_a_licence_that_wants_its_notice_kept_has_it() -> None:
    notice = (LIBRARY / "LICENSE-scikit-image.txt").read_text(encoding="utf-8")

    assert "the scikit-image team" in notice
    assert "Redistributions of source code must retain" in notice
