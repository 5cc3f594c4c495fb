"""The checker that also asks a language model, and servers that have none."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.catalog.catalog import Catalog
from tieback.core.deadline import NO_DEADLINE
from tieback.core.errors import InvalidInput
from tieback.core.field_path import at
from tieback.core.state import State
from tieback.core.types.generation import Evidence
from tieback.core.types.method_choice import MethodChoice
from tieback.encoder import Encoder
from tieback.grounding import Checkers, PassageReader
from tieback.models.loading import load_encoder
from tieback.models.state_artifact import CHECKER
from tieback.models.store import Store

SPACE = "all-minilm-l6-v2"
ALIGNMENT = "token_alignment"
ASKED = MethodChoice(ALIGNMENT, {"likelihood": True})
SAID = (
    "The bridge was built in 1884. Moss grows on stones. It is repaired each spring. Boats pass below it. "
    "Its toll is two crowns. Nobody lives on it."
)


@pytest.fixture(scope="module")
def state() -> State:
    served = [card.space for card in Catalog.load().encoders() if card.name == SPACE]
    found = CHECKER.learned(CHECKER.shipped(), served)
    assert found is not None
    return found


def test_a_server_without_a_language_model_refuses_to_ask_one(state: State) -> None:
    with pytest.raises(InvalidInput, match="asks a language model in the process of the checker") as error:
        Checkers({ALIGNMENT: state}).configured(ASKED, at("checker"))
    assert str(error.value.field) == "checker.parameters.likelihood"

    Checkers({ALIGNMENT: state}).configured(MethodChoice(ALIGNMENT, {"likelihood": False}), at("checker"))


async def test_the_model_reads_the_nearest_sentences_and_its_likelihood_moves_the_score(state: State) -> None:
    [card] = [card for card in Catalog.load().encoders() if card.name == SPACE]
    encoder = Encoder([load_encoder(card, Store())])
    claim = "One pays two crowns for the bridge."
    passages, [stated] = await PassageReader(encoder, SPACE).read(
        [Evidence("a", SAID)], [claim], NO_DEADLINE, tokens=True
    )
    await encoder.close()
    heard: list[tuple[str, str]] = []

    def score(behind: float) -> float:
        def likelihoods(evidence: str, stated: str) -> np.ndarray:
            heard.append((evidence, stated))
            return np.array([behind, -4.0], np.float32)

        checker = Checkers({ALIGNMENT: state}, likelihoods).configured(ASKED, at("checker"))
        return checker.check(stated, passages).score

    assert score(-1.0) > score(-4.0)
    [evidence] = {evidence for evidence, _ in heard}
    assert "Its toll is two crowns." in evidence
    assert len(evidence) < len(SAID)
    assert {said for _, said in heard} == {claim}
