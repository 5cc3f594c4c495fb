"""What the services know survives the wire, both ways."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from support.collection_samples import SPACE
from support.contract_plain import plain
from support.contract_samples import FUNCTIONS, SAMPLES
from support.contract_values import COST, TIMING
from support.each import each
from tieback.core.types.encoding import EncodeReply
from tieback.v1 import vector_pb2
from tieback_contract.encodings import Encoding, EncodingSource
from tieback_contract.field_path import at
from tieback_contract.modality import Modality
from tieback_contract.vectors import Vector

# Half pairs: only requests or only parts of others have these. Requests are in test_rpcs.py.
ALONE = {"dtype", "tensor"} | {"encode", "split", "rerank"}


NAMES = {name.partition("_")[2] for name in FUNCTIONS} - ALONE


def test_every_conversion_has_a_sample_and_both_directions() -> None:
    assert {name for name, samples in SAMPLES.items() if samples} == NAMES
    assert all(f"read_{name}" in FUNCTIONS and f"write_{name}" in FUNCTIONS for name in NAMES)


@each("name, value", [(name, value) for name, samples in SAMPLES.items() for value in samples])
def test_what_is_written_is_read_again(name: str, value: Any) -> None:
    message = FUNCTIONS[f"write_{name}"](value)
    if hasattr(message, "SerializeToString"):
        message = type(message).FromString(message.SerializeToString())

    read = FUNCTIONS[f"read_{name}"]
    again = read(message, *([at("field")] if "field" in inspect.signature(read).parameters else []))

    assert plain(again) == plain(value)


def test_a_tensor_is_read_without_a_copy() -> None:
    data = np.arange(6, dtype="<f4").tobytes()
    tensor = vector_pb2.Tensor(dtype=vector_pb2.DATA_TYPE_FLOAT32, shape=[2, 3], data=data)

    array = FUNCTIONS["read_tensor"](tensor, at("t"), rank=2)

    assert not array.flags.owndata
    assert not array.flags.writeable


def test_a_source_that_is_not_said_or_not_known_here_is_that_it_was_computed() -> None:
    for number in (0, 99):
        message = FUNCTIONS["write_encoding"](Encoding(SPACE, Modality.TEXT))
        message.source = number
        assert FUNCTIONS["read_encoding"](message).source is EncodingSource.COMPUTED


def test_the_vectors_of_a_reply_are_the_bytes_of_the_rows_of_one_array() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    encodings = [Encoding(SPACE, Modality.TEXT, Vector(row, SPACE)) for row in rows]

    message = FUNCTIONS["write_encode_reply"](EncodeReply(encodings, TIMING, COST))

    assert b"".join(one.encoding.dense.values.data for one in message.results) == rows.tobytes()
    read = FUNCTIONS["read_encode_reply"](message).results
    assert not any(one.vector.values.flags.owndata for one in read)
