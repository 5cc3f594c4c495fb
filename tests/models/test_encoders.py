"""One contract over every encoder of the catalog, and what each knows of the world."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from support.present import present
from tieback.catalog.catalog import Catalog
from tieback.core.errors import InvalidInput
from tieback.core.multi_vectors import check_rows
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.encoder_model import EncoderModel, RawEncoding
from tieback.models.store import Store
from tieback_contract.field_path import ROOT
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind
from tieback_contract.modality import Modality
from tieback_contract.vectors import MultiVector, VectorKind

NAMES = [card.name for card in Catalog.load().encoders()]
SERVED = [
    f"{card.name}={precision}" for card in Catalog.load().encoders() for precision in card.offered_precisions
]
LOCATED_BY = {
    Modality.TEXT: LocatorKind.BYTE_SPAN,
    Modality.IMAGE: LocatorKind.BOX,
    Modality.AUDIO: LocatorKind.TIME_RANGE,
}
TEXTS = [card for card in Catalog.load().encoders() if card.modality is Modality.TEXT]
Encoder = Callable[[str], EncoderModel]
Encode = Callable[..., RawEncoding]
Sample = Callable[[Modality], list[str | bytes | np.ndarray]]

pytestmark = pytest.mark.filterwarnings("error")


def both(model: EncoderModel, sample: Sample, plan: EncodePlan) -> list[RawEncoding]:
    prepared = [
        model.prepare(Content(model.card.modality, data), EncodePlan(), Limits())
        for data in sample(model.card.modality)
    ]
    return model.run(prepared, plan)


def held(encoding: RawEncoding) -> set[VectorKind]:
    """The kinds that are there."""
    there = {
        VectorKind.DENSE: encoding.dense is not None,
        VectorKind.MULTI_VECTOR: encoding.rows is not None and encoding.locators is not None,
        VectorKind.LABELS: bool(encoding.labels),
        VectorKind.SPARSE: encoding.sparse is not None,
    }
    return {kind for kind, is_there in there.items() if is_there}


def whole(model: EncoderModel, encoding: RawEncoding) -> np.ndarray:
    """The dense vector, or the sparse one with its zeros."""
    if encoding.dense is not None:
        return encoding.dense
    assert encoding.sparse is not None
    full = np.zeros(model.card.width, np.float32)
    full[encoding.sparse[0]] = encoding.sparse[1]
    return full


@pytest.mark.parametrize("name", SERVED)
def test_every_encoder_gives_the_kinds_and_the_width_that_its_card_says(
    encoder: Encoder, sample: Sample, name: str
) -> None:
    model = encoder(name)
    model.warm_up()

    for encoding in both(model, sample, EncodePlan(kinds=model.card.kinds)):
        assert held(encoding) == model.card.kinds
        if encoding.dense is not None:
            assert encoding.dense.shape == (model.card.width,)
            assert encoding.dense.dtype == np.float32
            assert np.linalg.norm(encoding.dense) == pytest.approx(1, abs=1e-5)
        if encoding.sparse is not None:
            indices, weights = encoding.sparse
            assert (indices.dtype, weights.dtype) == (np.dtype(np.int32), np.dtype(np.float32))
            assert (np.diff(indices) > 0).all()
            assert indices[-1] < model.card.width
            assert (weights > 0).all()
        if encoding.rows is not None and encoding.locators is not None:
            assert encoding.rows.shape == (len(encoding.locators), model.card.width)
            assert encoding.locators.kind is LOCATED_BY[model.card.modality]
            check_rows(MultiVector(encoding.rows, model.card.space, encoding.locators), field=ROOT)
            np.testing.assert_allclose(np.linalg.norm(encoding.rows, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_every_encoder_says_the_same_of_an_input_alone_and_in_a_batch(
    encoder: Encoder, encode: Encode, sample: Sample, name: str
) -> None:
    model = encoder(name)
    together = both(model, sample, EncodePlan(kinds=model.card.kinds))

    for data, encoding in zip(sample(model.card.modality), together, strict=True):
        alone = encode(name, data)
        np.testing.assert_allclose(whole(model, encoding), whole(model, alone), atol=1e-5)


@pytest.mark.parametrize("name", SERVED)
def test_every_encoder_can_be_measured_at_its_sizes(encoder: Encoder, name: str) -> None:
    model = encoder(name)

    assert list(model.sizes) == sorted(set(model.sizes))
    for tokens in (model.sizes[0], model.sizes[-1]):
        sample = model.sample(tokens)
        assert sample.tokens == tokens
        assert len(model.run([sample, sample], EncodePlan(kinds=model.card.kinds))) == 2


@pytest.mark.parametrize("name", [card.name for card in TEXTS])
def test_every_text_encoder_takes_tokens_for_their_text(encoder: Encoder, name: str) -> None:
    model = encoder(name)
    text = model.prepare(Content(Modality.TEXT, "wind over the harbour"), EncodePlan(), Limits())
    tokens = Content(Modality.TEXT, TokenNumbers(text.payload.ids))

    brought = model.prepare(tokens, EncodePlan(), Limits())

    plan = EncodePlan(kinds=model.card.kinds)
    (one,), (other,) = (model.run([prepared], plan) for prepared in (text, brought))
    np.testing.assert_array_equal(whole(model, one), whole(model, other))


@pytest.mark.parametrize("name", SERVED)
def test_every_encoder_gives_no_kind_that_was_not_asked_for(
    encoder: Encoder, sample: Sample, name: str
) -> None:
    model = encoder(name)

    for kind in model.card.kinds:
        for encoding in both(model, sample, EncodePlan(kinds=frozenset({kind}))):
            assert held(encoding) == {kind}


@pytest.mark.parametrize("name", NAMES)
def test_every_encoder_refuses_a_content_of_another_modality(encoder: Encoder, name: str) -> None:
    model = encoder(name)
    other = Modality.TEXT if model.card.modality is not Modality.TEXT else Modality.IMAGE
    content = Content(other, "text" if other is Modality.TEXT else b"image")

    with pytest.raises(InvalidInput, match="ask a space of that modality") as caught:
        model.prepare(content, EncodePlan(), Limits())

    assert str(caught.value.field) == other


@pytest.mark.parametrize("name", NAMES)
def test_every_export_agrees_with_what_it_was_made_from(catalog: Catalog, store: Store, name: str) -> None:
    metrics = store.open(catalog.get(name)).manifest.metrics

    assert all(difference < 1e-4 for difference in metrics.get("largest_difference", {}).values())
    assert metrics or catalog.get(name).runtime in {"static_text", "point_cloud"}


@pytest.mark.parametrize("name", [card.name for card in TEXTS if VectorKind.DENSE in card.kinds])
def test_texts_of_one_meaning_are_nearer_than_texts_of_two(encode: Encode, name: str) -> None:
    guitar, instrument, market = (
        present(encode(name, text).dense)
        for text in ("A man is playing a guitar.", "Someone plays an instrument", "The stock market fell")
    )

    assert guitar @ instrument > guitar @ market + 0.3


@pytest.mark.parametrize("name", [card.name for card in TEXTS if VectorKind.MULTI_VECTOR in card.kinds])
def test_token_vectors_have_length_one_and_spans_in_bytes_of_the_text(encode: Encode, name: str) -> None:
    text = "Grüße an die 東京 naïve 🦉 owl"

    encoding = encode(name, text)

    assert encoding.rows is not None
    assert encoding.locators is not None
    spans = encoding.locators.places
    assert len(encoding.rows) == len(spans)
    np.testing.assert_allclose(np.linalg.norm(encoding.rows, axis=1), 1, atol=1e-5)
    pieces = [text.encode()[begin:end].decode() for begin, end in spans]
    assert {"東", "京"} <= {piece.strip() for piece in pieces}
    assert spans[-1, 1] == len(text.encode())
    assert (np.diff(spans[:, 0]) >= 0).all()


def test_a_text_of_minilm_is_one_token_vector_a_word_without_special_ones(encode: Encode) -> None:
    encoding = encode("all-minilm-l6-v2", "the cat sat")

    assert encoding.locators is not None
    assert encoding.locators.places.tolist() == [[0, 3], [4, 7], [8, 11]]


def test_a_text_beyond_the_model_is_refused_unless_its_end_may_be_cut_off(encoder: Encoder) -> None:
    model = encoder("all-minilm-l6-v2")
    content = Content(Modality.TEXT, "word " * 300)

    with pytest.raises(InvalidInput, match="300 tokens and the model reads 254") as caught:
        model.prepare(content, EncodePlan(), Limits())
    cut = model.prepare(content, EncodePlan(truncation=Truncation.END), Limits())

    assert str(caught.value.field) == "text"
    assert (cut.tokens, cut.truncated) == (256, 46)
    kept = model.prepare(Content(Modality.TEXT, "word " * 254), EncodePlan(), Limits())
    first, second = model.run([cut, kept], EncodePlan())
    np.testing.assert_array_equal(first.dense, second.dense)


def test_prefixes_of_a_matryoshka_vector_still_tell_meanings_apart(encode: Encode) -> None:
    guitar, instrument, market = (
        present(encode("wordllama-256", text).dense)
        for text in ("A man is playing a guitar.", "Someone plays an instrument", "The stock market fell")
    )

    for width in (64, 128, 256):
        one, near, far = (
            vector[:width] / np.linalg.norm(vector[:width]) for vector in (guitar, instrument, market)
        )
        assert one @ near > one @ far + 0.3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("coffee.png", {"espresso"}),
        ("chelsea.png", {"tabby cat", "a cat having a striped coat", "Egyptian Mau"}),
        ("camera.png", {"tripod"}),
        ("rocket.jpg", {"missile"}),
        ("china.jpg", {"palace"}),
        ("flower.jpg", {"daisy"}),
    ],
)
def test_a_photo_is_labelled_with_what_it_shows(
    encode: Encode, photo: Callable[[str], bytes], name: str, expected: set[str]
) -> None:
    labels = encode("efficientnet-lite0", photo(name)).labels

    assert labels[0].name in expected
    assert len(labels) == 10
    assert [label.probability for label in labels] == sorted(
        (label.probability for label in labels), reverse=True
    )
    assert sum(label.probability for label in labels) <= 1 + 1e-5


@pytest.mark.parametrize("name", ["beckett.wav", "endgame_nagg_nell.wav", "two_cities.wav"])
def test_a_spoken_clip_is_labelled_as_speech(encode: Encode, clip: Callable[[str], bytes], name: str) -> None:
    labels = encode("yamnet", clip(name)).labels

    assert labels[0].name == "Speech"
    assert sum(label.probability for label in labels) == pytest.approx(1)


@pytest.mark.parametrize("extensions", ["", "lab"])
def test_serving_a_model_imports_no_torch(extensions: str) -> None:
    program = (
        "import sys, importlib, tieback.models.loading, tieback.models.joint.bridges;"
        "import tieback.catalog.catalog;"
        "import tieback.methods.pooling, tieback.catalog.runtimes as all, tieback.core.extensions as has;"
        "found = [importlib.import_module(one).RUNTIME for one in has.entries(all.__name__).values()];"
        "loaded = [one.load for one in found if one.model];"
        "heavy = {'torch', 'transformers', 'onnx', 'scipy'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )

    used = os.environ | {"TIEBACK_EXTENSIONS": extensions}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=used
    )

    assert done.returncode == 0, done.stderr
