"""OpenAI's Python package, as it is, calls the HTTP door."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import openai
import pytest
from doors.conftest import SPACE
from support.local_platform import Running
from tieback_client import Client


@pytest.fixture(scope="module")
def client(door: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{door.http}/v1", api_key="none", max_retries=0) as made:
        yield made


def test_embeddings_are_those_of_the_platform(client: openai.OpenAI, door: Running) -> None:
    texts = ["The moon makes the tides.", "Bread is made of flour."]
    with Client(door.address) as own:
        expected = own.encode(texts, space=SPACE).vectors

    found = client.embeddings.create(model=SPACE, input=texts)  # the package asks for base64 by itself

    assert np.array_equal(np.array([one.embedding for one in found.data], np.float32), expected)
    assert [one.index for one in found.data] == [0, 1]
    assert found.model == SPACE
    assert found.usage.prompt_tokens == found.usage.total_tokens > 10


def test_one_text_as_numbers_is_the_same(client: openai.OpenAI) -> None:
    numbers = client.embeddings.create(model=SPACE, input="tides", encoding_format="float").data[0].embedding
    coded = client.embeddings.create(model=SPACE, input="tides").data[0].embedding

    assert len(numbers) == 384
    assert np.allclose(numbers, coded, atol=0)


def test_a_width_that_the_space_was_not_trained_for_is_refused_by_its_name_here(
    client: openai.OpenAI,
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=SPACE, input="tides", dimensions=100)

    assert caught.value.param == "dimensions"
    assert caught.value.code == "INVALID_INPUT"


def test_an_unknown_model_is_not_found_and_the_choices_are_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=SPACE) as caught:
        client.embeddings.create(model="text-embedding-3-small", input="tides")

    assert caught.value.code == "SPACE_NOT_FOUND"
    assert caught.value.request_id


def test_a_text_that_is_too_long_names_its_place(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=SPACE, input=["short", "long " * 2000])

    assert caught.value.param == "input[1]"


def test_a_text_that_is_too_long_is_cut_where_that_is_asked_for(client: openai.OpenAI) -> None:
    found = client.embeddings.create(model=SPACE, input="long " * 2000, extra_body={"truncate": True})

    assert len(found.data[0].embedding) == 384


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
def test_token_numbers_are_refused_with_the_way_out(client: openai.OpenAI, tokens: list[int]) -> None:
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False") as caught:
        client.embeddings.create(model=SPACE, input=tokens)

    assert caught.value.param == "input"
    assert caught.value.code == "UNSUPPORTED"


def test_models_are_listed_and_described(client: openai.OpenAI) -> None:
    listed = {one.id: one for one in client.models.list()}

    assert SPACE in listed
    assert "late_interaction" in listed
    assert client.models.retrieve(SPACE).id == SPACE
    with pytest.raises(openai.NotFoundError, match=SPACE):
        client.models.retrieve("gpt-9")


def test_a_field_that_is_not_known_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="there is no such field") as caught:
        client.embeddings.create(model=SPACE, input="tides", extra_body={"task": "query"})

    assert caught.value.param == "task"


def test_an_api_without_a_path_here_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="there is no such path"):
        client.moderations.create(input="tides")
