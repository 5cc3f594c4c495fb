"""Triton's own client asks the door of KServe, unmodified."""

from __future__ import annotations

import io
import json
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from PIL import Image
from support.each import each
from support.running_platform import Platform
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.serving.settings import Settings
from tieback_client import Client
from tieback_contract.vectors import DType
from tritonclient.utils import InferenceServerException

MINILM, WORDLLAMA = "all-minilm-l6-v2", "wordllama-256"
CATS, ROCKETS = "Cats sleep for twelve hours.", "The Saturn V rocket was 110 metres tall."


@pytest.fixture(scope="module")
def client(doors: Platform) -> Iterator[Any]:
    with triton.InferenceServerClient(doors.address) as made:
        yield made


@pytest.fixture(scope="module")
def sdk(doors: Platform) -> Iterator[Client]:
    with Client(doors.address, timeout=60) as made:
        yield made


def texts(name: str, *values: str | bytes, shape: tuple[int, ...] | None = None) -> Any:
    data = np.array([one.encode() if isinstance(one, str) else one for one in values], object)
    data = data.reshape(shape or (-1, 1))
    tensor = triton.InferInput(name, list(data.shape), "BYTES")
    tensor.set_data_from_numpy(data)
    return tensor


def tensor(name: str, values: Any, datatype: str) -> Any:
    made = triton.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values)
    return made


def outputs(*names: str) -> list[Any]:
    return [triton.InferRequestedOutput(name) for name in names]


def refused(call: Any) -> InferenceServerException:
    with pytest.raises(InferenceServerException) as caught:
        call()
    return caught.value


def test_the_server_and_its_models_are_ready_and_described(client: Any) -> None:
    index = client.get_model_repository_index()
    metadata = client.get_model_metadata(MINILM)
    config = client.get_model_config(MINILM).config
    revision = next(card.revision for card in Catalog.load().encoders() if card.name == MINILM)

    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata().name == "tieback"
    assert client.is_model_ready(MINILM)
    assert not client.is_model_ready("nothing")
    names = [MINILM, "checker", "efficientnet-lite0", "reranker", "splade-tiny", WORDLLAMA]
    assert [(one.name, one.state) for one in index.models] == [(name, "READY") for name in names]
    shapes = {one.name: (one.datatype, list(one.shape)) for one in metadata.outputs}
    assert shapes["embedding"] == ("FP32", [-1, 384])
    assert next((one.name, one.optional) for one in config.input) == ("text", True)
    assert config.max_batch_size == 1024
    assert config.parameters["revision"].string_value == revision
    assert "truncate" in config.parameters


def test_texts_become_the_vectors_of_the_native_call(client: Any, sdk: Client) -> None:
    same = client.infer(MINILM, [texts("text", CATS, ROCKETS)], outputs=outputs("embedding"))
    found = client.infer(MINILM, [texts("text", CATS, ROCKETS)], request_id="seven")
    native = sdk.encode([CATS, ROCKETS], space=MINILM).vectors

    np.testing.assert_array_equal(same.as_numpy("embedding"), native)
    assert found.get_response().id == "seven"
    assert found.as_numpy("token_count").ravel().tolist() == [8, 11]
    rows = found.as_numpy("multi_vector_rows").ravel()
    assert found.as_numpy("multi_vector").shape == (2, rows.max(), 384)


@pytest.mark.parametrize(
    ("datatype", "native"),
    [("FP16", DType.FLOAT16), ("INT8", DType.INT8), ("UINT8", DType.BINARY)],
)
def test_the_embedding_comes_in_the_datatype_that_is_asked_for(
    client: Any, sdk: Client, datatype: str, native: DType
) -> None:
    found = client.infer(
        MINILM,
        [texts("text", CATS, shape=(1,))],
        outputs=outputs("embedding", "embedding_scale"),
        parameters={"datatype": datatype},
    )
    encodings = sdk.encode([CATS], space=MINILM, dtype=native.value)

    np.testing.assert_array_equal(found.as_numpy("embedding"), encodings.codes)
    assert found.as_numpy("embedding_scale").item() == pytest.approx(encodings.scales.item() or 1.0)


def test_a_width_of_the_space_and_a_cut_text_are_asked_by_parameters(client: Any) -> None:
    short = client.infer(WORDLLAMA, [texts("text", CATS)], parameters={"width": 64})
    long = texts("text", "word " * 400)
    cut = client.infer(MINILM, [long], outputs=outputs("truncated_tokens"), parameters={"truncate": True})
    error = refused(lambda: client.infer(MINILM, [long], outputs=outputs("embedding")))

    assert short.as_numpy("embedding").shape == (1, 64)
    assert cut.as_numpy("truncated_tokens").item() == 402 - 256
    assert "400 tokens and the model reads 254" in error.message()


