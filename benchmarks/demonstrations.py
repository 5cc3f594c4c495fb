"""Answers behind demonstrations that a language model reads as virtual tokens (AIM), asked as users ask.

Each question of `answerable/dev.jsonl` that its passage answers is asked of a server that serves what
`tieback train aim` made, behind one demonstration whose answer is said in one form: in capitals, as a list,
or marked. Nothing else tells which form is wanted. The same is asked behind that demonstration in another
form (shuffled), and behind the two examples that stand in every other prompt. A model that only learned to
write answers does so behind any demonstration, so the shuffled ones are the control. Demonstrations are of
questions that are not asked. Answers are greedy, neither judged nor checked, and right if they have one of
the texts that the file names, whatever the case of their letters.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tieback.artifacts import Artifact
from tieback.core.errors import ArtifactError
from tieback.core.text.sentences import sentences
from tieback.models.learned.soft_context import SOFT_CONTEXT
from tieback_client import AnswerStyle, Client, Demonstration, Grounding, SamplingParameters
from tieback_client.evaluation import is_right
from tieback_lab.recipes.train.demonstrated import FORMS

from benchmarks.binding.measures import interval, paired
from benchmarks.compression import Row
from benchmarks.generation.answering import Asked
from benchmarks.kept_rows import KeptRows, add_kept
from benchmarks.report import Report, Tried
from benchmarks.served import served
from benchmarks.strategies import f1, questions

VIRTUAL, SHUFFLED, EXAMPLES = "virtual tokens", "shuffled virtual tokens", "the examples of every prompt"
SHOWN = 4
"""Questions that demonstrations are of."""
TOKENS = 24
INTERVAL = "95 %, bootstrap of questions"
METHOD = "52 (arXiv:2406.07588)"
IN_FORM: dict[str, Callable[[str], bool]] = {
    "capitals": str.isupper,
    "list": lambda text: text.startswith("-"),
    "marked": lambda text: text.startswith("<b>"),
}
"""Of the forms that training has, those that an answer's text tells."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="has answerable/dev.jsonl")
    parser.add_argument(
        "--trained", type=Path, metavar="DIR", required=True, help="the folder that tieback train aim wrote"
    )
    parser.add_argument("--questions", type=int, default=100, metavar="N", help="of all sets together [100]")
    add_kept(parser)


def run(options: argparse.Namespace) -> Report:
    try:
        rows = questions(options.data, options.questions + SHOWN)
        artifact = Artifact.load(options.trained, SOFT_CONTEXT)
    except (OSError, ValueError, KeyError, ArtifactError) as error:
        raise SystemExit(f"demonstrations: {error}") from None
    shown, asked = rows[:SHOWN], rows[SHOWN:]
    kept = KeptRows(options.kept)
    settings = {"TIEBACK_ARTIFACTS": str(options.trained.absolute())}
    with served(local=True, settings=settings) as server, server.client() as client:
        for number, one in enumerate(shown):
            for form in IN_FORM:
                client.put_demonstration(_demonstration(one, form, number))
        for place, one in enumerate(asked):
            if one.question not in kept.rows:
                kept.keep(one.question, answered(client, one, place))
    return reported([kept.rows[one.question] for one in asked], artifact.facts["metrics"]["costs"])


def answered(client: Client, one: Asked, place: int) -> Row:
    """One question's answers; its place chooses form and demonstration."""
    forms = list(IN_FORM)
    form, other = forms[place % len(forms)], forms[(place + 1) % len(forms)]
    number = place // len(forms) % SHOWN
    ways = {VIRTUAL: [_id(form, number)], SHUFFLED: [_id(other, number)], EXAMPLES: []}
    found: Row = {}
    for way, demonstrations in ways.items():
        answer = client.generate(
            one.question,
            [one.passage],
            sampling=SamplingParameters(max_tokens=TOKENS),
            grounding=Grounding(abstain_below=0.0, disabled=True, demonstrations=demonstrations),
            style=AnswerStyle.WRITE,
        ).collect()
        assert answer.finish is not None
        found[way] = {
            "in the form": float(IN_FORM[form](answer.text.strip())),
            "right": float(is_right(answer.text, one.answers)),
            "F1": max(f1(answer.text, true) for true in one.answers),
            "tokens": float(answer.finish.prompt_tokens),
        }
    return found


def reported(rows: Sequence[Row], costs: Sequence[dict[str, float]]) -> Report:
    """A table of what was answered, and what virtual tokens gain over their controls."""
    report = Report()

    def of(way: str, measure: str) -> np.ndarray:
        return 100 * np.array([row[way][measure] for row in rows])

    table = []
    for way in (VIRTUAL, SHUFFLED, EXAMPLES):
        form, right = (interval(of(way, one)) for one in ("in the form", "right"))
        table.append(
            {
                "demonstrations": way,
                "in the form": form.value, "form, low": form.low, "form, high": form.high,
                "right": right.value, "right, low": right.low, "right, high": right.high,
                "F1": float(of(way, "F1").mean()), "tokens read": float(of(way, "tokens").mean() / 100),
            }
        )  # fmt: skip
    report.table(f"Answers, percent, {len(rows)} questions", table)
    for way in (SHUFFLED, EXAMPLES):
        gain = paired(of(VIRTUAL, "in the form"), of(way, "in the form"))
        report.claim(
            f"{METHOD}: answers in the form shown behind virtual tokens, over {way}",
            *(gain.value, "points", "> 0"), low=gain.low, high=gain.high, interval=INTERVAL,
            of=Tried(52, "ours", product=True, data="real"),
        )  # fmt: skip
    report.table("What a token of held-out readings of the training costs, in nats", costs)
    return report


def _demonstration(one: Asked, form: str, number: int) -> Demonstration:
    answer = one.answers[0]
    cut = [one.passage[begin:end] for begin, end in sentences(one.passage)]
    said = next((text for text in cut if answer in text), cut[0])
    return Demonstration(_id(form, number), said, one.question, FORMS[form](answer, said))


def _id(form: str, number: int) -> str:
    return f"{form}-{number}"
