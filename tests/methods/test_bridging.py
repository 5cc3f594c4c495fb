import numpy as np
import pytest
from tieback.methods.bridging import bridges

NAMES = np.eye(3, dtype=np.float32)


def test_a_sure_classifier_puts_its_input_on_the_class_name() -> None:
    vector = bridges.configure("class_names")(np.array([0.0, 1.0, 0.0]), NAMES)

    assert vector.tolist() == [0, 1, 0]


def test_an_unsure_classifier_puts_its_input_between_the_names_in_proportion() -> None:
    vector = bridges.configure("class_names")(np.array([0.3, 0.4, 0.0]), NAMES)

    assert vector == pytest.approx([0.6, 0.8, 0], abs=1e-6)


def test_only_the_most_probable_classes_count() -> None:
    vector = bridges.configure("class_names", {"top": 1})(np.array([0.3, 0.4, 0.3]), NAMES)

    assert vector.tolist() == [0, 1, 0]


def test_scaling_all_probabilities_changes_nothing() -> None:
    method = bridges.configure("class_names")

    assert method(np.array([0.2, 0.1, 0.1]), NAMES) == pytest.approx(method(np.array([0.4, 0.2, 0.2]), NAMES))


def test_names_that_cancel_out_give_zeros_instead_of_noise() -> None:
    vector = bridges.configure("class_names")(np.array([0.5, 0.5]), np.array([[1.0, 0.0], [-1.0, 0.0]]))

    assert not vector.any()


def test_a_heavy_term_pulls_a_sparse_vector_to_its_own_in_proportion() -> None:
    vector = bridges.configure("term_weights")(np.array([1.5, 2.0, 0.0]), NAMES)

    assert vector == pytest.approx([0.6, 0.8, 0], abs=1e-6)


@pytest.mark.parametrize("size", [1e-7, 1.0, 1e7])
def test_terms_count_alike_where_weights_are_saturated_whatever_their_size(size: float) -> None:
    vector = bridges.configure("term_weights", {"saturation": 1e12})(np.array([1.5, 2.0, 0.0]) * size, NAMES)

    assert vector == pytest.approx([2**-0.5, 2**-0.5, 0], abs=1e-4)


def test_saturation_lies_between_weights_and_presence() -> None:
    shares = [
        bridges.configure("term_weights", {"saturation": one})(np.array([1.0, 4.0, 0.0]), NAMES)[0]
        for one in (0, 0.5, 2, 1e6)
    ]

    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(1 / 17**0.5)


def test_only_the_heaviest_terms_count_and_negative_weights_never() -> None:
    method = bridges.configure("term_weights", {"top": 1})

    assert method(np.array([1.0, 2.0, -5.0]), NAMES).tolist() == [0, 1, 0]
    assert bridges.configure("term_weights")(np.array([0.0, 1.0, -5.0]), NAMES).tolist() == [0, 1, 0]


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, 1.0]])
def test_terms_that_weigh_nothing_or_cancel_out_give_zeros(weights: list[float]) -> None:
    vector = bridges.configure("term_weights")(np.array(weights), np.array([[1.0, 0.0], [-1.0, 0.0]]))

    assert not vector.any()
    assert vector.dtype == np.float32