def test_token_numbers_are_taken_with_a_mask(client: Any) -> None:
    numbers = np.array([[101, 7592, 102, 0, 0], [101, 7592, 2088, 102, 0]])
    mask = (numbers != 0).astype(np.int64)
    asked = outputs("embedding", "token_count")

    both = client.infer(
        MINILM,
        [tensor("input_ids", numbers, "INT64"), tensor("attention_mask", mask, "INT64")],
        outputs=asked,
    )
    alone = client.infer(MINILM, [texts("text", "hello", "hello world")], outputs=asked)

    np.testing.assert_array_equal(both.as_numpy("token_count"), alone.as_numpy("token_count"))
    products = (both.as_numpy("embedding") * alone.as_numpy("embedding")).sum(axis=1)
    assert products.min() > 0.99  # int8, in batches of different lengths


def test_a_photo_gives_a_vector_and_its_classes(client: Any) -> None:
    photos = Store(Settings().models.expanduser()).media(Catalog.load().get_media("scikit-image"))
    photo = next(path for path in sorted(photos.rglob("*")) if path.stem == "coffee").read_bytes()

    found = client.infer(
        "efficientnet-lite0",
        [texts("image", photo)],
        outputs=outputs("embedding", "labels", "probabilities"),
    )

    best = found.as_numpy("labels")[0, found.as_numpy("probabilities")[0].argmax()]
    assert b"espresso" in best or b"cup" in best
    assert found.as_numpy("embedding").shape == (1, 1280)


def test_a_photo_of_a_few_kilobytes_that_would_fill_the_memory_is_refused(client: Any) -> None:
    file = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(file, "PNG")
    bomb = file.getvalue()

    error = refused(lambda: client.infer("efficientnet-lite0", [texts("image", bomb)]))

    assert len(bomb) < 20_000
    assert error.status() == "StatusCode.INVALID_ARGUMENT"
    assert "pixels" in error.message()


def test_a_sparse_space_has_terms_and_weights(client: Any, sdk: Client) -> None:
    found = client.infer("splade-tiny", [texts("text", CATS, "cat")])
    native_weights, native_indices, begins = sdk.encode(
        [CATS, "cat"], space="splade-tiny", kinds=["sparse"]
    ).sparse

    indices, weights = found.as_numpy("sparse_indices"), found.as_numpy("sparse_weights")
    assert (indices >= 0).sum(axis=1).tolist() == np.diff(begins).tolist()
    np.testing.assert_array_equal(indices[indices >= 0], native_indices)
    np.testing.assert_array_equal(weights[indices >= 0], native_weights)
    assert not weights[indices < 0].any()


def test_pairs_are_scored_and_one_query_may_stand_for_all(client: Any) -> None:
    documents = texts("document", ROCKETS, CATS)
    question = "How long do cats sleep?"

    one = client.infer("reranker", [texts("query", question), documents]).as_numpy("score")
    pairs = client.infer("reranker", [texts("query", question, question), documents]).as_numpy("score")

    assert one.shape == (2, 1)
    assert one[1] > one[0]
    np.testing.assert_allclose(one, pairs, atol=0.02)


def test_a_document_that_cannot_be_compared_is_the_requests_error(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="the text is empty"):
        client.infer("reranker", [texts("query", "cats"), texts("document", CATS, " ")])


def test_claims_are_checked_against_passages(client: Any) -> None:
    found = client.infer(
        "checker",
        [
            texts("text", CATS + " They bark at 9 strangers.", ROCKETS),
            texts("evidence", "Cats sleep for twelve hours a day.", ROCKETS, ROCKETS, "", shape=(2, 2)),
        ],
    )

    assert found.as_numpy("claims")[0].tolist() == [CATS.encode(), b"They bark at 9 strangers."]
    assert found.as_numpy("verdicts").tolist() == [[b"supported", b"unsupported"], [b"supported", b""]]
    assert found.as_numpy("citations").tolist() == [[0, -1], [0, -1]]
    assert found.as_numpy("supported_share").ravel().tolist() == [0.5, 1.0]


def test_a_stream_answers_in_order_and_goes_on_after_an_error(doors: Platform) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    with triton.InferenceServerClient(doors.address) as own:
        own.start_stream(lambda result, error: answers.put((result, error)))
        for number in range(6):
            own.async_stream_infer(
                "nothing" if number == 2 else WORDLLAMA,
                [texts("text", f"text {number}")],
                request_id=str(number),
                enable_empty_final_response=True,
            )
        got = [answers.get(timeout=20) for _ in range(6)]
        own.stop_stream()

    assert [None if error else result.get_response().id for result, error in got] == [
        "0", "1", None, "3", "4", "5",
    ]  # fmt: skip
    assert "no model is named 'nothing'" in str(got[2][1])
    assert got[0][0].get_response().parameters["triton_final_response"].bool_param


