"""How the benchmarks time verdicts and count what repairs do, on answers that are written here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
from tieback_client import (
    Answer,
    Claim,
    Client,
    Grounding,
    Repair,
    Repaired,
    TextDelta,
    Verdict,
    VerdictLabel,
)

from benchmarks.generation.answering import Asked
from benchmarks.generation.repairing import repairing
from benchmarks.report import Report
from benchmarks.verdicts import watched

pytestmark = pytest.mark.all

ASKED = [Asked("How long is it?", "It is 40 m long.", True, ["40"])]


class Slow:
    """Writes a sentence in two parts, and its verdict some time after the second."""

    def generate(self, *_: Any, **__: Any) -> Iterator[Any]:
        yield TextDelta("It is ")
        time.sleep(0.05)
        yield TextDelta("40 m long.")
        time.sleep(0.02)
        yield Claim(1, (0, 16), "It is 40 m long.")
        yield Verdict(1, VerdictLabel.SUPPORTED, 1.0, "verbatim")


def test_a_verdict_is_timed_from_the_last_text_of_its_claim() -> None:
    begin = time.monotonic()
    times = watched(cast(Client, Slow()), ASKED, 0)
    whole = time.monotonic() - begin

    (verdict,) = times.verdicts
    assert 0.02 <= verdict <= whole - 0.05  # from its first text it would be all of it
    assert times.texts[0] >= 0.05


class Repairing:
    """Has the right answer unless it is dropped, and writes it again where it is asked to."""

    def generate(self, *_: Any, grounding: Grounding, **__: Any) -> Any:
        text = "" if grounding.repair is Repair.DROP else "It is 40 m long."
        gone = [Repaired((0, len(text)), "It is 40 m long.", VerdictLabel.UNSUPPORTED, 0.1)]
        label = VerdictLabel.UNSUPPORTED if grounding.repair is Repair.NONE else VerdictLabel.SUPPORTED
        verdicts = {1: Verdict(1, label, 1.0, "verbatim")} if text else {}
        answer = Answer(text, [], [], verdicts, repaired=[] if grounding.repair is Repair.NONE else gone)

        class Stream:
            def collect(self) -> Answer:
                return answer

        return Stream()


def test_a_repair_that_drops_a_right_answer_is_counted_as_having_lost_it() -> None:
    report = Report()

    repairing(report, cast(Client, Repairing()), {"one": ASKED})

    rows = {row["repair"]: row for row in report.tables["written answers, repaired"]}
    assert (rows["none"]["unsupported"], rows["none"]["right and lost"]) == (1, 0)
    assert (rows["drop"]["nothing left"], rows["drop"]["right and lost"], rows["drop"]["written again"]) == (
        1,
        1,
        0,
    )
    assert (rows["rewrite"]["right"], rows["rewrite"]["right and lost"]) == (1, 0)
    assert {claim.name.split()[-1]: claim.met for claim in report.claims} == {"drop": False, "rewrite": True}
