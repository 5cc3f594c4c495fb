"""Answers behind demonstrations that a language model reads as virtual tokens (AIM), asked as users ask.

Each question (`benchmarks/lab/written_answers.py`) is asked of a server that serves what `tieback train aim`
made, behind one demonstration whose answer is said in one form: in capitals, as a list, or marked. Nothing
else tells which form is wanted. The same is asked behind that demonstration in another form (shuffled), and
behind the two examples that stand in every other prompt. A model that only learned to write answers does so
behind any demonstration, so the shuffled ones are the control. Demonstrations are of questions that are not
asked.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tieback.core.text.sentences import sentences
from tieback_lab.client import Client
from tieback_lab.contract.demonstrations import Demonstration
from tieback_lab.recipes.train.demonstrated import FORMS

from benchmarks.generation.answering import Asked
from benchmarks.lab import written_answers
from benchmarks.lab.written_answers import INTERVAL, PLAIN, Row, answered, measures, written
from benchmarks.report import Report, Tried
from benchmarks.statistics import interval, paired

VIRTUAL, SHUFFLED, EXAMPLES = "virtual tokens", "shuffled virtual tokens", "the examples of every prompt"
SHOWN = 4
"""Questions that demonstrations are of."""
METHOD = "52 (arXiv:2406.07588)"
IN_FORM: dict[str, Callable[[str], bool]] = {
    "capitals": str.isupper,
    "list": lambda text: text.startswith("-"),
    "marked": lambda text: text.startswith("<b>"),
}
"""Of the forms that training has, those that an answer's text tells."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    written_answers.add_arguments(parser, "aim")


def run(options: argparse.Namespace) -> Report:
    return reported(*answered(options, asked, extra=SHOWN))


def asked(client: Client, name: str, rows: Sequence[Asked], place: int) -> Row:
    """One question's answers; its place chooses form and demonstration."""
    number, forms = place - SHOWN, list(IN_FORM)
    form, other = forms[number % len(forms)], forms[(number + 1) % len(forms)]
    shown = number // len(forms) % SHOWN
    found: Row = {}
    for way, chosen in ((VIRTUAL, form), (SHUFFLED, other), (EXAMPLES, "")):
        soft = None
        if chosen:
            soft = (name, {"demonstrations": [_id(chosen, shown)]})
            client.put_demonstration(_demonstration(rows[shown], chosen, shown))
        text, worth = written(client, rows[place], [rows[place].passage], replace(PLAIN, soft_prompt=soft))
        found[way] = {"in the form": float(IN_FORM[form](text.strip())), **worth}
    return found


def reported(rows: Sequence[Row], costs: Sequence[dict[str, Any]]) -> Report:
    """A table of what was answered, and what virtual tokens gain over their controls."""
    report, table = Report(), []
    for way in (VIRTUAL, SHUFFLED, EXAMPLES):
        form, right = (interval(measures(rows, way, one)) for one in ("in the form", "right"))
        row = {"demonstrations": way, **form.row("in the form", "form"), **right.row("right")}
        row |= {"F1": float(measures(rows, way, "F1").mean())}
        table.append(row | {"tokens read": float(measures(rows, way, "tokens").mean() / 100)})
    report.table(f"Answers, percent, {len(rows)} questions", table)
    for way in (SHUFFLED, EXAMPLES):
        gain = paired(measures(rows, VIRTUAL, "in the form"), measures(rows, way, "in the form"))
        name = f"{METHOD}: answers in the form shown behind virtual tokens, over {way}"
        of = Tried(52, "ours", product=True, data="real")
        report.claim(name, gain, "points", "> 0", interval=INTERVAL, of=of)
    report.table("What a token of held-out readings of the training costs, in nats", costs)
    return report


def _demonstration(one: Asked, form: str, number: int) -> Demonstration:
    answer = one.answers[0]
    cut = [one.passage[begin:end] for begin, end in sentences(one.passage)]
    said = next((text for text in cut if answer in text), cut[0])
    return Demonstration(_id(form, number), said, one.question, FORMS[form](answer, said))


def _id(form: str, number: int) -> str:
    return f"{form}-{number}"
