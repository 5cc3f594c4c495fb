"""The converters that every codec of the contract has."""

from __future__ import annotations

from tieback_contract import tensors
from tieback_contract.codec import Codec
from tieback_contract.locators import Locator
from tieback_contract.vectors import MultiVector, SparseVector, Vector


def with_converters(codec: Codec) -> Codec:
    """The codec, with the converters of what is not one to one."""
    codec.converter(Vector, tensors.read_vector, tensors.fill_vector)
    codec.converter(MultiVector, tensors.read_multi_vector, tensors.fill_multi_vector)
    codec.converter(SparseVector, tensors.read_sparse, tensors.fill_sparse)
    codec.converter(Locator, tensors.read_locator, tensors.fill_locator)
    codec.converter("tieback.v1.Tensor", tensors.read_array, tensors.fill_array)
    codec.converter("tieback.v1.TextSpan", tensors.read_span, tensors.fill_span)
    codec.converter("tieback.v1.Box", tensors.read_box, tensors.fill_box)
    codec.converter("tieback.v1.TimeRange", tensors.read_time, tensors.fill_time)
    codec.list_converter("tieback.v1.SpaceWeight", tensors.read_weights, tensors.fill_weights)
    return codec
