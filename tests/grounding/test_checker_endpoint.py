"""A checker that another server runs: what it is asked, and what is told where it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.predict_server import PredictServer, predict_server
from support.predict_server import checker_of as card
from tieback.catalog.checker_card import CheckerCard
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    EndpointMisconfigured,
    EndpointUnavailable,
    Overloaded,
    StartupError,
    TiebackError,
)
from tieback.core.types.generation import CheckedClaims, CheckGroundingRequest, GroundingCheck
from tieback.grounding import CardChecker, EndpointReader
from tieback.models.language.claim_endpoint import ClaimEndpointModel
from tieback_contract.claims import Verdict, VerdictLabel
from tieback_contract.generation import Evidence
from tieback_contract.limits import Limits

OWL, WREN = "The owl flies at night.", "A wren sleeps in the barn."


@pytest.fixture
async def server() -> AsyncIterator[PredictServer]:
    async with predict_server(PredictServer()) as running:
        yield running


async def checked(
    found: CheckerCard, text: str = OWL, *passages: str, deadline: Deadline | None = None
) -> list[Verdict]:
    checker = CardChecker(EndpointReader(ClaimEndpointModel(found), limits=Limits()))
    evidence = [Evidence(one, str(place)) for place, one in enumerate(passages or (OWL,))]
    asked = GroundingCheck(text, evidence, [(0, len(text.encode()))])
    try:
        reply = await checker.check_grounding(
            CheckGroundingRequest([asked]), Call(deadline or Deadline.after(20))
        )
    finally:
        await checker.close()
    [result] = reply.results
    if isinstance(result, TiebackError):
        raise result
    assert isinstance(result, CheckedClaims)
    return list(result.verdicts)


async def test_claims_get_the_probabilities_that_the_endpoint_answers_with(
    server: PredictServer, tmp_path: Path
) -> None:
    [near] = await checked(card(tmp_path, server.base_url), OWL, OWL, WREN)
    [far] = await checked(card(tmp_path, server.base_url), WREN)

    assert [near.label, far.label] == [VerdictLabel.SUPPORTED, VerdictLabel.UNSUPPORTED]
    assert [near.score, far.score] == pytest.approx([0.9, 0.2])
    assert server.asked[0] == {"inputs": [[OWL, OWL], [WREN, OWL]], "truncate": True, "raw_scores": False}


async def test_inputs_windows_batches_and_the_token_are_those_of_the_card(
    server: PredictServer, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("secret\n")
    found = card(
        tmp_path, server.base_url, inputs=["{evidence} so {claim}"], window_tokens=10,
        options={"batch": 2, "token_file": str(tmp_path / "token")},
    )  # fmt: skip

    await checked(found, OWL, f"{OWL} {WREN} {OWL}")

    sent = [text for body in server.asked for [text] in body["inputs"]]
    assert sent == [f"{OWL} so {OWL}", f"{WREN} so {OWL}", f"{OWL} so {OWL}"][: len(sent)]
    assert [len(body["inputs"]) for body in server.asked] == [2]
    assert server.headers[0]["Authorization"] == "Bearer secret"


async def test_an_endpoint_that_was_away_for_a_moment_is_asked_again(
    server: PredictServer, tmp_path: Path
) -> None:
    for status in (503, 429):
        server.failures.append(status)

        assert len(await checked(card(tmp_path, server.base_url))) == 1
    assert len(server.asked) == 4


async def test_what_goes_wrong_is_told_without_a_word_that_is_secret(
    server: PredictServer, tmp_path: Path
) -> None:
    found = card(tmp_path, server.base_url, options={"attempts": 1})

    for failure, kind, words in (
        (503, EndpointUnavailable, "far is away"),
        (401, EndpointUnavailable, "refuses this server's token"),
        (429, Overloaded, "busy"),
        (422, EndpointMisconfigured, r"status 422\): no such input; correct base_url"),
    ):
        server.failures.append(failure)
        with pytest.raises(kind, match=words):
            await checked(found)
    for answer, kind, words in (
        (
            [[{"label": "maybe", "score": 0.5}]],
            EndpointMisconfigured,
            "does not name; the card names: yes, no",
        ),
        ([[{"label": "yes", "score": 7}]], EndpointUnavailable, "no answer"),
        ([[]], EndpointUnavailable, "no answer"),
        ([], EndpointUnavailable, "no answer"),
        ({"error": 1}, EndpointUnavailable, "no answer"),
        ("text", EndpointUnavailable, "no answer"),
    ):
        server.answer = answer
        with pytest.raises(kind, match=words):
            await checked(found)
    with pytest.raises(EndpointUnavailable, match="does not answer"):
        await checked(card(tmp_path, "http://127.0.0.1:9", options={"attempts": 1}))


async def test_a_single_answer_may_come_without_a_list_around_it(
    server: PredictServer, tmp_path: Path
) -> None:
    server.answer = server.labels([OWL])

    assert (await checked(card(tmp_path, server.base_url)))[0].label is VerdictLabel.SUPPORTED


async def test_a_probe_says_why_it_cannot_be_asked(server: PredictServer, tmp_path: Path) -> None:
    model = ClaimEndpointModel(card(tmp_path, server.base_url))
    told = []

    for status in (200, 401, 500):
        server.health = status
        told.append(await model.probe())
    await model.close()

    assert told[0] == ""
    assert "refuses this server's token" in told[1]
    assert "status 500" in told[2]


def test_a_card_that_would_give_its_token_away_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="only sent by https"):
        card(tmp_path, "http://far.example", options={"token_variable": "TOKEN"})
    with pytest.raises(StartupError, match="holds none"):
        ClaimEndpointModel(card(tmp_path, "https://far.example", options={"token_variable": "NO_SUCH_TOKEN"}))


async def test_a_silent_endpoint_does_not_outlast_the_deadline(tmp_path: Path) -> None:
    async def stay(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)
        writer.close()

    listener = await asyncio.start_server(stay, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]

    with pytest.raises(TiebackError):
        await checked(card(tmp_path, f"http://127.0.0.1:{port}"), deadline=Deadline.after(0.3))
    listener.close()
