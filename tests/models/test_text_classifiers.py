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
    save_classifier,
    served,
)
from support.own_folders import save_text_model
from support.own_reranker import write_pair_tokenizer
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import Truncation
from tieback.models.store import Store
from tieback.recipes.own.folder import FolderOptions
from tieback.recipes.own.model import inspect
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

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
    return np.stack(model.run([model.prepare(one, Limits(), Truncation.REFUSE) for one in contents]))


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


def test_a_card_with_other_labels_than_the_folder_is_refused(tmp_path: Path, store: Store) -> None:
    save_classifier(tmp_path / "own")

    with pytest.raises(StartupError, match="has the labels billing, delivery, praise"):
        served(classifier_card(tmp_path / "own", labels=["praise", "delivery", "billing"]), store)


def test_a_folder_without_labels_is_no_classifier(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")

    with pytest.raises(StartupError, match="--classifier is for a sequence classification"):
        inspect(tmp_path / "own", "own", FolderOptions(classifier=True))
