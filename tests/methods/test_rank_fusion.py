import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tieback.core.errors import InvalidInput
from tieback.methods.rank_fusion import rank_fusions

NAN = np.nan
scores = st.integers(1, 4).flatmap(
    lambda rows: st.integers(1, 8).flatmap(
        lambda columns: st.lists(
            st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(NAN)), min_size=columns, max_size=columns),
            min_size=rows,
            max_size=rows,
        )
    )
)


def test_reciprocal_ranks_are_those_of_the_paper() -> None:
    merged = rank_fusions.configure("reciprocal_rank")(np.array([[9.0, 5.0, 1.0], [0.1, 0.3, 0.2]]))

    assert merged == pytest.approx([1 / 61 + 1 / 63, 1 / 62 + 1 / 61, 1 / 63 + 1 / 62])


def test_a_candidate_that_one_ranking_does_not_hold_gets_nothing_from_it() -> None:
    merged = rank_fusions.configure("reciprocal_rank")(np.array([[2.0, 1.0], [NAN, 1.0]]))

    assert merged == pytest.approx([1 / 61, 1 / 62 + 1 / 61])


def test_candidates_of_equal_score_share_the_better_rank() -> None:
    merged = rank_fusions.configure("reciprocal_rank")(np.array([[1.0, 1.0, 0.0]]))

    assert merged == pytest.approx([1 / 61, 1 / 61, 1 / 63])


def test_a_ranking_of_weight_zero_has_no_say() -> None:
    both = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])

    for name in rank_fusions.names():
        merged = rank_fusions.configure(name, {"weights": [1, 0]})(both)
        assert merged.argsort().tolist() == [2, 1, 0], name


@pytest.mark.parametrize("name", rank_fusions.names())
def test_weights_must_be_as_many_as_rankings(name: str) -> None:
    with pytest.raises(InvalidInput, match="2 weights were given for 1 rankings"):
        rank_fusions.configure(name, {"weights": [1, 2]})(np.array([[1.0, 2.0]]))


def test_standard_scores_keep_how_far_a_candidate_is_ahead() -> None:
    merged = rank_fusions.configure("standard_scores")(
        np.array([[10.0, 1.0, 0.9, 0.0], [0.4, 0.6, 0.5, 0.3]])
    )

    assert merged.argmax() == 0, "the first is far ahead in one ranking and near the middle of the other"
    assert merged.sum() == pytest.approx(0)


def test_a_photo_found_by_its_looks_alone_is_last_by_ranks_and_near_the_top_by_standard_scores() -> None:
    looks = [0.41, 0.20, 0.18, 0.17, 0.16, 0.15]
    shared_small_words = [NAN, 0.30, 0.31, 0.29, 0.32, 0.30]
    both = np.array([looks, shared_small_words])

    by_rank = rank_fusions.configure("reciprocal_rank")(both)
    by_score = rank_fusions.configure("standard_scores")(both)

    assert (by_rank > by_rank[0]).sum() == 5
    assert (by_score > by_score[0]).sum() <= 1


def test_a_ranking_of_equal_scores_changes_nothing() -> None:
    merged = rank_fusions.configure("standard_scores")(np.array([[7.0, 7.0, 7.0], [1.0, 2.0, 3.0]]))

    assert merged.argsort().tolist() == [0, 1, 2]


def test_absence_counts_as_last_or_as_average_as_asked() -> None:
    both = np.array([[1.0, 2.0, 3.0], [1.0, 3.0, NAN]])

    lowest = rank_fusions.configure("standard_scores")(both)
    average = rank_fusions.configure("standard_scores", {"absent": "average"})(both)

    assert average[2] - lowest[2] == pytest.approx(1)


@pytest.mark.parametrize("name", rank_fusions.names())
@given(rows=scores)
def test_one_better_in_every_ranking_is_never_behind_and_one_that_none_holds_is_never_ahead(
    name: str, rows: list[list[float]]
) -> None:
    matrix = np.array(rows)
    merged = rank_fusions.configure(name)(matrix)

    nowhere = np.isnan(matrix).all(axis=0)
    for one in range(matrix.shape[1]):
        for other in range(matrix.shape[1]):
            if (matrix[:, one] >= matrix[:, other]).all():
                assert merged[one] >= merged[other] - 1e-9
            if nowhere[one] and not nowhere[other]:
                assert merged[one] <= merged[other]


def test_a_weighted_sum_adds_the_scores_and_nothing_for_a_candidate_that_a_ranking_does_not_hold() -> None:
    merged = rank_fusions.configure("weighted_sum", {"weights": [1, 2]})(
        np.array([[0.5, NAN, NAN], [0.25, 1, NAN]])
    )

    assert merged == pytest.approx([1.0, 2.0, -np.inf])


def test_an_exponent_makes_little_less_and_keeps_the_sign_and_what_is_whole() -> None:
    merged = rank_fusions.configure("weighted_sum", {"exponents": [2]})(np.array([[0.5, 1.0, -0.5]]))

    assert merged == pytest.approx([0.25, 1.0, -0.25])


def test_exponents_must_be_as_many_as_rankings() -> None:
    with pytest.raises(InvalidInput, match="2 exponents were given for 1 rankings"):
        rank_fusions.configure("weighted_sum", {"exponents": [1, 1]})(np.array([[1.0]]))
