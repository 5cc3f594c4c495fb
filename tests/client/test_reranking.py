"""Candidates go out and come back in a new order, whatever they are."""

from __future__ import annotations

import numpy as np
import pytest
from tieback_client import (
    Audio,
    Candidate,
    Client,
    Image,
    InvalidArgument,
    Locator,
    LocatorKind,
    Locators,
    MultiVector,
    SpaceRef,
)

SPACE = SpaceRef("tiny", "r1", "f1")


def test_candidates_are_reranked_with_their_alignment(client: Client) -> None:
    result = client.rerank("moon", ["a", Candidate("the moon", id="best")], explain=True)

    assert [one.id for one in result.results] == ["best", "0"]
    assert result.results[0].alignment is not None
    assert result.results[0].alignment.pairs[0].candidate == Locator(LocatorKind.BYTE_SPAN, (1, 4))


def test_a_candidate_that_fails_fails_alone(client: Client) -> None:
    result = client.rerank("moon", ["a", Candidate("bad", id="worst"), "the moon"])

    assert [one.id for one in result.results] == ["2", "0"]
    (failed,) = result.failures
    assert (failed.id, failed.first_rank) == ("worst", 1)
    assert isinstance(failed.error, InvalidArgument)
    assert failed.error.field == "candidates[1].source.content.text"
    assert failed.error.request_id
    with pytest.raises(InvalidArgument, match="the text is empty"):
        result.raise_for_errors()
    assert client.rerank("moon", ["a"]).raise_for_errors().failures == []


@pytest.mark.parametrize(
    "locators",
    [
        Locators.byte_spans([(0, 1), (2, 3)]),
        Locators.boxes([(0, 0, 1, 1), (0.5, 0, 0.5, 1)]),
        Locators.time_ranges([(0, 1), (0.5, 1.5)]),
    ],
)
def test_multi_vectors_of_every_kind_are_reranked(client: Client, locators: Locators) -> None:
    vectors = MultiVector(np.eye(2, 8, dtype=np.float16), SPACE, locators)

    assert client.rerank(vectors, [vectors, Candidate(vectors)]).results[1].first_rank == 1


def test_contents_of_every_modality_are_reranked(client: Client) -> None:
    found = client.rerank(Image(b"photo"), [Image(b"another"), Audio(b"sound"), "words"])

    assert len(found.results) == 3


@pytest.mark.parametrize(
    "locators",
    [
        Locators(LocatorKind.BOX, np.zeros((2, 2), np.float32)),
        Locators(LocatorKind.BYTE_SPAN, np.array([[-1, 3], [3, 4]])),
        Locators(LocatorKind.TIME_RANGE, np.array([[0.0, np.nan], [3, 4]])),
    ],
)
def test_locators_that_cannot_be_sent_are_refused_by_their_field(client: Client, locators: Locators) -> None:
    with pytest.raises(InvalidArgument, match="numbers of 0 or more for each row") as caught:
        client.rerank(MultiVector(np.eye(2, dtype=np.float32), SPACE, locators), ["a"])

    assert caught.value.field.startswith("query.multi_vector.")
