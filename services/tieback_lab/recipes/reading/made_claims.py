"""Pairs made of labelled pairs: a supported claim of which one thing is changed, beside it as it was.

Few pairs that people labelled differ in one word alone. These do: a number or a name is another, two names
have each other's place, a negation is more or less, the end is that of another sentence. Or the sentence that
says it is left out of the evidence.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from tieback.core.language.tokens import YEARS
from tieback.core.text.sentences import sentences
from tieback.core.text.terms import DEFAULT_LANGUAGE, function_words
from tieback.methods.grounding._features import LABELS
from tieback_contract.claims import VerdictLabel

from tieback_lab.recipes.reading.claim_pairs import Pair

NUMBER = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?![\w])")
_WRITTEN_LARGE = r"[A-Z][\w'’-]*[a-z](?: (?:of |the )?[A-Z][\w'’-]*[a-z])*"
NAME, ANY_NAME = re.compile(rf"(?<=[a-z,;] ){_WRITTEN_LARGE}"), re.compile(_WRITTEN_LARGE)
VERB = re.compile(r"\b(?:is|are|was|were|can|could|will|would|has|have|had|does|did|should|must)\b")
NOT = re.compile(r" (?:not|never)\b")
JOINING = re.compile(r"\b(?:and|or|with)\b|[&/]")
FEWEST, MOST = 6, 40
"""Words of a sentence that becomes a claim."""
LONGEST_SUBJECT = 8
"""Words before a verb."""
SUPPORTED, CONTRADICTED, UNSUPPORTED = (
    LABELS.index(one) for one in (VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED, VerdictLabel.UNSUPPORTED)
)


class Texts(NamedTuple):
    """What edits take from: names of other texts, and sentences of the same evidence."""

    names: Sequence[str]
    beside: Sequence[str]


Edit = Callable[[str, Texts, np.random.Generator], str | None]
"""Returns None where the claim has nothing of the kind."""


def made_pairs(
    pairs: Sequence[Pair], *, most: int, seed: int, edits: Mapping[str, Edit] | None = None
) -> list[Pair]:
    """At most `most` changed claims of each kind, and as many unchanged ones beside them. `edits` are in
    place of `EDITS`.

    The bases are supported claims, and sentences of evidence. Each is changed in one way, the rarest that it
    allows.
    """
    draw = np.random.default_rng(seed)
    texts = sorted({one.evidence for one in pairs})
    names = sorted({name for text in texts for name in NAME.findall(text) if _is_name(name)})
    bases = [(one.claim, one.evidence) for one in pairs if one.label == SUPPORTED]
    for text in texts:
        found = claims_of(text)
        if found:
            bases.append((found[int(draw.integers(len(found)))], text))
    edits = EDITS if edits is None else edits
    made: dict[str, list[Pair]] = {kind: [] for kind in (*edits, "context")}
    for place in draw.permutation(len(bases)).tolist():
        claim, evidence = bases[place]
        cut = _cut(evidence)
        whole = " ".join([claim, *cut])
        if not claim.strip().endswith("?"):
            beside = Texts(names, [one for one in cut if one != claim])
            for kind in sorted(edits, key=lambda one: len(made[one])):
                if len(made[kind]) >= 2 * most:
                    continue
                changed = edits[kind](claim, beside, draw)
                if changed is not None and changed not in whole:
                    label = UNSUPPORTED if kind == "merged" else CONTRADICTED
                    made[kind] += _both(kind, evidence, claim, Pair(evidence, changed, label, ""))
                    break
        if claim in cut and len(cut) > 2 and len(made["context"]) < 2 * most:
            without = " ".join(one for one in cut if one != claim)
            made["context"] += _both("context", evidence, claim, Pair(without, claim, UNSUPPORTED, ""))
    return [one for kind in sorted(made) for one in made[kind]]


def _both(kind: str, evidence: str, claim: str, changed: Pair) -> Iterator[Pair]:
    source = f"made: {kind}"
    yield Pair(changed.evidence, changed.claim, changed.label, source)
    yield Pair(evidence, claim, SUPPORTED, source)


def other_number(claim: str, texts: Texts, draw: np.random.Generator) -> str | None:  # noqa: ARG001 - an edit
    """A number is another of about its size."""
    found = _one(NUMBER, claim, draw)
    if found is None:
        return None
    written = found[0]
    value = float(written.replace(",", ""))
    sign = int(draw.choice([-1, 1]))
    if value in YEARS and "," not in written:
        other = str(int(value) + sign * int(draw.integers(1, 12)))
    elif "." in written:
        other = f"{value * draw.uniform(1.1, 2.5):.{len(written.split('.')[1])}f}"
    else:
        moved = int(value) + max(1, int(value * draw.uniform(0.1, 1.0))) * (1 if value < 3 else sign)
        other = f"{moved:,}" if "," in written else str(moved)
    return _put(claim, found, other)


def other_name(claim: str, texts: Texts, draw: np.random.Generator) -> str | None:
    """A name is another: of the evidence, else of another text."""
    found = _one(NAME, claim, draw)
    if found is None:
        return None
    near = [
        name for text in texts.beside for name in NAME.findall(text) if name not in claim and _is_name(name)
    ]
    names = near if near and draw.random() < 0.5 else texts.names
    other = str(names[int(draw.integers(len(names)))])
    return None if other in found[0] or found[0] in other else _put(claim, found, other)


def other_roles(claim: str, texts: Texts, draw: np.random.Generator) -> str | None:  # noqa: ARG001 - an edit
    """Two names, with a verb between them, have each other's place."""
    found = [one for one in ANY_NAME.finditer(claim) if _is_name(one[0])]
    pairs = []
    for one, other in itertools.pairwise(found):
        between = claim[one.end() : other.start()]
        if one[0] != other[0] and VERB.search(between) and not JOINING.search(between):
            pairs.append((one, other))
    if not pairs:
        return None
    one, other = pairs[int(draw.integers(len(pairs)))]
    between = claim[one.end() : other.start()]
    return claim[: one.start()] + other[0] + between + one[0] + claim[other.end() :]


