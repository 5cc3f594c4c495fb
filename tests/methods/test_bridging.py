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
