"""Samples of what recognisers find, as `contract_samples.py` has of the rest."""

from __future__ import annotations

from typing import Any

from tieback.core.errors import InvalidInput
from tieback.core.recognised import joined, labelled, together
from tieback.core.types.content import RecogniseReply
from tieback_contract.arrays import Box
from tieback_contract.claims import Citation
from tieback_contract.field_path import at
from tieback_contract.generation import Evidence
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText
from tieback_contract.reports import Timing

RECOGNISED = joined([[("Café", Locator(LocatorKind.BOX, (0.25, 0.5, 0.5, 0.125)), 0.75)]], "reader")
LABELLED = labelled([("dog, hound", Locator(LocatorKind.TIME_RANGE, (0.5, 2.25)), 0.5)], "namer")
PASSAGE = Evidence(RECOGNISED.text, "1", modality=Modality.IMAGE, segments=RECOGNISED.segments)
CITED = Citation(1, "2", "one", "s", (3, 9), 0.5, Box(0.25, 0.5, 0.75, 0.5), (0.5, 2.25))
RECOGNITION: dict[str, list[Any]] = {
    "recognised": [RECOGNISED, LABELLED, together([RECOGNISED, LABELLED]), RecognisedText("")],
    "recognise_reply": [
        RecogniseReply(
            [RECOGNISED, InvalidInput("bad", field=at("contents", 1))], Timing(0.5, 0.25, 0.125, 1.0)
        )
    ],
}
