import numpy as np
import pytest
from tieback.core.errors import InvalidInput
from tieback.methods.query_expansion import Expansion, configured, query_expansions
from tieback_contract.arrays import Array

NAN = np.nan


def rocchio(**parameters: float) -> Expansion:
    return configured("rocchio", parameters, field="query_expansion")


def test_a_vector_moves_towards_the_mean_direction_of_the_documents_and_keeps_its_length() -> None:
    documents = np.array([[0.0, 2.0], [0.0, 0.5]])

    moved = rocchio(weight=0.5).vector(np.array([3.0, 0.0], np.float32), documents)

    assert moved == pytest.approx(3 * np.array([1, 0.5]) / np.sqrt(1.25))
    assert moved.dtype == np.float32


def test_the_words_that_weigh_most_in_the_documents_are_added_to_those_of_the_query() -> None:
    query = np.array([2.0, 0.0, 0.0])
    documents = np.array([[0.0, 3.0, 4.0], [0.0, 0.0, 1.0]])  # of length 1: their mean is 0, 0.3, 0.9

    one = rocchio(weight=1, terms=1).words(query, documents)
    both = rocchio(weight=1, terms=2).words(query, documents)

    assert one / one[0] == pytest.approx([1, 0, 0.9])
    assert both / both[0] == pytest.approx([1, 0.3, 0.9])


def test_words_of_the_query_count_more_where_the_documents_have_them_and_are_not_among_the_added() -> None:
    query = np.array([1.0, 1.0, 0.0])
    documents = np.array([[4.0, 0.0, 3.0]])

    found = rocchio(weight=1, terms=1).words(query, documents)

    half = np.sqrt(0.5)
    assert found / found[1] == pytest.approx([(half + 0.8) / half, 1, 0.6 / half])


def test_a_query_or_a_document_of_length_zero_is_no_fault() -> None:
    nothing = np.zeros(2)

    assert rocchio().vector(np.array([1.0, 0.0]), nothing[None]).tolist() == [1, 0]
    assert rocchio().vector(nothing, np.array([[1.0, 0.0]])).tolist() == [0, 0]
    assert rocchio().words(np.array([1.0, 0.0]), nothing[None]).tolist() == [1, 0]


def test_the_guard_compares_the_best_ten_of_both_rankings() -> None:
    falling = np.arange(20.0, 0, -1)
    seven_alike = np.concatenate((falling[:7], falling[17:], falling[7:17]))  # without 7, 8 and 9

    def documents(other: Array, agreement: float) -> int:
        return rocchio(documents=5, agreement=agreement).feedback(np.stack((falling, other)))

    assert documents(falling, 1) == 5
    assert documents(seven_alike, 0.7) == 5
    assert documents(seven_alike, 0.8) == 0
    assert documents(falling[::-1], 0.1) == 0
    assert documents(falling[::-1], 0) == 5


def test_the_guard_compares_no_candidate_that_a_ranking_does_not_hold() -> None:
    by_vector = np.arange(20.0, 0, -1)
    held = [1, 2, 15]
    by_words = np.full(20, NAN)
    by_words[held] = 1

    assert rocchio(agreement=0.6).feedback(np.stack((by_vector, by_words))) == 3
    assert rocchio(agreement=0.7).feedback(np.stack((by_vector, by_words))) == 0
    assert rocchio(agreement=0.1).feedback(np.stack((by_vector, np.full(20, NAN)))) == 0


def test_one_ranking_alone_has_no_guard() -> None:
    assert rocchio(documents=4, agreement=1).feedback(np.array([[1.0, 2.0]])) == 4


def test_none_takes_no_document_and_leaves_the_query() -> None:
    none = configured("none", {}, field="query_expansion")
    query, documents = np.array([1.0, 2.0]), np.ones((3, 2))

    assert none.feedback(np.ones((1, 9))) == 0
    assert none.vector(query, documents) is query
    assert none.words(query, documents) is query


@pytest.mark.parametrize("name", query_expansions.names())
def test_an_expanded_query_is_finite_and_its_words_have_no_negative_weights(name: str) -> None:
    rng = np.random.default_rng(0)
    expansion = configured(name, {}, field="query_expansion")

    vector = expansion.vector(rng.normal(size=8).astype(np.float32), rng.normal(size=(3, 8)))
    words = expansion.words(rng.random(50) * (np.arange(50) < 4), rng.random((3, 50)))

    assert vector.shape == (8,)
    assert np.isfinite(vector).all()
    assert words.shape == (50,)
    assert (words >= 0).all()


def test_a_parameter_is_refused_by_its_path() -> None:
    with pytest.raises(InvalidInput) as refusal:
        configured("rocchio", {"documents": 21}, field="query_expansion")

    assert str(refusal.value.field) == "query_expansion.parameters.documents"
