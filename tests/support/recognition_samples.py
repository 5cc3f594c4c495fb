"""Samples of what recognisers find, as `contract_samples.py` has of the rest."""

from __future__ import annotations

from typing import Any

from tieback.core.errors import InvalidInput
from tieback.core.field_path import at
from tieback.core.recognised import joined, labelled, together
from tieback.core.types.arrays import Box
from tieback.core.types.content import Modality
from tieback.core.types.generation import Citation, Evidence
from tieback.core.types.locators import Locator, LocatorKind
from tieback.core.types.recognition import RecognisedText, RecogniseReply
from tieback.core.types.report import Timing

RECOGNISED = joined([[("Café", Locator(LocatorKind.BOX, (0.25, 0.5, 0.5, 0.125)), 0.75)]], "reader")
LABELLED = labelled([("dog, hound", Locator(LocatorKind.TIME_RANGE, (0.5, 2.25)), 0.5)], "namer")
PASSAGE = Evidence("1", RECOGNISED.text, modality=Modality.IMAGE, segments=RECOGNISED.segments)
CITED = Citation(1, "2", "one", "s", (3, 9), 0.5, Box(0.25, 0.5, 0.75, 0.5), (0.5, 2.25))
RECOGNITION: dict[str, list[Any]] = {
    "recognised": [RECOGNISED, LABELLED, together([RECOGNISED, LABELLED]), RecognisedText("")],
    "recognise_reply": [
        RecogniseReply(
            [RECOGNISED, InvalidInput("bad", field=at("contents", 1))], Timing(0.5, 0.25, 0.125, 1.0)
        )
    ],
    "time": [(0.5, 2.25)],
}