def test_what_was_asked_is_counted_by_model(client: Any) -> None:
    def counted() -> Any:
        return client.get_inference_statistics(WORDLLAMA).model_stats[0]

    before = counted()
    client.infer(WORDLLAMA, [texts("text", "one", "two", "three")])
    refused(lambda: client.infer(WORDLLAMA, [texts("text", "one")], parameters={"width": 3}))
    after = counted()

    assert after.inference_count - before.inference_count == 3
    assert after.execution_count - before.execution_count == 1
    stats = after.inference_stats
    assert stats.success.count - before.inference_stats.success.count == 1
    assert stats.fail.count - before.inference_stats.fail.count == 1
    assert stats.success.ns > before.inference_stats.success.ns


@each(
    "asked, code, said",
    [
        ({"model_name": "nothing"}, "NOT_FOUND", f"the choices are: {MINILM}"),
        ({"model_version": "2"}, "NOT_FOUND", "version"),
        ({"parameters": {"datatype": "BF16"}}, "INVALID_ARGUMENT", "FP32, FP16, INT8, UINT8"),
        ({"parameters": {"width": 7}}, "INVALID_ARGUMENT", "384"),
        ({"parameters": {"widths": 7}}, "INVALID_ARGUMENT", "they are: bypass_cache"),
        ({"parameters": {"truncate": 1}}, "INVALID_ARGUMENT", "a truth value"),
        ({"priority": 2}, "UNIMPLEMENTED", "TIEBACK_TOKENS"),
        ({"sequence_id": 3, "sequence_start": True}, "UNIMPLEMENTED", "send all that belongs together"),
        ({"outputs": outputs("logits")}, "INVALID_ARGUMENT", "it has: embedding"),
        ({"outputs": [triton.InferRequestedOutput("embedding", class_count=3)]}, "UNIMPLEMENTED", "labels"),
        ({"inputs": [texts("words", CATS)]}, "INVALID_ARGUMENT", "it has: text"),
        ({"inputs": [texts("text", b"\xff")]}, "INVALID_ARGUMENT", "UTF-8"),
        ({"inputs": [texts("text", CATS, CATS, shape=(1, 2))]}, "INVALID_ARGUMENT", "one value in each row"),
        ({"inputs": []}, "INVALID_ARGUMENT", "'text' is missing"),
    ],
)
def test_what_is_not_supported_says_so_and_the_way_out(
    client: Any, asked: dict[str, Any], code: str, said: str
) -> None:
    asked = {"model_name": MINILM, "inputs": [texts("text", CATS)]} | asked
    error = refused(lambda: client.infer(asked.pop("model_name"), asked.pop("inputs"), **asked))

    assert error.status() == f"StatusCode.{code}"
    assert said in error.message()


@each(
    "method, arguments, said",
    [
        ("load_model", (MINILM,), "TIEBACK_SPACES"),
        ("unload_model", (MINILM,), "TIEBACK_SPACES"),
        ("register_system_shared_memory", ("one", "/one", 64), "send tensors"),
        ("get_cuda_shared_memory_status", (), "send tensors"),
        ("get_trace_settings", (), "TIEBACK_OTLP_ENDPOINT"),
        ("update_log_settings", ({},), "TIEBACK_LOG_LEVEL"),
    ],
)
def test_what_this_platform_does_otherwise_is_unimplemented_with_the_way_out(
    client: Any, method: str, arguments: tuple[Any, ...], said: str
) -> None:
    error = refused(lambda: getattr(client, method)(*arguments))

    assert error.status() == "StatusCode.UNIMPLEMENTED"
    assert said in error.message()


def test_perf_analyzer_measures_a_model(doors: Platform, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("perf_analyzer")
    data = tmp_path / "texts.json"
    data.write_text(json.dumps({"data": [{"text": [CATS]}]}))

    done = subprocess.run(
        [
            program, "-m", WORDLLAMA, "-i", "grpc", "-u", doors.address, "--input-data", str(data),
            "--concurrency-range", "2", "--measurement-mode", "count_windows",
            "--measurement-request-count", "50", "-s", "999", "--max-trials", "3",
        ],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip

    assert "throughput:" in done.stdout, done.stdout + done.stderr
    assert "Inference count:" in done.stdout
