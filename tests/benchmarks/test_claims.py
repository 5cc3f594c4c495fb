"""The benchmark of claims: its topics are the folder's, and one that fails takes no other with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.bag_of_words import BagOfWords, card
from support.present import present
from tieback.methods.projection import unit_rows
from tieback.recipes.adapt.layer_states import LayerStates
from tieback.training.loop import Plan

from benchmarks import claims
from benchmarks.__main__ import main
from benchmarks.claims import (
    _frozen,
    alignment_losses,
    binary_paragraph_vectors,
    bundles,
    hypercomplex,
    interleaved_documents,
    joint_views,
    layers,
    low_rank_heads,
    multiplexed_features,
    orthogonal_alignment,
    planted_objects,
    platonic,
    prompt_pool,
    sequential_state,
    topics,
)
from benchmarks.claims._frozen import Labelled
from benchmarks.pipeline.judged import Document, Judged, Question
from benchmarks.report import Report, Tried

OF = Tried(1, "toy", product=False, data="generated")

pytestmark = pytest.mark.all


def holds(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    say("measures")
    claims.claim(report, OF, "1 (arXiv:0000.00000): grows", [1.0 + seed for seed in seeds], "x", ">= 1")


def fails(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    report.claim("2 (arXiv:0000.00000): before it failed", 1.0, "x", ">= 2")
    raise ValueError(f"{claims.ROOT}/data is not there")


def test_every_file_of_the_folder_is_a_topic_with_a_study() -> None:
    files = {path.stem for path in Path(claims.__file__).parent.glob("*.py")} - {"__init__"}

    assert set(topics()) == {name for name in files if not name.startswith("_")}
    assert {"platonic", "alignment_losses", "joint_views", "hypercomplex"} <= set(topics())


def test_a_cheap_topic_gives_a_report_with_claims_and_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hypercomplex, "ENTITIES", 30)
    monkeypatch.setattr(hypercomplex, "EPOCHS", 5)

    status = main(
        ["claims", "--topics", "hypercomplex", "--seeds", "1", "--json", str(tmp_path / "found.json")]
    )

    found = json.loads((tmp_path / "found.json").read_text())
    assert status == 0
    assert found["command"].startswith("scripts/bench claims --topics hypercomplex")
    assert len(found["claims"]) == 4
    assert all(claim["name"].startswith("55 (arXiv:") for claim in found["claims"])
    assert len(next(iter(found["tables"].values()))) == 6


SMALL: dict[Any, dict[str, Any]] = {
    alignment_losses: {"TRAIN": 100, "TEST": 40, "STEPS": 2},
    bundles: {"ITEMS": 60, "TASTES": 6, "LEARNT": 20, "ASKED": 10, "BATCH": 8, "STEPS": 2},
    binary_paragraph_vectors: {"STEPS": 2, "BITS": 16, "REAL": 8},
    multiplexed_features: {
        "TRAIN": 300,
        "VALIDATION": 100,
        "TEST": 100,
        "SIZE": 50,
        "BATCH": 20,
        "PLAN": Plan(2, 0.01),
    },
    prompt_pool: {"TRAIN": 60, "TEST": 20, "BATCH": 8, "STEPS": 3},
    sequential_state: {"TRAIN": 80, "TEST": 60, "EPOCHS": 1},
    planted_objects: {"TRAIN": 60, "VALIDATION": 10, "TESTED": 20, "BATCH": 8, "STEPS": 2},
    joint_views: {"CLASSES": 5, "UNSEEN": 3, "PER_CLASS": 5, "STEPS": 2, "POOR": (2.0,)},
}


@pytest.mark.parametrize("topic", SMALL, ids=lambda topic: topic.__name__.rpartition(".")[2])
def test_a_topic_on_made_data_measures_every_claim_also_when_small(
    topic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SMALL[topic].items():
        monkeypatch.setattr(topic, name, value)
    report = Report()

    topic.study(report, range(2), lambda _line: None)

    assert report.claims
    assert report.tables
    for claim in report.claims:
        assert claim.name.startswith(topic.METHOD)
        assert claim.of is None or claim.name.startswith(f"{claim.of.paper} ")
        assert present(claim.low) <= present(claim.value) <= present(claim.high)


def frozen_states(*_: Any) -> LayerStates:
    """States of 240 texts of four tokens in three layers behind the embeddings; the first of them shows the
    class, and later ones are noise.
    """
    draw = np.random.default_rng(0)
    flat = draw.normal(size=(4, 960, 16)).astype(np.float16)
    flat[1, :, :6] += 4 * np.eye(6)[np.arange(240) % 6].repeat(4, axis=0)
    return LayerStates(flat, np.full(240, 4))


@pytest.mark.parametrize("topic", [layers, low_rank_heads])
def test_a_topic_of_frozen_states_measures_every_claim(topic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = Labelled(("a text",) * 240, np.arange(240) % 6)
    for name, value in {
        "states_of": frozen_states, "data_folder": lambda: Path(), "of_lengths": lambda _: labelled,
        "premises": lambda _: [], "definitions": lambda *_: labelled, "STEPS": 80, "LOOK_EVERY": 20,
        "RATE": 0.02,
    }.items():  # fmt: skip
        monkeypatch.setattr(topic, name, value, raising=False)
    report = Report()

    topic.study(report, range(2), lambda _line: None)

    assert all(claim.name.startswith(topic.METHOD) for claim in report.claims)
    assert present(report.claims[0].low) <= present(report.claims[0].value)
    if topic is layers:
        assert present(report.claims[0].value) > 50, "the first layer alone shows the class"


def test_a_classifier_begins_alike_whatever_was_drawn_before() -> None:
    state, sizes = torch.ones(2, 3, 4), torch.ones(2, 3)
    classifier = _frozen.Classifier(lambda states, _sizes: states[-1].mean(dim=1), 4, 5)

    assert not classifier([state], sizes).any()


def test_definitions_are_those_below_one_topic_alone(tmp_path: Path) -> None:
    folder = tmp_path / "graphs" / "wn18rr"
    folder.mkdir(parents=True)
    (folder / "train.tsv").write_text("owl\t_hypernym\tbird\nbird\t_hypernym\tanimal\nowl\t_part\tplace\n")
    (folder / "valid.tsv").write_text("bank\t_hypernym\tplace\nboth\t_hypernym\tplace\n")
    (folder / "test.tsv").write_text("both\t_hypernym\tanimal\n")
    names = ("owl", "bird", "animal", "bank", "both")
    (folder / "texts.tsv").write_text("".join(f"{name}\t{name}\tthe {name}\n" for name in names))

    found = _frozen.definitions(tmp_path, ["animal", "place"], 9)

    assert found.texts == ("the owl", "the bird", "the bank")
    assert found.labels.tolist() == [0, 0, 1]
    assert _frozen.definitions(tmp_path, ["animal", "place"], 1).texts == ("the owl", "the bank")


def test_sentences_are_put_into_classes_by_their_number_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "PER_BIN", 1)
    sentences = [" ".join(["word"] * count) for count in (4, 5, 8, 9, 30, 31)]

    found = layers.of_lengths(sentences)

    assert [len(text.split()) for text in found.texts] == [5, 9, 30]
    assert found.labels.tolist() == [0, 1, 5]


def test_alignment_of_texts_is_measured_by_their_judged_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [" ".join(f"w{number}" for number in range(begin, begin + 10)) for begin in range(40)]
    documents = [Document(str(place), text) for place, text in enumerate(texts)]
    questions = [Question(str(place), [texts[place]], {str(place): 1}) for place in range(0, 40, 4)]

    def encoded(space: str, asked: Sequence[str], say: Callable[[str], None]) -> Any:
        width = {orthogonal_alignment.OLD: 30, orthogonal_alignment.NEW: 40}[space]
        words = np.random.default_rng(width).normal(size=(50, width))
        counts = [[text.split().count(f"w{number}") for number in range(50)] for text in asked]
        return unit_rows(np.array(counts) @ words)

    monkeypatch.setattr(orthogonal_alignment, "encoded", encoded)
    monkeypatch.setattr(orthogonal_alignment, "LEARNED", {"trained": 3})

    found = orthogonal_alignment.texts_found(Judged("made", documents, questions), 0, lambda _line: None)

    assert found.keys() == {"old/old", "native", "trained, new/old", "trained, new/new"}
    assert all(len(gained) == 10 for gained in found.values())
    assert found["old/old"].tolist() == found["native"].tolist() == [1.0] * 10


def test_the_values_of_a_missing_view_never_reach_the_state() -> None:
    things = sequential_state.made(np.random.default_rng(0), 50)

    silent = ~things.present[:, 0]
    assert silent.any()
    assert not things.views[0][silent].any(), "it held NaN"
    model = sequential_state.Sequential((0, 1, 2))
    first, second = model.states(things)[:2]
    assert (second[silent] == first[silent]).all()
    assert (second[~silent] != first[~silent]).any(dim=1).all()


def test_a_missing_view_is_as_a_model_without_its_encoder() -> None:
    things = sequential_state.made(np.random.default_rng(0), 50)
    things.present[:, 1] = False
    model, without = sequential_state.Sequential((0, 1, 2)), sequential_state.Sequential((0, 2))
    without.start, without.decoder = model.start, model.decoder
    without.encoders = torch.nn.ModuleList([model.encoders[place] for place in (0, 2)])

    assert (model.states(things)[-1] == without.states(things)[-1]).all()


def test_the_vector_of_a_bundle_does_not_depend_on_the_order_of_its_items() -> None:
    world = bundles.made(0)
    model = bundles.Bundler(world.looks, world.there)
    items = model.items()
    turned = world.asked[:, torch.randperm(bundles.SIZE)]

    assert torch.allclose(model.bundles(items, world.asked), model.bundles(items, turned), atol=1e-5)


def test_what_holds_by_construction_is_no_claim() -> None:
    found = json.loads((claims.ROOT / "benchmarks/results/claims.json").read_text(encoding="utf-8"))

    identities = ("largest difference", "largest relative difference", "largest deviation", "sum to 1")
    assert not [one["name"] for one in found["claims"] if any(part in one["name"] for part in identities)]


def test_a_text_alone_has_as_many_tokens_as_a_pair_and_the_pool_learns_from_it() -> None:
    learnt, _ = prompt_pool.made(np.random.default_rng(0))
    model = prompt_pool.Fusion(pooled=True)

    model(learnt.tokens[:8], (True, False)).sum().backward()

    assert model.pools is not None
    assert model.pools.grad is not None
    assert model.pools.grad[prompt_pool.PICTURE].norm() > 0
    assert model.pools.grad[prompt_pool.TEXT].norm() == 0, "the texts were there"
    pair, text = (model.sequence(learnt.tokens[:8], there) for there in prompt_pool.FORMATS[:2])
    assert pair.shape == text.shape


def test_partners_in_a_shared_subspace_are_found_by_every_way_of_the_platonic_topic() -> None:
    draw = np.random.default_rng(0)
    shared = draw.normal(size=(platonic.MORE + 60, 10))
    source, target = (
        unit_rows(shared @ draw.normal(size=(10, width)) + 0.1 * draw.normal(size=(len(shared), width)))
        for width in (16, 12)
    )

    found = platonic.found_first(source, target, platonic.ANCHORS, 0)

    assert len(found) == 1 + 2 * len(platonic.RIDGES) + 3 * len(platonic.DIMENSIONS)
    assert min(found.values()) > 90


def test_image_classes_and_their_names_are_a_pair_of_the_platonic_topic() -> None:
    pair = platonic._of_classes(lambda _line: None)

    assert pair.left.shape == (1000, 1280)
    assert pair.right.shape == (1000, 384)
    assert np.linalg.norm(pair.left, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_claim_is_the_mean_over_seeds_between_the_smallest_and_the_largest() -> None:
    report = Report()

    claims.measure(report, {"one": holds}, range(3))

    assert [(c.value, c.low, c.high, c.met) for c in report.claims] == [(2.0, 1.0, 3.0, True)]


def test_a_topic_that_fails_is_not_measured_with_the_reason_and_the_others_still_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = Report()

    claims.measure(report, {"bad": fails, "good": holds}, range(2))

    before, failed, good = report.claims
    assert before.met is False
    assert failed.name.startswith("bad")
    assert failed.met is failed.value is None
    assert failed.note == "ValueError: data is not there"  # and no path of this machine
    assert good.met is True
    assert "bad: failed: ValueError" in capsys.readouterr().err


def test_a_topic_that_cannot_be_imported_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report()

    claims.measure(report, {"gone": claims._imported("gone"), "good": holds}, range(2))

    assert [claim.met for claim in report.claims] == [None, True]
    assert "No module named" in report.claims[0].note


@pytest.mark.parametrize("arguments", [["--topics", "nonsense"], ["--seeds", "0"]])
def test_arguments_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["claims", *arguments])

    assert ended.value.code not in (0, None)


def test_documents_are_found_by_what_several_of_their_sections_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interleaved_documents, "DOCUMENTS", 60)
    (tmp_path / "seed").write_text("0")
    question = interleaved_documents.QUESTIONS["its words"]

    found = interleaved_documents.measured(BagOfWords(card(tmp_path)), question, 0)

    assert found["document vector"] > found["search by sections"] + 10
    assert found["search by documents"] > found["search by sections"] + 10
    assert 0 <= found["section, reranked"] <= 100


def test_bits_of_a_paragraph_vector_are_rounded_and_learn_through_the_rounding() -> None:
    counts = torch.tensor([[3.0, 1, 0, 0], [0, 0, 2, 2], [2, 2, 0, 0], [0, 0, 1, 3]])

    model = binary_paragraph_vectors.trained(counts, 0, width=8, rounded=True, projected=False)

    codes = model.codes()
    assert set(codes.flatten().tolist()) == {0.0, 1.0}
    codes.sum().backward()  # type: ignore[no-untyped-call]  # torch's own
    assert present(model.vectors.grad).abs().min() > 0
    bits = binary_paragraph_vectors._bits(model)
    alike, unlike = (bits[0] == bits[2]).sum(), (bits[0] == bits[1]).sum()
    assert alike > unlike


def test_precision_and_recall_leave_the_document_itself_out() -> None:
    scores = np.arange(12 * 12, dtype=np.float32).reshape(12, 12) % 13
    scores = scores + scores.T
    np.fill_diagonal(scores, 1000)

    nearest = binary_paragraph_vectors._nearest(scores, 11)

    assert all(sorted([*row, place]) == list(range(12)) for place, row in enumerate(nearest.tolist()))
    assert binary_paragraph_vectors._precision(scores, np.zeros(12)) == 100
    assert binary_paragraph_vectors._recall(scores, scores) == 1


def test_passages_are_of_the_pages_in_the_public_domain_and_long_enough() -> None:
    known = binary_paragraph_vectors.documents()

    assert len(known.counts) == len(known.pages) > 300
    assert known.counts.sum(dim=1).min() > 10
    assert not any(page.startswith("cc-by") for page in known.pages)


def test_clicks_of_made_impressions_follow_from_their_values() -> None:
    draw = np.random.default_rng(0)

    training, *_ = multiplexed_features.made(draw)

    assert {name: len(set(column)) for name, column in training.columns.items()}["a"] == 20
    assert 0.1 < training.clicks.mean() < 0.5
    of_first = [value == "0" for value in training.columns["b"]]
    assert 0.15 < np.mean(of_first) < 0.35, "the first value is the most frequent by far"
