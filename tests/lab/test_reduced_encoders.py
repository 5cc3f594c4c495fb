"""A text encoder that merges tokens inside: what a card serves and refuses, and what a full queue does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.asking import encodings, texts
from support.bag_of_words import BagOfWords
from support.bag_of_words import card as words_card
from support.own_encoder import TEXTS, card_for, served
from support.own_folders import save_text_model
from tieback.catalog.card import EncoderCard
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest
from tieback.encoder import Encoder
from tieback.models.encoder_model import EncoderModel
from tieback.serving.metrics.observed import observed
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.settings import Settings
from tieback_contract.encodings import Reduction
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind
from tieback_lab.catalog.runtimes.layered_text import LayeredText
from tieback_lab.models.layered_text import LayeredTextModel
from tieback_lab.recipes.graphs.reduced import REDUCIBLE

GOOD = {"ratio": 0.7, "speed": {128: 1.5, 256: 1.6}, "lost": {"STS": 0.004, "nDCG@10": 0.008}}
SLOW = GOOD | {"speed": {128: 1.2, 256: 1.6}}
DEAR = GOOD | {"lost": {"STS": 0.004, "nDCG@10": 0.02}}
LONG = "owl flies at night wren flies owl at night owl"
REDUCED = EncodePlan(reduction=Reduction("pitome", 0.7))
SPACE = "bag-of-words"


def own(tmp_path: Path, *measured: dict[str, Any], architecture: str = "bert", **changes: Any) -> EncoderCard:
    save_text_model(tmp_path / "own", architecture)
    reductions = {"pitome": {"measured": list(measured)}}
    return reducing(tmp_path / "own", reductions, max_tokens=20, **changes)


def reducing(folder: Path, reductions: dict[str, Any], **changes: Any) -> EncoderCard:
    return card_for(folder, runtime="layered_text", options={"reductions": reductions}, **changes)


def dense(model: EncoderModel, *given: str, plan: EncodePlan) -> np.ndarray[Any, Any]:
    prepared = [model.prepare(Content(Modality.TEXT, text), plan, Limits()) for text in given]
    return np.stack([one.dense for one in model.run(prepared, plan) if one.dense is not None])


@pytest.mark.parametrize("architecture", REDUCIBLE)
def test_at_a_ratio_of_one_the_reduced_graph_is_the_model(tmp_path: Path, architecture: str) -> None:
    model = served(own(tmp_path, GOOD, architecture=architecture), tmp_path)

    whole = dense(model, LONG, *TEXTS, plan=EncodePlan())
    nearly = dense(model, LONG, *TEXTS, plan=EncodePlan(reduction=Reduction("pitome", 1.0)))

    np.testing.assert_allclose(nearly, whole, atol=1e-4)


def test_a_text_is_reduced_alike_alone_and_padded_among_longer_ones(tmp_path: Path) -> None:
    model = served(own(tmp_path, GOOD), tmp_path)

    together = dense(model, TEXTS[1], LONG, TEXTS[0], plan=REDUCED)
    alone = np.concatenate([dense(model, text, plan=REDUCED) for text in (TEXTS[1], LONG, TEXTS[0])])

    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert not np.allclose(together[1], dense(model, LONG, plan=EncodePlan())[0], atol=1e-3)


def test_a_reduced_encoder_is_served_in_int8_too(tmp_path: Path) -> None:
    lower: dict[str, Any] = {"precisions": {"int8": {"smallest_cosine": 0.5}}, "precision": "int8"}
    card = own(tmp_path, GOOD, **lower)

    exact = dense(served(card.at("float32"), tmp_path), LONG, plan=REDUCED)
    found = dense(served(card, tmp_path), LONG, plan=REDUCED)

    assert (exact * found).sum() > 0.9


def test_the_graph_of_a_reduction_is_loaded_when_it_is_first_asked_for(tmp_path: Path) -> None:
    model = served(own(tmp_path, GOOD), tmp_path)
    assert isinstance(model, LayeredTextModel)
    model.warm_up()
    assert model._reduced == {}

    dense(model, LONG, plan=REDUCED)

    assert list(model._reduced) == ["pitome"]


def test_what_is_not_served_has_no_graph_and_leaves_the_export_as_it_is(tmp_path: Path) -> None:
    refused = own(tmp_path, SLOW, DEAR)
    plain = reducing(tmp_path / "own", {}, max_tokens=20)

    assert refused.options_for(LayeredText).choices.served_reductions == {}
    assert (refused.export, refused.space) == (plain.export, plain.space)
    served(refused, tmp_path)
    assert not list((tmp_path / "store").rglob("*pitome*"))


def test_an_architecture_whose_layers_are_not_known_is_refused_at_export(tmp_path: Path) -> None:
    card = own(tmp_path, GOOD, architecture="mpnet")

    with pytest.raises(StartupError, match="not done inside of mpnet; the architectures are: bert"):
        served(card, tmp_path)


@pytest.mark.parametrize(
    ("reductions", "message"),
    [
        ({"tome": {}}, "no token reduction is named 'tome'"),
        ({"pitome": {"measured": [GOOD | {"ratio": 0.4}]}}, "greater than or equal to 0.5"),
        ({"pitome": {"measured": [GOOD | {"speed": {}}]}}, "at least 1"),
    ],
)
def test_a_card_that_measures_nothing_sensible_is_refused(
    tmp_path: Path, reductions: dict[str, Any], message: str
) -> None:
    save_text_model(tmp_path / "own")

    with pytest.raises(StartupError, match=message):
        reducing(tmp_path / "own", reductions)


def words(folder: Path, *measured: dict[str, Any]) -> EncoderCard:
    return words_card(
        folder, runtime="layered_text",
        options={"layers": (1, 2), "reductions": {"pitome": {"measured": list(measured)}}},
    )  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> BagOfWords:
    return BagOfWords(words(tmp_path, GOOD, DEAR | {"ratio": 0.6}), seconds=1e-3)


@pytest.fixture
async def encoder(model: BagOfWords) -> AsyncIterator[Encoder]:
    made = Encoder([model], limits=Limits(queued_tokens=10_000), batch_tokens=100)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("plan", "field", "message"),
    [
        (EncodePlan(reduction=Reduction("tome")), "output.reduction.method", "it has: pitome"),
        (EncodePlan(reduction=Reduction("pitome", 0.6)), "output.reduction.ratio", "0.7 to 1"),
        (EncodePlan(reduction=Reduction("pitome", 1.5)), "output.reduction.ratio", "0.7 to 1"),
        (
            EncodePlan(kinds=frozenset({VectorKind.MULTI_VECTOR}), reduction=Reduction("pitome")),
            "output.reduction", "DENSE of its last layer",
        ),
        (EncodePlan(layer=1, reduction=Reduction("pitome")), "output.reduction", "DENSE of its last layer"),
    ],
)  # fmt: skip
async def test_a_reduction_that_is_not_served_is_refused_with_what_is(
    encoder: Encoder, plan: EncodePlan, field: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        await encoder.encode(EncodeRequest(SPACE, texts("tea"), plan), NO_CALL)

    assert str(refused.value.field) == field


async def test_a_method_that_gains_too_little_is_refused_with_its_numbers(tmp_path: Path) -> None:
    encoder = Encoder([BagOfWords(words(tmp_path, SLOW, DEAR))])

    with pytest.raises(
        InvalidInput, match=r"1\.20 times as fast for 0\.8 points, and 1\.3 times for at most 1"
    ):
        await encoder.encode(EncodeRequest(SPACE, texts("tea"), REDUCED), NO_CALL)
    await encoder.close()


async def test_the_reply_says_the_reduction_and_the_smallest_served_ratio_is_the_default(
    encoder: Encoder,
) -> None:
    (found,) = encodings(
        await encoder.encode(
            EncodeRequest(SPACE, texts("tea"), EncodePlan(reduction=Reduction("pitome"))), NO_CALL
        )
    )
    (whole,) = encodings(
        await encoder.encode(
            EncodeRequest(SPACE, texts("tea"), EncodePlan(reduction=Reduction("pitome", 1))), NO_CALL
        )
    )

    assert found.reduction == Reduction("pitome", 0.7)
    assert whole.reduction is None
    assert found.space == whole.space


async def test_what_is_encoded_on_fewer_tokens_is_counted_by_its_method(encoder: Encoder) -> None:
    telemetry = Telemetry(Settings())
    counted = observed(encoder, telemetry)

    await counted.encode(
        EncodeRequest(SPACE, texts("tea", "milk"), EncodePlan(reduction=Reduction("pitome"))), NO_CALL
    )
    await counted.encode(EncodeRequest(SPACE, texts("bread")), NO_CALL)

    page = telemetry.page().decode()
    assert f'tieback_reduced_items_total{{method="pitome",space="{SPACE}"}} 2.0' in page
