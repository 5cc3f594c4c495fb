"""Answers that are checked, while they are written, by a checker of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from generator.conftest import Answer, collect
from support.chat_server import ChatServer
from support.endpoint_asking import EVIDENCE, QUESTION, card
from support.predict_server import PredictServer, checker_of, predict_server
from tieback.core.errors import Unavailable
from tieback.encoder import Encoder
from tieback.generator import Generator, GeneratorParts
from tieback.grounding import CardChecker, Checkers, EndpointReader, OwnChecker
from tieback.models.language.chat_endpoint import EndpointModel
from tieback.models.language.claim_endpoint import ClaimEndpointModel
from tieback_contract.answers import Repair
from tieback_contract.claims import VerdictLabel
from tieback_contract.generation import Grounding
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice

OWN = Grounding(checker=MethodChoice("far"), abstain_below=0.0)


async def asked(
    encoder: Encoder, server: ChatServer, url: str, folder: Path, grounding: Grounding = OWN, **how: Any
) -> Answer:
    own = CardChecker(EndpointReader(ClaimEndpointModel(checker_of(folder, url)), limits=Limits()))
    generator = Generator(
        GeneratorParts(
            [EndpointModel(card(server.base_url))],
            encoder,
            space="bag-of-words",
            checkers=Checkers(own={"far": OwnChecker(own, "rev")}, default="far"),
        )
    )
    try:
        return await collect(generator, QUESTION, EVIDENCE, grounding=grounding, **how)
    finally:
        await generator.close()
        await own.close()


async def test_a_written_claim_gets_the_verdict_of_the_users_model(
    server: ChatServer, encoder: Encoder, tmp_path: Path
) -> None:
    for likely, label, score in (
        (("bridge",), VerdictLabel.SUPPORTED, 0.9),
        ((), VerdictLabel.UNSUPPORTED, 0.2),
    ):
        async with predict_server(PredictServer(likely)) as far:
            answer = await asked(encoder, server, far.base_url, tmp_path)

        [verdict] = answer.verdicts
        assert (verdict.label, verdict.checker, verdict.checker_revision) == (label, "far", "rev")
        assert verdict.score == pytest.approx(score)
        assert [one.evidence_id for one in answer.citations] == (["a"] if likely else [])


async def test_a_claim_that_the_users_model_does_not_support_is_not_shown_where_that_is_asked(
    server: ChatServer, encoder: Encoder, tmp_path: Path
) -> None:
    grounding = Grounding(checker=MethodChoice("far"), abstain_below=0.0, repair=Repair.DROP)

    async with predict_server(PredictServer(())) as far:
        answer = await asked(encoder, server, far.base_url, tmp_path, grounding)

    assert answer.text == ""


async def test_where_the_checker_is_away_no_other_one_and_no_quote_takes_its_place(
    server: ChatServer, encoder: Encoder, tmp_path: Path
) -> None:
    for grounding in (OWN, Grounding(abstain_below=0.0)):
        with pytest.raises(Unavailable, match="far does not answer; claims cannot be checked"):
            await asked(encoder, server, "http://127.0.0.1:9", tmp_path, grounding)
