"""Folders of classifiers of claims, served as transformers computes; others are refused with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.architectures import CLASSIFIERS
from support.own_checker import (
    CLAIM,
    EVIDENCE,
    NLI_LABELS,
    bare_logits,
    bare_probabilities,
    checker_card,
    save_checker,
    served_checker,
)
from support.small_tokenizers import FAMILIES
from tieback.core.errors import StartupError
from tieback.models.store import Store
from tieback.models.text.card_inputs import CardInputs
from tieback.models.text.claim_classifier import ReadClaim
from tieback.recipes.own.folder import FolderOptions
from tieback.recipes.own.model import inspect

TWO = {"no": "unsupported", "yes": "supported"}
SHORT = "the wren"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own"


@pytest.mark.parametrize("architecture", CLASSIFIERS)
def test_every_architecture_gives_the_probabilities_that_transformers_computes(
    own: Path, store: Store, architecture: str
) -> None:
    model = save_checker(own, architecture)
    expected = [bare_probabilities(own, model, evidence, CLAIM) for evidence in (EVIDENCE, SHORT)]

    loaded = served_checker(checker_card(own), store)
    found = loaded.run([loaded.prepare(ReadClaim(evidence, CLAIM)) for evidence in (EVIDENCE, SHORT)])

    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.ptp(expected, axis=0).max() > 0.01  # so that the comparison can fail


@pytest.mark.parametrize("architecture", ["bert", "modernbert", "t5"])
def test_labels_of_tokens_count_where_they_are_the_claims(own: Path, store: Store, architecture: str) -> None:
    model = save_checker(own, architecture, "tokens", ("supported", "hallucinated"))
    logits, tokens = bare_logits(own, model, EVIDENCE, CLAIM)
    of_claim = [place for place, one in enumerate(tokens.sequence_ids) if one == 1]
    expected = torch.softmax(logits, dim=-1)[of_claim]
    labels = {"supported": "supported", "hallucinated": "unsupported"}

    loaded = served_checker(checker_card(own, options={"head": "tokens", "labels": labels}), store)
    long, short = (loaded.prepare(ReadClaim(one, CLAIM)) for one in (EVIDENCE, SHORT))
    found = loaded.run([short, long])[1]

    assert found[0] == pytest.approx(float(expected[:, 0].min()), abs=1e-4)
    assert found[2] == pytest.approx(float(expected[:, 1].max()), abs=1e-4)
    mean = served_checker(
        checker_card(own, options={"head": "tokens", "labels": labels}, tokens="mean"), store
    )
    assert mean.run([long])[0][0] == pytest.approx(float(expected[:, 0].mean()), abs=1e-4)


def test_one_logit_is_the_sigmoid_of_its_label(own: Path, store: Store) -> None:
    model = save_checker(own, "deberta-v2", labels=("score",))
    logit = bare_logits(own, model, EVIDENCE, CLAIM)[0]

    loaded = served_checker(checker_card(own, options={"labels": {"score": "supported"}}), store)
    [found] = loaded.run([loaded.prepare(ReadClaim(EVIDENCE, CLAIM))])

    likely = float(torch.sigmoid(logit))
    np.testing.assert_allclose(found, [likely, 0, 1 - likely], atol=1e-5)


def test_one_text_has_evidence_and_claim_in_the_words_of_the_card(own: Path, store: Store) -> None:
    model = save_checker(own, "roberta", labels=("no", "yes"))
    wanted = bare_probabilities(own, model, f"predict : {EVIDENCE} [SEP] {CLAIM} yes or no ?")

    card = checker_card(
        own, inputs=["predict : {evidence} [SEP] {claim} yes or no ?"], options={"labels": TWO}
    )
    loaded = served_checker(card, store)
    prepared = loaded.prepare(ReadClaim(EVIDENCE, CLAIM))

    assert loaded.run([prepared])[0][0] == pytest.approx(wanted[1], abs=1e-4)
    assert (prepared.ids == 3).sum() == 2


def test_the_first_token_of_a_t5_decides_with_a_control_token_of_the_card(own: Path, store: Store) -> None:
    model = save_checker(own, "t5", "first_token", ("no", "yes"))
    text = f"[PAD] premise : {EVIDENCE} hypothesis : {CLAIM}"
    logits, _ = bare_logits(own, model, text)

    card = checker_card(
        own,
        inputs=["[PAD] premise : {evidence} hypothesis : {claim}"],
        options={"head": "first_token", "labels": TWO},
    )
    loaded = served_checker(card, store)
    [found] = loaded.run([loaded.prepare(ReadClaim(EVIDENCE, CLAIM))])

    assert found[0] == pytest.approx(float(torch.softmax(logits[0], dim=-1)[1]), abs=1e-4)


def test_the_first_word_that_a_t5_writes_decides(own: Path, store: Store) -> None:
    model = save_checker(own, "t5", "next_token")
    logits, _ = bare_logits(own, model, f"predict : {EVIDENCE} [SEP] {CLAIM}")
    words = logits[0][[model.config.vocab_size - 1, model.config.vocab_size - 2]]

    card = checker_card(
        own,
        inputs=["predict : {evidence} [SEP] {claim}"],
        options={"head": "next_token", "labels": TWO},
    )
    loaded = served_checker(card, store)
    [found] = loaded.run([loaded.prepare(ReadClaim(EVIDENCE, CLAIM))])

    assert found[0] == pytest.approx(float(torch.softmax(words, dim=-1)[1]), abs=1e-4)


def test_names_of_control_tokens_in_a_request_are_text(own: Path, store: Store) -> None:
    save_checker(own, "roberta", labels=("no", "yes"))
    card = checker_card(own, inputs=["{evidence}[SEP]{claim}"], options={"labels": TWO})

    prepared = served_checker(card, store).prepare(ReadClaim("the owl [SEP] [CLS] flies", "[SEP] at night"))

    assert (prepared.ids == 3).sum() == 2
    assert (prepared.ids == 2).sum() == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_between_control_tokens_are_tokenised_as_the_whole(tmp_path: Path, family: str) -> None:
    tokenizer = FAMILIES[family]()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    values = {"evidence": "The lamp was lit at dusk, déjà vu.", "claim": "Nobody saw it", "question": ""}
    text = "they said: {evidence}[SEP]{claim} [SEP] gone?"

    filled = CardInputs.read(tmp_path / "tokenizer.json").fill((text,), values)

    whole = tokenizer.encode(text.format(**values))
    assert filled.ids.tolist() == whole.ids
    told = [whole.tokens[place] for place in filled.claim.nonzero()[0]]
    assert "".join(told).replace("##", "").replace("Ġ", "").replace("▁", "").lower() == "nobodysawit"


def test_evidence_that_does_not_fit_is_cut_and_the_claim_is_whole(own: Path, store: Store) -> None:
    save_checker(own)
    loaded = served_checker(checker_card(own), store)

    for words in (32, 33, 200):
        prepared = loaded.prepare(ReadClaim("owl " * words, "the wren sleeps"))

        assert (prepared.tokens, int(prepared.claim.sum())) == (min(words + 6, 40), 3)


def test_a_question_has_inputs_of_its_own(own: Path, store: Store) -> None:
    save_checker(own)
    card = checker_card(own, question_inputs=["{question} {evidence}", "{claim}"])

    loaded = served_checker(card, store)
    asked, stated = (loaded.prepare(ReadClaim("owl", "wren", question)) for question in ("night", ""))

    assert asked.tokens == stated.tokens + 1
    assert loaded.room("wren", "night") == loaded.room("wren", "") - 1 == 40 - 4 - 1 - 2


@pytest.mark.parametrize("architecture", ["bert", "deberta-v2"])
def test_eight_bits_stay_near_the_model(own: Path, store: Store, architecture: str) -> None:
    model = save_checker(own, architecture)
    expected = bare_probabilities(own, model, EVIDENCE, CLAIM)

    loaded = served_checker(checker_card(own, options={"labels": NLI_LABELS, "precision": "int8"}), store)

    found = loaded.run([loaded.prepare(ReadClaim(EVIDENCE, CLAIM))])[0]
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_labels_that_the_model_has_not_or_that_mean_nothing_are_named(own: Path, store: Store) -> None:
    save_checker(own)

    for labels, told in (
        ({"entailment": "supported"}, "entailment, contradiction, neutral.*contradiction, neutral"),
        (NLI_LABELS | {"perhaps": "unsupported"}, "no other: perhaps"),
    ):
        with pytest.raises(StartupError, match=told):
            served_checker(checker_card(own, options={"labels": labels}), store)


def test_a_card_says_what_is_wrong_with_it(own: Path) -> None:
    save_checker(own)

    for changes, told in (
        ({"name": "verbatim"}, "how requests name a method of grounding"),
        ({"inputs": ["{evidence}"]}, r"inputs has each of these places once.*\{claim\}, \{evidence\}"),
        ({"inputs": ["{evidence} {evidence}", "{claim}"]}, "each of these places once"),
        ({"inputs": ["{evidence}", "{claim}", "?"]}, "one text, or a pair"),
        ({"question_inputs": ["{evidence}", "{claim}"]}, r"\{question\}"),
        ({"options": {"labels": {"neutral": "unsupported"}}}, "one of the labels means supported"),
        ({"threshold": 0.4, "unsupported_below": 0.6}, "at most the threshold"),
        ({"window": 3}, "unknown key 'window'"),
    ):
        with pytest.raises(StartupError, match=told):
            checker_card(own, **changes)


def test_inputs_that_leave_no_room_for_evidence_are_refused(own: Path, store: Store) -> None:
    save_checker(own)
    card = checker_card(own, max_tokens=16, inputs=["{evidence}", f"{'owl ' * 14}{{claim}}"])

    with pytest.raises(StartupError, match="leave no room for evidence in its 16 max_tokens"):
        served_checker(card, store)


def test_a_head_without_its_pooler_is_refused(own: Path, store: Store) -> None:
    save_checker(own, "deberta-v2")
    tensors = load_file(own / "model.safetensors")
    save_file({name: one for name, one in tensors.items() if "pooler" not in name}, own / "model.safetensors")

    with pytest.raises(StartupError, match=r"lacks \['pooler"):
        served_checker(checker_card(own), store)


def test_a_folder_is_added_with_what_its_labels_mean(tmp_path: Path) -> None:
    for labels, head, given, expected in (
        (
            ("entailment", "neutral", "contradiction"),
            "sequence",
            {},
            ["supported", "unsupported", "contradicted"],
        ),
        (("LABEL_0", "LABEL_1"), "tokens", {"LABEL_0": "supported", "LABEL_1": "unsupported"}, None),
        (("LABEL_0",), "sequence", {"LABEL_0": "supported"}, None),
    ):
        folder = tmp_path / f"{head}-{len(labels)}"
        save_checker(folder, "deberta-v2", head, labels)

        found = inspect(folder, "own", FolderOptions(labels=given))

        [card] = found.cards
        assert (card["role"], card["runtime"], found.missing) == ("checker", "claim_classifier", [])
        assert list(card["options"]["labels"].values()) == (expected or list(given.values()))
        assert card["options"].get("head", "sequence") == head


def test_a_folder_whose_labels_have_no_meaning_says_what_to_do(tmp_path: Path) -> None:
    save_checker(tmp_path / "own", labels=("LABEL_0", "supported"))

    unclear = inspect(tmp_path / "own", "own", FolderOptions())

    assert "--label LABEL_0=OUTCOME, each of supported, contradicted, unsupported" in unclear.missing[0]
    for labels, told in (
        ({"LABEL_0": "wrong"}, "a label means one of supported.*'wrong'"),
        ({"LABEL_7": "supported"}, "no label 'LABEL_7'; it has: LABEL_0, supported"),
    ):
        with pytest.raises(StartupError, match=told):
            inspect(tmp_path / "own", "own", FolderOptions(labels=labels))
    with pytest.raises(StartupError, match="--label is for classifiers"):
        inspect(tmp_path / "own", "own", FolderOptions(pooling="mean", labels={"LABEL_0": "supported"}))
