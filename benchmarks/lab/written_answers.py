"""Answers that a served model writes in several ways to one question, and the gains of one way over others.

Each question of `answerable/dev.jsonl` that its passage answers is asked of a server that serves an artifact
of soft tokens. Answers are greedy, neither judged nor checked, and right if they have one of the texts that
the file names; F1 is that of their words and of the best of these.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.artifacts import Artifact
from tieback.core.errors import ArtifactError
from tieback_client import AnswerStyle, Grounding, SamplingParameters
from tieback_client.evaluation import is_right
from tieback_lab.client import Client
from tieback_lab.models.learned.soft_context import SOFT_CONTEXT

from benchmarks.data_folder import DataError, add_data, data_of, evenly, laid_out
from benchmarks.generation import HOLDS, read
from benchmarks.generation.answering import Asked
from benchmarks.kept_rows import KeptRows, add_kept
from benchmarks.served import served
from benchmarks.statistics import Floats

TOKENS = 24
INTERVAL = "95 %, bootstrap of questions"
PLAIN = Grounding(abstain_below=0.0, disabled=True)
Row = dict[str, dict[str, float]]
"""By the way in which it was written: an answer's "right", "F1", and the prompt's "tokens"."""


def add_arguments(parser: argparse.ArgumentParser, recipe: str) -> None:
    """The options that `answered` reads; the artifact is one of a recipe."""
    add_data(parser, HOLDS)
    parser.add_argument(
        "--trained",
        type=Path,
        metavar="DIR",
        required=True,
        help=f"the folder that tieback train {recipe} wrote",
    )
    parser.add_argument("--questions", type=int, default=100, metavar="N", help="of all sets together [100]")
    add_kept(parser)


def answered(
    options: argparse.Namespace, ask: Callable[[Client, str, Sequence[Asked], int], Row], extra: int = 0
) -> tuple[list[Row], Any]:
    """Findings of `ask` for each question, but for the first `extra`; and the costs that training measured.

    It is called with the client, the artifact's name, all questions, and the place of the one that is asked.
    """
    rows = questions(data_of(options, HOLDS), options.questions + extra)
    try:
        artifact = Artifact.load(options.trained, SOFT_CONTEXT)
    except ArtifactError as error:
        raise DataError(str(error)) from None
    kept, asked = KeptRows(options.kept), range(extra, len(rows))
    settings = {"TIEBACK_ARTIFACTS": str(options.trained.absolute())}
    with served(local=True, settings=settings) as server, Client(server.address) as client:
        for place in asked:
            if rows[place].question not in kept.rows:
                kept.keep(rows[place].question, ask(client, str(artifact.facts["name"]), rows, place))
    return [kept.rows[rows[place].question] for place in asked], artifact.facts["metrics"]["costs"]


@laid_out()
def questions(data: Path, most: int) -> list[Asked]:
    """So many that their passages answer, in turns from all sets."""
    sets = read(data / "answerable" / "dev.jsonl", 1 << 30)
    answerable = [
        own for rows in sets.values() if (own := [one for one in rows if one.answerable and one.answers])
    ]
    each = -(-most // len(answerable))
    taken = [evenly(rows, each) for rows in answerable]
    mixed = [rows[place] for place in range(each) for rows in taken if place < len(rows)]
    return list({one.question: one for one in mixed}.values())[:most]


def written(
    client: Client, one: Asked, evidence: Sequence[str], grounding: Grounding
) -> tuple[str, dict[str, float]]:
    """An answer's text, and what it is worth."""
    answer = client.generate(
        one.question,
        evidence,
        sampling=SamplingParameters(max_tokens=TOKENS),
        grounding=grounding,
        style=AnswerStyle.WRITE,
    ).collect()
    assert answer.finish is not None
    return answer.text, {
        "right": float(is_right(answer.text, one.answers)),
        "F1": max(f1(answer.text, true) for true in one.answers),
        "tokens": float(answer.finish.prompt_tokens),
    }


def measures(rows: Sequence[Row], way: str, measure: str) -> Floats:
    """A measure of each question's answer in a way, in percent."""
    return 100 * np.array([row[way][measure] for row in rows])


def f1(text: str, true: str) -> float:
    """Of the words of two texts, each counted as often as it is there."""
    said, wanted = (Counter(one.lower().replace(".", " ").split()) for one in (text, true))
    return 2 * (said & wanted).total() / max(said.total() + wanted.total(), 1)
