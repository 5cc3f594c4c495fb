"""Characters that show nothing, or something else than they are, in questions, evidence and claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest
from support.each import each
from support.local_platform import Running, served_locally
from tieback.serving.settings import Settings
from tieback.v1 import evidence_pb2, generator_pb2, grounding_pb2
from tieback_client import AnswerStyle, Client, InvalidArgument, VerdictLabel

EVIDENCE = "The harbour of Port Alder was opened in 1250. Interns are not paid for on-call."
RIGHT, WRONG = (
    "The harbour of Port Alder was opened in 1250.",
    "The harbour of Port Alder was opened in 1520.",
)
QUESTION = "When was the harbour of Port Alder opened?"
EMOJI = "🚢" * (1 << 18)


def woven(character: str) -> Callable[[str], str]:
    """With the character after each letter and digit."""
    return lambda text: "".join(one + character * one.isalnum() for one in text)


HIDING: dict[str, Callable[[str], str]] = {
    "zero-width spaces": woven("\u200b"),
    "zero-width joiners": woven("\u200d"),
    "byte order marks": woven("\ufeff"),
    "soft hyphens": woven("\u00ad"),
    "directional marks": woven("\u200f"),
    "tags": woven("\U000e0041"),
    "variation selectors": woven("\ufe0f"),
    "full-width digits": lambda text: text.translate({ord("0") + n: chr(0xFF10 + n) for n in range(10)}),
    "Arabic digits": lambda text: text.translate({ord("0") + n: chr(0x660 + n) for n in range(10)}),
    "isolates": lambda text: f"\u2067{text}\u2069",
}
ODD = {
    "combining marks": woven("\u0301\u0316\u0334" * 8),
    "only combining marks": lambda text: "\u0301" * len(text),
    "overrides that are never closed": lambda text: "\u202e" * 50 + text,
    "nested isolates": lambda text: "\u2066" * 500 + text,
    "noncharacters": woven("\uffff"),
    "private use": woven("\ue000"),
    "nothing that shows": lambda text: "\u200b" * len(text),
    "letters of another script": lambda text: text.translate(str.maketrans("aeo", "аео")),
    "joined emoji": lambda text: text + " 👩‍👩‍👧‍👦" * 200,
}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = Settings(
        store=tmp_path_factory.mktemp("unicode") / "store",
        port=0,
        metrics_port=None,
        drain_seconds=1,
        spaces=("all-minilm-l6-v2",),
        generator="none",
    )
    with served_locally(settings) as running:
        yield running


@pytest.fixture
def client(platform: Running) -> Iterator[Client]:
    with Client(platform.address, timeout=60) as client:
        yield client


def labels(client: Client, text: str, evidence: str) -> list[VerdictLabel]:
    checked = client.check(text, [evidence])
    for claim in checked.claims:
        assert text.encode()[slice(*claim.span)].decode() == claim.text
    for citation in checked.citations:
        assert citation.span is not None
        evidence.encode()[slice(*citation.span)].decode()  # whole characters
    return [checked.verdicts[claim.id].label for claim in checked.claims]


@each("hidden", HIDING.values())
def test_what_is_shown_is_checked_whatever_is_hidden_in_it(
    client: Client, hidden: Callable[[str], str]
) -> None:
    assert labels(client, hidden(RIGHT), EVIDENCE) == [VerdictLabel.SUPPORTED]
    assert labels(client, RIGHT, hidden(EVIDENCE)) == [VerdictLabel.SUPPORTED]
    assert labels(client, hidden(WRONG), EVIDENCE) == [VerdictLabel.CONTRADICTED]
    assert labels(client, WRONG, hidden(EVIDENCE)) == [VerdictLabel.CONTRADICTED]


@each(
    "claim, said",
    [
        ("The harbour of Port Alder was opened in \u202e1250\u202c.", EVIDENCE),
        ("The harbour of Port Alder was opened in 125\u200b00.", EVIDENCE),
        (RIGHT, EVIDENCE.replace("1250", "\u202e1250\u202c")),
        (RIGHT, EVIDENCE.replace("1250", "1250\u200b0")),
        ("Interns are n\u200bot paid.", "Interns are paid."),
        ("Interns are paid for on-call.", EVIDENCE.replace("not", "n\u00adot")),
    ],
)
def test_what_is_shown_otherwise_than_it_is_written_is_never_ticked(
    client: Client, claim: str, said: str
) -> None:
    assert VerdictLabel.SUPPORTED not in labels(client, claim, said)


@each("odd", ODD.values())
def test_odd_texts_get_an_answer_or_a_refusal_that_names_the_field(
    client: Client, odd: Callable[[str], str]
) -> None:
    assert VerdictLabel.SUPPORTED not in labels(client, odd(WRONG), EVIDENCE)
    assert VerdictLabel.SUPPORTED not in labels(client, WRONG, odd(EVIDENCE))
    for question, evidence in ((odd(QUESTION), EVIDENCE), (QUESTION, odd(EVIDENCE))):
        answer = client.generate(question, [evidence], style=AnswerStyle.QUOTE).collect()
        assert answer.abstention is not None or answer.text in evidence


def test_a_megabyte_of_emoji_is_answered_or_refused_with_the_limit(client: Client) -> None:
    assert len(EMOJI.encode()) == 1 << 20
    assert VerdictLabel.SUPPORTED not in labels(client, RIGHT, EMOJI)
    assert client.generate(QUESTION, [EMOJI], style=AnswerStyle.QUOTE).collect().abstention is not None
    assert VerdictLabel.SUPPORTED not in labels(client, EMOJI, EVIDENCE)
    assert client.generate(EMOJI, [EVIDENCE], style=AnswerStyle.QUOTE).collect().abstention is not None
    for text, evidence, field in ((EMOJI * 2, EVIDENCE, "text"), (RIGHT, EMOJI + "!", "evidence")):
        with pytest.raises(InvalidArgument, match=r"at most [\d,]+") as refused:
            client.check(text, [evidence])
        assert str(refused.value.violations[0].field).startswith(f"checks[0].{field}")


@pytest.mark.parametrize("field", ["prompt", "evidence", "text"])
async def test_half_a_surrogate_pair_is_refused_before_it_is_read(platform: Running, field: str) -> None:
    half = "\ud83d".encode("utf-8", "surrogatepass")
    place = "?" * len(half)
    evidence = [evidence_pb2.Evidence(id="1", text=place if field == "evidence" else EVIDENCE)]
    request = (
        grounding_pb2.CheckGroundingRequest(
            checks=[grounding_pb2.GroundingCheck(text=place, evidence=evidence)]
        )
        if field == "text"
        else generator_pb2.GenerateRequest(prompt=place if field == "prompt" else QUESTION, evidence=evidence)
    )
    sent = request.SerializeToString().replace(place.encode(), half)
    assert half in sent

    method = "GroundingService/CheckGrounding" if field == "text" else "GeneratorService/Generate"
    async with grpc.aio.insecure_channel(platform.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for _ in channel.unary_stream(f"/tieback.v1.{method}", None, None)(sent, timeout=30):
                pass

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
