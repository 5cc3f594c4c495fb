"""Fixed-dimension encodings: inner products approximate late interaction, whatever the number of rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tieback.core.errors import InvalidInput
from tieback_contract.arrays import Array
from tieback_lab.methods.fixed_dimension import QUERY, fixed_dimensions

PARAMETERS = {"bits": 3, "repetitions": 5, "projected": 8}


def rows_of(seed: int, count: int, width: int = 24) -> Array:
    rows = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.mark.parametrize("name", fixed_dimensions.names())
@given(count=st.integers(1, 40), seed=st.integers(0, 1000))
def test_any_number_of_rows_has_as_many_dimensions_and_the_same_rows_the_same_vector(
    name: str, count: int, seed: int
) -> None:
    rows = rows_of(seed, count)
    for encode in (
        fixed_dimensions.configure(name, PARAMETERS),
        fixed_dimensions.form(QUERY, name, PARAMETERS),
    ):
        vector = encode(rows)
        assert vector.shape == (5 * 8 * 8,)
        assert vector.dtype == np.float32
        assert np.isfinite(vector).all()
        assert np.array_equal(encode(rows.copy()), vector)
    asked = fixed_dimensions.form(QUERY, name, PARAMETERS)
    assert np.allclose(asked(rows[::-1]), asked(rows), atol=1e-5)


@pytest.mark.parametrize("name", fixed_dimensions.names())
def test_inner_products_order_documents_as_late_interaction_does(name: str) -> None:
    parameters = {"bits": 4, "repetitions": 40, "projected": 24}
    document = fixed_dimensions.configure(name, parameters)
    query = fixed_dimensions.form(QUERY, name, parameters)
    documents = [rows_of(seed, 8) for seed in range(60)]
    encoded = np.stack([document(one) for one in documents])
    found = []
    for place in range(20):
        asked = documents[place][:4] + 0.1 * rows_of(1000 + place, 4)
        exact = [float((asked @ one.T).max(axis=1).sum()) for one in documents]
        found.append(int(np.argmax(encoded @ query(asked))) == int(np.argmax(exact)))

    assert np.mean(found) > 0.9


def test_a_row_alone_in_one_partition_is_counted_by_its_similarity() -> None:
    parameters = {"bits": 0, "repetitions": 8, "projected": 512}
    rows = rows_of(0, 2)
    product = fixed_dimensions.form(QUERY, "muvera", parameters)(rows[:1]) @ fixed_dimensions.configure(
        "muvera", parameters
    )(rows[1:])

    assert product / 8 == pytest.approx(float(rows[0] @ rows[1]), abs=0.1)


def test_a_partition_without_a_row_has_the_row_that_is_nearest_to_it() -> None:
    rows = rows_of(3, 1)
    blocks = fixed_dimensions.configure("muvera", PARAMETERS)(rows).reshape(5, 8, 8)

    assert np.allclose(blocks, blocks[:, :1])  # the only row is everywhere
    asked = fixed_dimensions.form(QUERY, "muvera", PARAMETERS)(rows).reshape(5, 8, 8)
    assert (np.abs(asked).sum(axis=2) > 0).sum(axis=1).tolist() == [1] * 5


def test_a_parameter_that_is_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidInput):
        fixed_dimensions.configure("muvera", {"bits": 9})
