"""The checker that reads claims with their evidence: what it reads and asks, and which verdict follows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback.core.text.passage_units import in_bytes
from tieback.grounding import Checkers
from tieback.methods.grounding import Finding, Passage, Statement, checkers
from tieback.methods.grounding._features import FEATURES, HEARD
from tieback_contract.arrays import Array
from tieback_contract.claims import NotCheckedReason, VerdictLabel
from tieback_contract.field_path import at
from tieback_contract.method_choice import MethodChoice

STATE: State = {
    "weight": np.eye(len(FEATURES), dtype=np.float32)[0],  # the reading alone
    "bias": np.zeros(1, np.float32),
    "contradicted": np.array([2.0], np.float32),
    "curve": np.array([[0.1, 0.4, 0.95], [0.5, 0.8, 0.7], [0.9, 0.95, 0.6]], np.float32),
    "heard.weight": np.array([float(name == "gain") for name in HEARD], np.float32),
    "heard.bias": np.zeros(1, np.float32),
}
NAME = "claim_reading"
ASKED = MethodChoice(NAME, {"likelihood": True})
NOTHING = np.zeros(0, np.float32)
SUPPORTS, DENIES, OPEN = (np.array(one, np.float32) for one in ([4, 0, 0], [0, 4, 0], [0, 0, 4]))


def passage(text: str) -> Passage:
    parts = list(in_bytes(text))
    spans = [span for _, span in parts]
    return Passage(text, spans, np.zeros((len(parts), 0), np.float32), reads=[one.read for one, _ in parts])


def check(claim: str, *texts: str, read: Callable[[str, str], Array]) -> Finding:
    method = checkers.configure("claim_reading")
    return method(Statement(claim, NOTHING, read=read), [passage(text) for text in texts], STATE)


def has(word: str) -> Callable[[str, str], Array]:
    """Supports what has the word beside it."""
    return lambda _, evidence: SUPPORTS if word in evidence else OPEN


def test_a_claim_is_as_well_supported_as_its_weakest_sentence() -> None:
    read: list[str] = []

    def reader(claim: str, _: str) -> Array:
        read.append(claim)
        return SUPPORTS if "bridge" in claim else OPEN

    evidence = "The bridge was built in 1884. It was paid by the town."
    whole = check("The bridge is old. The ferry is new.", evidence, read=reader)
    part = check("The bridge is old.", evidence, read=reader)

    assert read[:2] == ["The bridge is old.", "The ferry is new."]
    assert part.label is VerdictLabel.SUPPORTED
    assert whole.label is not VerdictLabel.SUPPORTED
    assert whole.score < part.score


def test_sentences_of_several_passages_are_read_together_and_those_of_each_alone() -> None:
    read: list[str] = []

    def reader(_: str, evidence: str) -> Array:
        read.append(evidence)
        return SUPPORTS if "1884" in evidence and "Linz" in evidence else OPEN

    found = check(
        "The bridge of Linz was built in 1884.", "The bridge is in Linz.", "The bridge was built in 1884.",
        read=reader,
    )  # fmt: skip

    assert found.label is VerdictLabel.SUPPORTED
    assert {*read} == {
        "The bridge is in Linz.", "The bridge was built in 1884.",
        "The bridge is in Linz. The bridge was built in 1884.",
    }  # fmt: skip
    assert [one.score > 0.9 for one in found.passages] == [True, True]  # each has a part of it


def test_of_long_evidence_the_nearest_sentences_are_read_with_their_neighbours() -> None:
    filler = " ".join(f"The river has {number} boats on it in the summer months." for number in range(60))
    read: list[str] = []

    def reader(_: str, evidence: str) -> Array:
        read.append(evidence)
        return OPEN

    check(
        "The bridge was built by Anna Lindt.", f"A bridge is here. {filler} Anna Lindt built it.", read=reader
    )

    assert len(read) == 2
    assert "The river has 59 boats on it in the summer months. Anna Lindt built it." in read
    assert "A bridge is here. The river has 0 boats on it in the summer months." in read


def test_what_the_window_says_that_supports_most_counts() -> None:
    evidence = f"Anna Lindt built the bridge. {'Boats pass. ' * 20}Anna Lindt was born here. Ann is old."
    found = check(
        "Anna Lindt built the bridge.", evidence,
        read=lambda _, said: SUPPORTS if said == "Anna Lindt built the bridge. Boats pass." else OPEN,
    )  # fmt: skip

    assert found.label is VerdictLabel.SUPPORTED


def test_the_same_words_with_another_number_contradict_whatever_the_network_finds() -> None:
    found = check(
        "The old bridge was built in 1884.",
        "The old bridge was built in 1890.",
        read=lambda *_: OPEN,
    )

    assert found.label is VerdictLabel.CONTRADICTED
    assert found.passages[0].contradicts
    assert found.passages[0].span == (0, 33)


def test_what_the_evidence_has_word_for_word_is_supported_whatever_the_network_finds() -> None:
    evidence = "In 1884 the old bridge was built by the town. It is red."
    found = check("The old bridge was built by the town.", evidence, read=lambda *_: OPEN)
    method = checkers.configure("claim_reading", {"precision": 0.99})
    strict = method(
        Statement("The old bridge was built by the town.", NOTHING, read=lambda *_: OPEN),
        [passage(evidence)],
        STATE,
    )

    assert found.label is VerdictLabel.SUPPORTED
    assert strict.label is VerdictLabel.LOW_CONFIDENCE  # it is right less often than that


def test_a_claim_is_contradicted_where_the_network_is_sure_and_open_where_it_is_not() -> None:
    denied = check("The ferry is free.", "Passengers buy tickets.", read=lambda *_: DENIES)
    unsure = np.array([0.5, 0.5, 0.0], np.float32)

    assert denied.label is VerdictLabel.CONTRADICTED
    assert check("The ferry is free.", "It is red.", read=lambda *_: OPEN).label is (VerdictLabel.UNSUPPORTED)
    assert check("The ferry is free.", "The ferry is red.", read=lambda *_: unsure).label is (
        VerdictLabel.LOW_CONFIDENCE
    )


def test_what_states_nothing_is_not_checked_and_without_a_network_nothing_is() -> None:
    found = check("…!", "It is red.", read=has("red"))

    assert (found.label, found.reason) == (VerdictLabel.NOT_CHECKED, NotCheckedReason.STATES_NOTHING)
    with pytest.raises(InvalidInput, match="needs the network"):
        checkers.configure("claim_reading")(Statement("It is red.", NOTHING), [passage("It is.")], STATE)


def test_the_language_model_reads_all_that_the_passages_say_and_its_likelihood_moves_the_score() -> None:
    filler = " ".join(f"The river has {number} boats on it in the summer months." for number in range(60))
    texts = [f"A bridge is here. {filler} Its toll is two crowns.", "Cats sleep.", "The bridge is red."]
    asked: list[tuple[str, str]] = []
    read: list[str] = []

    def reader(_: str, evidence: str) -> Array:
        read.append(evidence)
        return OPEN

    def found(behind: float) -> Finding:
        def likelihoods(evidence: str, claim: str) -> Array:
            asked.append((evidence, claim))
            return np.array([behind, -4.0], np.float32)

        checker = Checkers({NAME: STATE}, likelihoods, reads=reader).configured(ASKED, at("checker"))
        return checker.check(Statement("The bridge is old.", NOTHING), [passage(one) for one in texts])

    likely, unlikely = found(-1.0), found(-4.0)

    assert (likely.label, unlikely.label) == (VerdictLabel.SUPPORTED, VerdictLabel.LOW_CONFIDENCE)
    assert [likely.score, unlikely.score] == pytest.approx([1 / (1 + np.exp(-3)), 0.5])
    assert set(asked) == {
        (f"{texts[0]}\n{texts[2]}", "The bridge is old.")
    }  # what speaks of the claim, whole
    assert len(asked) == 2  # once for each claim, however often the network reads
    assert max(map(len, read)) < len(texts[0])


def test_a_likelihood_is_refused_without_the_language_model_or_weights_for_it() -> None:
    deaf = {**STATE, "heard.weight": np.zeros(0, np.float32)}

    with pytest.raises(InvalidInput, match="asks a language model in the process of the checker") as error:
        Checkers({NAME: STATE}).configured(ASKED, at("checker"))
    assert str(error.value.field) == "checker.parameters.likelihood"
    with pytest.raises(InvalidInput, match="learned of no language model") as error:
        Checkers({NAME: deaf}, lambda *_: NOTHING).configured(ASKED, at("checker"))
    assert str(error.value.field) == "checker.parameters.likelihood"

    Checkers({NAME: deaf}).configured(MethodChoice(NAME, {"likelihood": False}), at("checker"))
