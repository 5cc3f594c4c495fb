"""Folders of classifiers of texts give the scores that transformers computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.architectures import LABELLERS
from support.own_classifier import (
    LABELS,
    TEXTS,
    classifier_card,
    own_logits,
    own_pair_logits,
    save_classifier,
    served,
)
from support.own_folders import save_text_model
from support.own_reranker import write_pair_tokenizer
from tieback.classifier.scores import scores_of
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import Truncation
from tieback.models.store import Store
from tieback.models.text.text_classifier import PreparedText, TextClassifierModel
from tieback.recipes.own.folder import FolderOptions
from tieback.recipes.own.model import inspect
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

Rows = np.ndarray[Any, Any]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def softmax(logits: Rows) -> Rows:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def sigmoid(logits: Rows) -> Rows:
    return np.asarray(1 / (1 + np.exp(-logits)))


def scores(card: Any, store: Store, texts: tuple[str, ...] = TEXTS) -> Rows:
    """In one batch, padded."""
    model = served(card, store)
    contents = [Content(Modality.TEXT, text) for text in texts]
    rows = model.run([model.prepare(one, Limits(), Truncation.REFUSE) for one in contents])
    return scores_of(np.stack(rows), card.problem)


def prepared(
    model: TextClassifierModel, first: str, second: str, truncation: Truncation = Truncation.REFUSE
) -> PreparedText:
    one, other = (Content(Modality.TEXT, text) for text in (first, second))
    return model.prepare_pair(one, other, Limits(), truncation)


@pytest.mark.parametrize("architecture", LABELLERS)
def test_every_architecture_gives_the_probabilities_of_transformers(
    tmp_path: Path, store: Store, architecture: str
) -> None:
    model = save_classifier(tmp_path / "own", architecture)
    expected = softmax(own_logits(tmp_path / "own", model))

    np.testing.assert_allclose(scores(classifier_card(tmp_path / "own"), store), expected, atol=1e-4)
    assert len({tuple(row.round(3)) for row in expected}) == len(TEXTS)  # so that the comparison can fail


@pytest.mark.parametrize(
    ("labels", "problem", "shown"),
    [
        (LABELS, "multi_label_classification", sigmoid),
        (LABELS, "regression", lambda logits: logits),
        (("urgency",), "regression", lambda logits: logits),
        (("spam",), "", sigmoid),
    ],
)
def test_the_problem_of_the_folder_says_what_the_scores_are(
    tmp_path: Path, store: Store, labels: tuple[str, ...], problem: str, shown: Callable[[Rows], Rows]
) -> None:
    model = save_classifier(tmp_path / "own", labels=labels, problem=problem)

    card = classifier_card(tmp_path / "own")

    assert card.problem == problem.removesuffix("_classification") or (problem, card.problem) == (
        "",
        "multi_label",
    )
    np.testing.assert_allclose(scores(card, store), shown(own_logits(tmp_path / "own", model)), atol=1e-4)


@pytest.mark.parametrize(
    ("labels", "given", "role"),
    [
        (LABELS, {}, "classifier"),
        (("negative", "neutral", "positive"), {}, "classifier"),
        (("LABEL_0", "LABEL_1"), {}, "classifier"),
        (("LABEL_0", "LABEL_1"), {"reranker": "LABEL_1"}, "reranker"),
        (("LABEL_0", "LABEL_1"), {"labels": {"LABEL_0": "unsupported", "LABEL_1": "supported"}}, "checker"),
        (("entailment", "neutral", "contradiction"), {}, "checker"),
        (("entailment", "neutral", "contradiction"), {"classifier": True}, "classifier"),
        (("score",), {}, "reranker"),
        (LABELS, {"pooling": "mean"}, "encoder"),
    ],
)
def test_labels_and_options_decide_what_a_folder_is(
    tmp_path: Path, labels: tuple[str, ...], given: dict[str, Any], role: str
) -> None:
    save_classifier(tmp_path / "own", labels=labels)
    write_pair_tokenizer(tmp_path / "own")

    found = inspect(tmp_path / "own", "own", FolderOptions(**given))

    assert (found.cards[0]["role"], found.missing) == (role, [])


def test_a_text_that_is_too_long_is_refused_or_cut(tmp_path: Path, store: Store) -> None:
    save_classifier(tmp_path / "own")
    model = served(classifier_card(tmp_path / "own", max_tokens=8), store)
    long = Content(Modality.TEXT, "owl " * 9)

    with pytest.raises(InvalidInput, match="9 tokens and the model reads 6") as raised:
        model.prepare(long, Limits(), Truncation.REFUSE)
    cut = model.prepare(long, Limits(), Truncation.END)

    assert raised.value.reason == "TEXT_TOO_LONG"
    assert (cut.tokens, cut.cut) == (8, 3)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "deberta-v2", "qwen3"])
def test_a_pair_gets_the_probabilities_of_transformers(
    tmp_path: Path, store: Store, architecture: str
) -> None:
    model = save_classifier(tmp_path / "own", architecture)
    write_pair_tokenizer(tmp_path / "own")
    pairs = (("owl flies", "wren"), ("wren", "owl flies at night"), ("owl", "owl"))
    expected = softmax(np.stack([own_pair_logits(tmp_path / "own", model, *pair) for pair in pairs]))

    loaded = served(classifier_card(tmp_path / "own"), store)
    found = loaded.run([prepared(loaded, *pair) for pair in pairs])

    np.testing.assert_allclose(scores_of(np.stack(found), "single_label"), expected, atol=1e-4)
    assert not np.allclose(expected[0], expected[1], atol=1e-3)


def test_two_texts_that_are_too_long_together_are_refused_or_the_longer_is_cut(
    tmp_path: Path, store: Store
) -> None:
    save_classifier(tmp_path / "own")
    write_pair_tokenizer(tmp_path / "own")
    model = served(classifier_card(tmp_path / "own", max_tokens=13), store)  # 10 beside 3 special ones

    def sides(first: int, second: int) -> tuple[int, int, int]:
        """The tokens that are kept of each, and those that are not."""
        one = prepared(model, "owl " * first, "wren " * second, Truncation.END)
        assert one.types is not None
        return int((one.types == 0).sum()) - 2, int(one.types.sum()) - 1, one.cut

    fits = prepared(model, "owl " * 8, "wren " * 2)
    assert fits.tokens == 13
    assert [sides(9, 2), sides(2, 9), sides(9, 9), sides(6, 4)] == [
        (8, 2, 1), (2, 8, 1), (5, 5, 8), (6, 4, 0),
    ]  # fmt: skip
    for first, second, field in ((9, 2, "text"), (2, 9, "second")):
        with pytest.raises(InvalidInput, match="11 tokens and the model reads 10 together") as raised:
            prepared(model, "owl " * first, "wren " * second)
        assert (raised.value.reason, str(raised.value.field)) == ("TEXT_TOO_LONG", field)


def test_a_tokenizer_that_puts_nothing_between_two_texts_reads_one(tmp_path: Path, store: Store) -> None:
    save_classifier(tmp_path / "own")
    tokenizer = Tokenizer.from_file(str(tmp_path / "own/tokenizer.json"))
    tokenizer.post_processor = TemplateProcessing(
        single="$A [SEP]", pair="$A $B:1", special_tokens=[("[SEP]", 3)]
    )
    tokenizer.save(str(tmp_path / "own/tokenizer.json"))
    model = served(classifier_card(tmp_path / "own"), store)

    with pytest.raises(InvalidInput, match="own-labels reads one text") as raised:
        prepared(model, "owl", "wren")

    assert str(raised.value.field) == "second"


def test_a_card_with_other_labels_than_the_folder_is_refused(tmp_path: Path, store: Store) -> None:
    save_classifier(tmp_path / "own")

    with pytest.raises(StartupError, match="has the labels billing, delivery, praise"):
        served(classifier_card(tmp_path / "own", labels=["praise", "delivery", "billing"]), store)


def test_a_folder_without_labels_is_no_classifier(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")

    with pytest.raises(StartupError, match="--classifier is for a sequence classification"):
        inspect(tmp_path / "own", "own", FolderOptions(classifier=True))
