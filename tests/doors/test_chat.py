"""OpenAI's Python package, as it is, asks a collection and a model over the HTTP door."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from doors.conftest import SPACE
from support.each import each
from support.local_platform import Running, served_locally
from tieback.serving.settings import Settings
from tieback_client import AnswerStyle, Client, Item, SamplingParameters

WRITER = "smollm2-135m-instruct"
QUESTION = "What makes the tides?"
COLLECTION = "collection:handbook"
HANDBOOK = [
    Item("tides", "The gravity of the moon pulls the sea and makes the tides."),
    Item("bread", "Bread is made from flour, water, salt and yeast."),
    Item("cats", "Cats sleep for most of the day, and hunt in the evening."),
]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = Settings(
        store=tmp_path_factory.mktemp("chat") / "store",
        port=0,
        http_port=0,
        metrics_port=None,
        drain_seconds=1,
        spaces=(SPACE,),
    )
    with served_locally(settings) as running:
        with Client(running.address, timeout=60) as own:
            own.ingest("handbook", HANDBOOK).collect()
        yield running


@pytest.fixture(scope="module")
def client(platform: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{platform.http}/v1", api_key="none", max_retries=0) as made:
        yield made


def user(text: Any) -> Any:
    return [{"role": "user", "content": text}]


def test_a_collection_answers_with_its_claims_citations_and_verdicts(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(model=COLLECTION, messages=user(QUESTION))
    more: Any = found.model_extra
    own = more["tieback"]

    text = found.choices[0].message.content
    assert text is not None
    assert "moon" in text
    assert found.choices[0].finish_reason == "stop"
    claim, *_ = own["checked"]["claims"]
    citation, *_ = claim["citations"]
    begin, end = claim["span"]["bytes"]
    assert own["checked"]["text"].encode()[begin:end].decode() == claim["text"]
    cited = next(one for one in own["checked"]["sources"] if one["id"] == citation["source_id"])
    assert cited["item_id"] == citation["item_id"] == "tides"
    assert claim["verdict"]["label"] == "quoted"


def test_a_stream_says_the_same_as_the_whole(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=COLLECTION, messages=user(QUESTION))
    asked: Any = {"model": COLLECTION, "messages": user(QUESTION), "stream_options": {"include_usage": True}}
    text, reasons, usage = "", [], None
    own: dict[str, Any] = {}
    for chunk in client.chat.completions.create(stream=True, **asked):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reasons += [choice.finish_reason] if choice.finish_reason else []
        for name, value in ((chunk.model_extra or {}).get("tieback") or {}).items():
            own[name] = own.get(name, []) + value if isinstance(value, list) else value
        usage = chunk.usage or usage

    extra: Any = whole.model_extra
    assert text == whole.choices[0].message.content
    assert reasons == ["stop"]
    assert usage == whole.usage
    for name in ("checked", "supported", "style", "shown"):
        assert own[name] == extra["tieback"][name], name
    sources = [one["id"] for one in own["checked"]["sources"]]
    assert [one["id"] for one in own["evidence"]] == sources[: len(own["evidence"])]
    assert [one["id"] for one in own["claims"]] == [one["id"] for one in own["checked"]["claims"]]
    assert len(own["verdicts"]) == len(own["claims"])


def test_a_question_that_nothing_answers_is_not_answered(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(model=COLLECTION, messages=user("Who painted the Mona Lisa?"))

    own: Any = found.model_extra
    assert own["tieback"]["abstention"] is not None
    assert found.choices[0].message.content == own["tieback"]["abstention"]["message"]


def test_a_model_writes_without_a_collection_and_its_claims_are_not_checked(client: openai.OpenAI) -> None:
    asked: Any = {"model": WRITER, "messages": user("Say hello."), "max_tokens": 6, "logprobs": True}
    found = client.chat.completions.create(**asked, top_logprobs=2)

    assert found.choices[0].message.content
    assert found.usage is not None
    assert 0 < found.usage.completion_tokens <= 6
    assert found.choices[0].logprobs is not None
    scores = found.choices[0].logprobs.content
    assert scores
    assert len(scores[0].top_logprobs) == 2
    own: Any = found.model_extra
    claims = own["tieback"]["checked"]["claims"]
    assert claims
    assert all(one["verdict"]["label"] == "not_checked" for one in claims)


def test_a_model_writes_in_the_form_that_is_asked_for(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"],
              "additionalProperties": False}  # fmt: skip
    form: Any = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    found = client.chat.completions.create(
        model=WRITER, messages=user("Is water wet?"), response_format=form, max_completion_tokens=30
    )

    assert isinstance(json.loads(found.choices[0].message.content or "")["yes"], bool)


CHAT: Any = [
    {"role": "system", "content": "Be brief."},
    *user("Tell me about the Moon."),
    {"role": "assistant", "content": "It is far away."},
    *user([{"type": "text", "text": "What does it pull?"}]),
]


def test_a_question_with_earlier_messages_is_rewritten_and_answered_unless_they_are_ignored(
    client: openai.OpenAI,
) -> None:
    found = client.chat.completions.create(model=COLLECTION, messages=CHAT)
    streamed = client.chat.completions.create(model=COLLECTION, messages=CHAT, stream=True)
    ignoring = {"tieback": {"earlier_messages": "ignore"}}
    alone: Any = client.chat.completions.create(model=COLLECTION, messages=CHAT, extra_body=ignoring)

    own: Any = found.model_extra
    assert own["tieback"]["rewritten"] == "What does it pull? (Moon)"
    assert "moon" in (found.choices[0].message.content or "")
    told = [one.model_extra["tieback"] for one in streamed if one.model_extra]
    assert [one["rewritten"] for one in told if "rewritten" in one] == ["What does it pull? (Moon)"]
    assert alone.model_extra["tieback"]["rewritten"] == ""


def test_a_server_is_an_endpoint_of_another_one(
    platform: Running, tmp_path: Path, client: openai.OpenAI
) -> None:
    card = {
        "name": "near", "role": "generator", "runtime": "chat_endpoint", "description": "The other server.",
        "license": "unstated", "upstream": "us", "context_tokens": 2048,
        "options": {"base_url": f"{platform.http}/v1", "model": WRITER},
    }  # fmt: skip
    (tmp_path / "near.yaml").write_text(json.dumps(card))
    settings = Settings(
        cards=tmp_path, store=tmp_path / "store", port=0, http_port=0, metrics_port=None, drain_seconds=1,
        spaces=(SPACE,), generator="near",
    )  # fmt: skip
    with served_locally(settings) as other, Client(other.address, timeout=60) as asking:
        asking.ingest("handbook", HANDBOOK).collect()
        written = asking.answer("handbook", QUESTION, sampling=SamplingParameters(max_tokens=8)).collect()
        with openai.OpenAI(base_url=f"{other.http}/v1", api_key="none", max_retries=0) as through:
            chunks = list(
                through.chat.completions.create(model="near", messages=CHAT, max_tokens=8, stream=True)
            )
            near = through.models.retrieve("near")

    assert written.finish is not None
    assert (written.finish.style, written.finish.model) == (AnswerStyle.WRITE, "near")
    assert written.text
    assert written.degraded is None
    straight = client.chat.completions.create(model=WRITER, messages=CHAT, max_tokens=8)
    assert (
        "".join(one.choices[0].delta.content or "" for one in chunks) == straight.choices[0].message.content
    )
    assert near.id == "near"


@each(
    "fields, param, told",
    [
        ({"n": 2}, "n", "other seeds"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "MCP"),
        ({"temperature": 3.0}, "temperature", "less than or equal to 2"),
        ({"stop": [1]}, "stop[0]", "text"),
        ({"messages": []}, "messages", "no question"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages[0].role", "user"),
        ({"messages": [*user("x"), *CHAT]}, "messages[1].role", "system messages come first"),
        ({"messages": [CHAT[0], *user("x") * 66]}, "messages", "at most 64"),
        ({"messages": [CHAT[0], *user("x" * (1 << 20)), *CHAT[1:]]}, "messages[1].content", "bytes"),
        ({"messages": user([{"type": "input_audio"}])}, "messages[0].content[0]", "over gRPC"),
        (
            {"messages": user([{"type": "image_url", "image_url": {"url": "http://10.0.0.1/a.png"}}])},
            "messages[0].content[0].image_url.url",
            "fetches nothing",
        ),
        ({"extra_body": {"tieback": {"collection": "other"}}}, "tieback.collection", "another collection"),
        ({"extra_body": {"tieback": {"filter": "year >"}}}, "tieback.filter", "year"),
        ({"max_tokens": 5, "extra_body": {"tieback": {"style": "quote"}}}, "model", "quote"),
        (
            {"extra_body": {"tieback": {"options": {"diversity": 0.5, "reranker": "late_interaction"}}}},
            "tieback.options.diversity",
            "reranker",
        ),
    ],
)
def test_what_is_wrong_or_missing_is_named(
    client: openai.OpenAI, fields: dict[str, Any], param: str, told: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=told) as caught:
        client.chat.completions.create(**({"model": COLLECTION, "messages": user(QUESTION)} | fields))

    assert caught.value.param == param


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["gpt-9", "collection:none"])
def test_what_is_not_there_has_a_status_of_its_own(client: openai.OpenAI, model: str, stream: bool) -> None:
    with pytest.raises(openai.NotFoundError, match=COLLECTION) as caught:
        client.chat.completions.create(model=model, messages=user(QUESTION), stream=stream)

    told: Any = caught.value.body
    assert told["choices"] == [COLLECTION, WRITER]
    assert told["code"] == ("COLLECTION_NOT_FOUND" if ":" in model else "MODEL_NOT_FOUND")
    assert f"no model is named {model!r}" in told["message"]


def test_a_photo_is_part_of_a_question(client: openai.OpenAI) -> None:
    photo = "data:image/png;base64," + base64.b64encode(b"no photo").decode()
    parts = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": photo}}]
    with pytest.raises(openai.APIStatusError) as caught:  # of this platform no space reads photos
        client.chat.completions.create(model=COLLECTION, messages=user(parts))

    assert caught.value.status_code in (400, 501)


def test_a_caller_that_goes_away_ends_the_work(platform: Running, client: openai.OpenAI) -> None:
    labels = {"service": "GeneratorService", "method": "Generate"}
    asked: Any = {"model": WRITER, "messages": user("Write a long story."), "max_tokens": 500}
    stream = client.chat.completions.create(stream=True, **asked)
    next(iter(stream))
    assert platform.value("tieback_in_flight", **labels) == 1
    stream.close()

    for _ in range(100):
        if platform.value("tieback_in_flight", **labels) == 0:
            break
        time.sleep(0.05)
    assert platform.value("tieback_in_flight", **labels) == 0
