"""Makes `services/tieback/core/opposites/english.txt` of WordNet's files (Debian package wordnet-base).

    python scripts/opposites.py /usr/share/wordnet

Of WordNet's adjectives, adverbs and verbs, what has an antonym: the words of both meanings, and, of
adjectives, those of the meanings that WordNet calls similar to them ("mandatory" to "obligatory"). Only words
of which the meaning is one of the most frequent are taken.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

MOST = 2
"""Meanings of a word that count, the most frequent first."""
PARTS = ("adj", "adv", "verb")
TARGET = Path(__file__).parents[1] / "services" / "tieback" / "core" / "opposites" / "english.txt"
Meaning = tuple[str, str]


def main(folder: Path) -> None:
    words: dict[Meaning, list[str]] = {}
    similar: dict[Meaning, list[Meaning]] = defaultdict(list)
    opposed: set[tuple[Meaning, Meaning]] = set()
    for part in PARTS:
        for fields in _lines(folder / f"data.{part}"):
            meaning, count = (part, fields[0]), int(fields[3], 16)
            words[meaning] = [word.split("(")[0].lower() for word in fields[4 : 4 + 2 * count : 2]]
            pointers = fields[5 + 2 * count : 5 + 2 * count + 4 * int(fields[4 + 2 * count])]
            for sign, place in zip(pointers[::4], pointers[1::4], strict=True):
                if sign == "!":
                    opposed.add(min(((part, place), meaning), (meaning, (part, place))))
                elif sign == "&":
                    similar[meaning].append((part, place))
    frequent = {
        (part, fields[0], place)
        for part in PARTS
        for fields in _lines(folder / f"index.{part}")
        for place in fields[-int(fields[2]) :][:MOST]
    }
    irregular: dict[str, set[str]] = defaultdict(set)
    for part in PARTS:
        for line in (folder / f"{part}.exc").read_text(encoding="utf-8").splitlines():
            form, *bases = line.split()
            for base in bases:
                irregular[base].add(form)

    def taken(meaning: Meaning) -> set[str]:
        part, place = meaning
        own = {word for word in words[meaning] if word.isalpha() and (part, word, place) in frequent}
        return own | {form for word in own for form in irregular[word] if form.isalpha()}

    lines = []
    for pair in opposed:
        heads = [taken(one) for one in pair]
        beside = [set().union(*map(taken, similar[one])) for one in pair]
        if all(heads):
            sides = (
                " ".join([*sorted(own), *([";"] if more - own else []), *sorted(more - own)])
                for own, more in zip(heads, beside, strict=True)
            )
            lines.append(" | ".join(sorted(sides)))
    notice = TARGET.with_name("LICENSE").name
    head = f"# Of WordNet 3.0, by scripts/opposites.py; {notice} has its licence.\n"
    TARGET.write_text(head + "\n".join(sorted(lines)) + "\n", encoding="utf-8")


def _lines(path: Path) -> list[list[str]]:
    """The fields of each line, without the licence and the gloss."""
    read = path.read_text(encoding="utf-8").splitlines()
    return [line.split("|")[0].split() for line in read if not line.startswith("  ")]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