def negated(claim: str, texts: Texts, draw: np.random.Generator) -> str | None:  # noqa: ARG001 - an edit
    """A negation more, or one less."""
    there = NOT.search(claim)
    if there:
        return claim[: there.start()] + claim[there.end() :]
    verb = VERB.search(claim)
    if verb is None:
        return None
    word = " never" if draw.random() < 0.2 else " not"
    return claim[: verb.end()] + word + claim[verb.end() :]


def other_end(claim: str, texts: Texts, draw: np.random.Generator) -> str | None:
    """What is said of something in the evidence is said of something else."""
    verb = VERB.search(claim)
    if verb is None or len(claim[: verb.start()].split()) > LONGEST_SUBJECT:
        return None
    ends = [
        text[found.start() :]
        for text in texts.beside
        if (found := VERB.search(text)) and text[found.end() :].split() and text[found.start() :] not in claim
    ]
    return claim[: verb.start()] + str(ends[int(draw.integers(len(ends)))]) if ends else None


EDITS: dict[str, Edit] = {
    "numbers": other_number,
    "names": other_name,
    "roles": other_roles,
    "negation": negated,
    "merged": other_end,
}


def claims_of(evidence: str) -> list[str]:
    """The sentences of a text that can be claims."""
    return [
        one
        for one in _cut(evidence)
        if FEWEST <= len(one.split()) <= MOST and one[0].isupper() and one[-1] == "."
    ]


def _cut(evidence: str) -> list[str]:
    return [" ".join(evidence[begin:end].split()) for begin, end in sentences(evidence)]


def _is_name(written: str) -> bool:
    """Not a word that has a capital because a sentence begins with it."""
    return len(written) > 3 and written.split()[0].lower() not in function_words(DEFAULT_LANGUAGE)


def _one(pattern: re.Pattern[str], text: str, draw: np.random.Generator) -> re.Match[str] | None:
    found = list(pattern.finditer(text))
    return found[int(draw.integers(len(found)))] if found else None


def _put(text: str, found: re.Match[str], other: str) -> str:
    return text[: found.start()] + other + text[found.end() :]
