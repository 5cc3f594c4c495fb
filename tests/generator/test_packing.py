"""How much of the evidence stands in a prompt."""

from __future__ import annotations

from collections.abc import Sequence

from generator.conftest import collect
from support.each import each
from tieback.generator import Generator
from tieback.generator.writing.packing import MOST_SENTENCES, packed
from tieback.generator.writing.prompting import EXCERPT_SENTENCES
from tieback_contract.answers import AnswerStyle
from tieback_contract.generation import Evidence, Grounding, SamplingParameters

SENTENCES = ["one", "one two", "one two three", "one two three four"]


def excerpt(most: int) -> Sequence[str]:
    return SENTENCES[:most]


def words(text: str) -> int:
    return len(text.split())


@each("budget, sentences", [(1, 1), (2, 1), (3, 2), (5, 2), (6, 3), (9, 3), (10, MOST_SENTENCES)])
def test_the_most_relevant_sentences_that_fit_are_taken(budget: int, sentences: int) -> None:
    assert packed(excerpt, words, budget) == sentences


def test_one_sentence_is_taken_whatever_it_has() -> None:
    assert packed(lambda most: ["a long sentence of seven whole words"] * most, words, 3) == 1


def test_without_a_budget_there_are_as_many_as_by_default() -> None:
    assert packed(excerpt, words, 0) == EXCERPT_SENTENCES


async def test_a_budget_bounds_what_the_prompt_holds_of_many_passages_and_all_are_cited(
    small_generator: Generator,
) -> None:
    evidence = [Evidence(f"the bridge number {n} is open on monday. it is old.", str(n)) for n in range(12)]

    async def tokens(budget: int) -> int:
        answer = await collect(
            small_generator,
            "is the bridge open on monday",
            evidence,
            sampling=SamplingParameters(max_tokens=4),
            grounding=Grounding(evidence_tokens=budget, abstain_below=0.0),
            style=AnswerStyle.WRITE,
        )
        return answer.finish.prompt_tokens

    least, default, more = [await tokens(budget) for budget in (1, 0, 300)]

    assert least < default < more
    assert least + 150 < more <= least + 320
