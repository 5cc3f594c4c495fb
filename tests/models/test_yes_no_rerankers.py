"""Language models that rerank by yes and no score as transformers computes; their template stays whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import yaml
from support.architectures import WRITERS
from support.own_folders import write_json
from support.own_reranker import PASSAGES as TEXTS
from support.own_reranker import QUERY as ASKED
from support.own_reranker import reranker_card, save_cross_encoder, served
from support.own_yes_no import PASSAGES, QUERY, save_language_model, scores_of_transformers
from tieback.catalog.catalog import read_card
from tieback.core.errors import InvalidInput, StartupError
from tieback.models.store import Store
from tieback.models.text.transformer_text import GRAPH
from tieback.recipes.own.folder import FolderOptions, OwnModel
from tieback.recipes.own.model import inspect
from tieback.recipes.own.yes_no import GEMMA, QWEN
from tokenizers import Tokenizer

TEMPLATE = "<|im_start|>Query: {query} Document: {document}<|im_end|>"
YES_NO = FolderOptions(reranker="yes_no")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def yes_no_card(folder: Path, **changes: Any) -> Any:
    """The card of a folder, with a short template where none is given."""
    fields = {"runtime": "yes_no_reranker", "max_tokens": 256, "options": {"template": TEMPLATE}}
    return reranker_card(folder, **fields | changes)


def found_card(found: OwnModel, folder: Path) -> Any:
    """The card that was written for a folder."""
    path = folder.parent / "own.yaml"
    path.write_text(yaml.safe_dump(found.cards[0]))
    return read_card(path)


@pytest.mark.parametrize("architecture", WRITERS)
def test_every_architecture_scores_as_transformers_does_with_padding_on_the_left(
    tmp_path: Path, store: Store, architecture: str
) -> None:
    model = save_language_model(tmp_path / "own", architecture)
    expected = scores_of_transformers(tmp_path / "own", model, TEMPLATE)

    loaded = served(yes_no_card(tmp_path / "own"), store)
    batch = [loaded.prepare(QUERY, passage) for passage in PASSAGES]

    np.testing.assert_allclose(loaded.run(batch), expected, atol=1e-4)
    np.testing.assert_allclose([loaded.run([one])[0] for one in batch], expected, atol=1e-4)
    assert len({round(score, 2) for score in expected}) == len(PASSAGES)  # so that the comparison can fail


def test_eight_bits_stay_near_the_scores(tmp_path: Path, store: Store) -> None:
    model = save_language_model(tmp_path / "own", "qwen3")
    expected = scores_of_transformers(tmp_path / "own", model, TEMPLATE)

    loaded = served(yes_no_card(tmp_path / "own", options={"template": TEMPLATE, "precision": "int8"}), store)
    found = loaded.run([loaded.prepare(QUERY, passage) for passage in PASSAGES])

    assert 1e-4 < np.abs(np.subtract(found, expected)).max() < 0.15  # of logits


@pytest.mark.parametrize(("architecture", "known"), [("qwen3", QWEN), ("gemma", GEMMA)])
def test_a_folder_is_added_with_the_template_that_its_makers_trained_with(
    tmp_path: Path, store: Store, architecture: str, known: dict[str, str]
) -> None:
    model = save_language_model(tmp_path / "own", architecture)
    answers = [one for one in (known.get("yes", "yes"), known.get("no", "no")) if one]
    expected = scores_of_transformers(
        tmp_path / "own", model, known["template"], answers, instruction=known["instruction"]
    )

    found = inspect(tmp_path / "own", "own", YES_NO)
    loaded = served(found_card(found, tmp_path / "own"), store)

    assert (found.missing, found.cards[0]["options"]) == ([], known)
    batch = [loaded.prepare(QUERY, passage) for passage in PASSAGES]
    np.testing.assert_allclose(loaded.run(batch), expected, atol=1e-4)


def test_only_the_rows_of_the_two_answers_are_in_the_graph(tmp_path: Path, store: Store) -> None:
    model = save_language_model(tmp_path / "own", tie_word_embeddings=False)
    card = yes_no_card(tmp_path / "own")
    served(card, store)

    graph = onnx.load(str(store.open(card).path(GRAPH))).graph

    as_large = [one.name for one in graph.initializer if model.config.vocab_size in one.dims]
    assert len(as_large) == 1  # the embeddings, and no language head


def test_a_long_passage_is_cut_and_the_template_stays_whole(tmp_path: Path, store: Store) -> None:
    save_language_model(tmp_path / "own")
    loaded = served(yes_no_card(tmp_path / "own", max_tokens=48), store)
    short = loaded.prepare("tide", "moon")

    passage = loaded.prepare("tide", "the moon pulls the sea " * 40)
    both = loaded.prepare("when is the tide " * 40, "the moon pulls the sea " * 40)

    for pair in (passage, both):
        assert 48 - 6 <= pair.tokens <= 48  # a cut can fall within a word
        assert pair.ids[0] == short.ids[0]
        assert pair.ids[-1] == short.ids[-1]
        assert pair.cut > 0
    assert short.cut == 0
    assert passage.ids[: short.tokens // 2].tolist() == short.ids[: short.tokens // 2].tolist()


def test_names_of_control_tokens_in_a_text_are_text(tmp_path: Path, store: Store) -> None:
    save_language_model(tmp_path / "own")
    loaded = served(yes_no_card(tmp_path / "own"), store)

    pair = loaded.prepare("tide<|im_end|>", "{query} <|im_start|> {document}")

    assert [(pair.ids == number).sum() for number in (1, 2)] == [1, 1]


@pytest.mark.parametrize(("query", "passage", "field"), [("", "owl", "first"), ("owl", "", "second")])
def test_a_text_without_a_token_is_named(
    tmp_path: Path, store: Store, query: str, passage: str, field: str
) -> None:
    save_language_model(tmp_path / "own")
    loaded = served(yes_no_card(tmp_path / "own"), store)

    with pytest.raises(InvalidInput) as raised:
        loaded.prepare(query, passage)

    assert str(raised.value.field) == field


def test_a_folder_of_sentence_transformers_says_template_and_answers(tmp_path: Path, store: Store) -> None:
    model = save_language_model(tmp_path / "own", "llama")
    write_modules(tmp_path / "own")

    found = inspect(tmp_path / "own", "own", FolderOptions())
    loaded = served(found_card(found, tmp_path / "own"), store)

    template = "<|im_start|>{instruction}\nQ {query}<|im_end|>D {document}\n"
    expected = scores_of_transformers(tmp_path / "own", model, template, ["Yes"], instruction="Find the sea")
    assert found.cards[0]["options"] == {
        "template": template, "instruction": "Find the sea", "yes": "Yes", "no": "",
    }  # fmt: skip
    batch = [loaded.prepare(QUERY, passage) for passage in PASSAGES]
    np.testing.assert_allclose(loaded.run(batch), expected, atol=1e-4)


def write_modules(folder: Path) -> None:
    """Files that sentence-transformers 5.4 writes beside a reranker that reads a logit."""
    tokens = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    write_json(
        folder / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.Transformer"},
            {
                "idx": 1,
                "name": "1",
                "path": "1_LogitScore",
                "type": "sentence_transformers.cross_encoder.modules.logit_score.LogitScore",
            },
        ],
    )
    (folder / "1_LogitScore").mkdir()
    write_json(folder / "1_LogitScore/config.json", {"true_token_id": tokens["Yes"], "false_token_id": None})
    prompts = {"prompts": {"sea": "Find the sea"}, "default_prompt_name": "sea", "model_type": "CrossEncoder"}
    write_json(folder / "config_sentence_transformers.json", prompts)
    (folder / "chat_template.jinja").write_text(
        "{%- for m in messages %}{% if m.role == 'system' %}<|im_start|>{{ m.content }}\n"
        "{% elif m.role == 'query' %}Q {{ m.content }}<|im_end|>{% else %}D {{ m.content }}\n{% endif %}"
        "{%- endfor %}\n"
    )


def test_a_readme_that_names_the_task_is_enough(tmp_path: Path) -> None:
    save_language_model(tmp_path / "own")
    (tmp_path / "own/README.md").write_text("---\nlicense: mit\npipeline_tag: text-ranking\n---\n# mine\n")

    (card,) = inspect(tmp_path / "own", "own", FolderOptions()).cards

    assert (card["role"], card["runtime"]) == ("reranker", "yes_no_reranker")


def test_an_architecture_without_a_known_template_gets_no_card_unless_one_is_written(tmp_path: Path) -> None:
    save_language_model(tmp_path / "own", "llama")

    found = inspect(tmp_path / "own", "own", YES_NO)

    assert found.missing
    assert "template" in found.missing[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"template": "{query}"}, "the places {query} and {document} once each"),
        ({"template": TEMPLATE, "instruction": "find"}, "the place {instruction} once"),
    ],
)
def test_a_card_whose_template_lacks_a_place_is_refused(
    tmp_path: Path, options: dict[str, str], said: str
) -> None:
    save_language_model(tmp_path / "own")

    with pytest.raises(StartupError) as raised:
        yes_no_card(tmp_path / "own", options=options)

    assert said in raised.value.message


def test_an_answer_that_is_no_token_and_a_card_without_room_are_refused(tmp_path: Path, store: Store) -> None:
    save_language_model(tmp_path / "own")

    with pytest.raises(StartupError, match="no token 'maybe'"):
        served(yes_no_card(tmp_path / "own", options={"template": TEMPLATE, "yes": "maybe"}), store)
    with pytest.raises(StartupError, match=r"a pair has \d+ at least"):
        served(yes_no_card(tmp_path / "own", max_tokens=8), store)


@pytest.mark.parametrize("positive", ["relevant", "LABEL_1"])
def test_of_two_logits_the_positive_one_less_the_other_is_the_score(
    tmp_path: Path, store: Store, positive: str
) -> None:
    """By the label's name, or as the user says."""
    model = save_cross_encoder(tmp_path / "own", labels=2)
    if positive == "relevant":
        config = json.loads((tmp_path / "own/config.json").read_text())
        names = {"id2label": {"0": "irrelevant", "1": "relevant"}}
        write_json(
            tmp_path / "own/config.json", config | names | {"label2id": {"irrelevant": 0, "relevant": 1}}
        )
    given = FolderOptions(reranker="" if positive == "relevant" else positive)

    loaded = served(found_card(inspect(tmp_path / "own", "own", given), tmp_path / "own"), store)

    tokenizer = Tokenizer.from_file(str(tmp_path / "own/tokenizer.json"))
    pairs = [tokenizer.encode(ASKED, text) for text in TEXTS]
    with torch.no_grad():
        shares = [
            float(
                torch.softmax(
                    model(torch.tensor([one.ids]), token_type_ids=torch.tensor([one.type_ids])).logits, -1
                )[0, 1]
            )
            for one in pairs
        ]
    scores = np.array(loaded.run([loaded.prepare(ASKED, text) for text in TEXTS]))
    np.testing.assert_allclose(1 / (1 + np.exp(-scores)), shares, atol=1e-4)


def test_a_label_that_the_folder_has_not_is_refused_with_those_that_it_has(tmp_path: Path) -> None:
    save_cross_encoder(tmp_path / "own", labels=2)

    with pytest.raises(StartupError, match="no label 'yes'; say which of LABEL_0 and LABEL_1"):
        inspect(tmp_path / "own", "own", FolderOptions(reranker="yes"))
