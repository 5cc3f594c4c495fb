"""Folders of classifiers of tokens give the parts that transformers' pipeline finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.architectures import TOKEN_LABELLERS
from support.own_classifier import (
    PARTS,
    TEXTS,
    classifier_card,
    named_parts,
    save_classifier,
    save_token_classifier,
    served,
)
from tieback.catalog.classifier_card import ClassifierCard
from tieback.classifier import TextClassifiers
from tieback.classifier.scores import spans_of
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.core.types.heads import ClassifyRequest
from tieback.models.store import Store
from tieback.recipes.own.folder import FolderOptions
from tieback.recipes.own.model import inspect
from tieback_contract.heads import Classification, LabelSpan
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

MORE = (*TEXTS, "owl öwl wren\n night  flies owl", "wren " * 20)


async def parts(card: ClassifierCard, store: Store, texts: tuple[str, ...]) -> list[Classification]:
    """In one batch, padded."""
    classifiers = TextClassifiers([served(card, store)], limits=Limits(), batch_tokens=4096)
    request = ClassifyRequest("", [Content(Modality.TEXT, text) for text in texts])
    reply = await classifiers.classify(request, NO_CALL)
    await classifiers.close()
    return [one for one in reply.results if isinstance(one, Classification)]


@pytest.mark.parametrize("architecture", TOKEN_LABELLERS)
async def test_every_architecture_gives_the_parts_of_transformers(tmp_path: Path, architecture: str) -> None:
    save_token_classifier(tmp_path / "own", architecture)
    expected = named_parts(tmp_path / "own", MORE)

    found = await parts(classifier_card(tmp_path / "own"), Store(tmp_path / "store"), MORE)

    assert len(found) == len(MORE)
    for text, one, theirs in zip(MORE, found, expected, strict=True):
        places = [(span.name, span.start, span.end) for span in one.spans]
        assert places == [(part["entity_group"], part["start"], part["end"]) for part in theirs]
        assert [span.score for span in one.spans] == pytest.approx(
            [float(part["score"]) for part in theirs], abs=1e-4
        )
        assert [span.text for span in one.spans] == [text[span.start : span.end] for span in one.spans]
        assert not one.labels
    assert sum(len(theirs) for theirs in expected) >= len(MORE)  # so that the comparison can fail


def test_parts_begin_at_b_and_end_where_the_label_changes() -> None:
    labels = ("O", "B-A", "I-A", "I-B", "part-C")
    best = (1, 2, 1, 0, 2, 3, 4, 4)
    scores = np.eye(5, dtype=np.float32)[list(best)] * 0.5
    places = np.array([[place * 2, place * 2 + 1] for place in range(len(best))])

    found = spans_of(labels, scores, places, "a b c d e f g h")

    assert [(one.name, one.text) for one in found] == [
        ("A", "a b"), ("A", "c"), ("A", "e"), ("B", "f"), ("part-C", "g h"),
    ]  # fmt: skip
    assert {one.score for one in found} == {0.5}
    assert found[0] == LabelSpan("A", 0.5, 0, 3, "a b")


async def test_what_parts_have_not_is_refused_by_its_field(tmp_path: Path) -> None:
    save_token_classifier(tmp_path / "own")
    card = classifier_card(tmp_path / "own")
    classifiers = TextClassifiers([served(card, Store(tmp_path / "store"))], limits=Limits(), batch_tokens=64)
    owl = [Content(Modality.TEXT, "owl")]

    for request, field in (
        (ClassifyRequest("", owl, top=1), "top"),
        (ClassifyRequest("", owl, raw_scores=True), "raw_scores"),
        (ClassifyRequest("", owl, second_texts=["wren"]), "second_texts"),
    ):
        with pytest.raises(InvalidInput, match=f"leave {field} out") as raised:
            await classifiers.classify(request, NO_CALL)
        assert str(raised.value.field) == field
    await classifiers.close()


async def test_a_long_text_is_refused_or_its_beginning_is_labelled(tmp_path: Path) -> None:
    save_token_classifier(tmp_path / "own")
    card = classifier_card(tmp_path / "own", max_tokens=6)
    classifiers = TextClassifiers([served(card, Store(tmp_path / "store"))], limits=Limits(), batch_tokens=64)
    long = Content(Modality.TEXT, "owl flies at night wren owl")

    refused = await classifiers.classify(ClassifyRequest("", [long, Content(Modality.TEXT, "owl")]), NO_CALL)
    cut = await classifiers.classify(ClassifyRequest("", [long], truncate=True), NO_CALL)
    await classifiers.close()

    error, other = refused.results
    assert isinstance(error, InvalidInput)
    assert (error.reason, str(error.field)) == ("TEXT_TOO_LONG", "contents[0].text")
    assert isinstance(other, Classification)
    (kept,) = cut.results
    assert isinstance(kept, Classification)
    (theirs,) = named_parts(tmp_path / "own", ["owl flies at night"])
    assert (kept.truncated_tokens, [one.text for one in kept.spans]) == (
        2, ["owl flies at night"[one["start"] : one["end"]] for one in theirs],
    )  # fmt: skip


def test_labels_and_options_decide_what_a_folder_of_token_labels_is(tmp_path: Path) -> None:
    save_token_classifier(tmp_path / "names")
    save_token_classifier(tmp_path / "claims", labels=("supported", "hallucinated"))
    said = {"LABEL_0": "supported", "LABEL_1": "unsupported"}
    save_token_classifier(tmp_path / "said", labels=tuple(said))

    names = inspect(tmp_path / "names", "own", FolderOptions())
    claims = inspect(tmp_path / "claims", "own", FolderOptions())
    asked = inspect(tmp_path / "claims", "own", FolderOptions(classifier=True))
    told = inspect(tmp_path / "said", "own", FolderOptions(labels=said))
    encoder = inspect(tmp_path / "names", "own", FolderOptions(pooling="mean"))

    (card,) = names.cards
    assert (card["role"], card["problem"], card["labels"]) == ("classifier", "tokens", list(PARTS))
    assert names.facts["kind"] == "folder of a classifier of parts of texts"
    assert "ForTokenClassification" not in str(names.missing)
    roles = [one.cards[0]["role"] for one in (claims, asked, told, encoder)]
    assert roles == ["checker", "classifier", "checker", "encoder"]


def test_a_card_says_of_which_kind_its_labels_are(tmp_path: Path) -> None:
    save_classifier(tmp_path / "own")

    assert classifier_card(tmp_path / "own").problem == "single_label"
