"""What the benchmark of merging makes of pairs and of what it found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.lab.expert_adapters import TOKENS, changed, equally_long, tell_costs
from benchmarks.lab.merging import ABSTRACTS, HELD_OUT, held_out, pairs_of, tell
from benchmarks.report import Report

pytestmark = pytest.mark.all


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ABSTRACTS:
        folder = tmp_path / "retrieval" / name
        folder.mkdir(parents=True)
        texts = [f"About {name} {i}. It says a good deal more of that." for i in range(10)] + [
            "One sentence."
        ]
        (folder / "documents.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
    (tmp_path / "captions").mkdir()
    (tmp_path / "captions/captions.json").write_text(json.dumps({"a.jpg": ["a dog", "one dog", "dogs"]}))
    (tmp_path / "nli").mkdir()
    rows = [
        {"premise": "It rains.", "hypothesis": "It is wet.", "label": "entailment"},
        {"premise": "It rains.", "hypothesis": "It is dry.", "label": "contradiction"},
    ]
    (tmp_path / "nli/train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_pairs_are_halves_of_documents_captions_of_a_photo_and_what_follows(data: Path) -> None:
    found = pairs_of(data)

    assert sorted(found["med"])[0] == ("About med 0.", "It says a good deal more of that.")
    assert len(found["cacm"]) == 10
    assert found["captions"] == [("a dog", "one dog")]
    assert found["inferences"] == [("It rains.", "It is wet.")]


def test_a_title_is_what_stands_before_two_spaces(data: Path) -> None:
    text = "fast compact memories  a store with a capacity up to some bits"
    (data / "retrieval/npl/documents.jsonl").write_text(json.dumps({"text": text}))

    assert pairs_of(data)["npl"] == [("fast compact memories", "a store with a capacity up to some bits")]


def test_a_fifth_of_the_pairs_is_held_out_and_no_more_than_is_needed() -> None:
    pairs = [(str(i), "") for i in range(5 * HELD_OUT + 500)]

    assert held_out(pairs[:100]) == pairs[80:100]
    assert held_out(pairs) == pairs[-HELD_OUT:]


def test_merges_are_held_against_the_base_and_against_the_experts_on_their_own_domains() -> None:
    even = {"a": 0.5, "b": 0.5}
    found = {
        "base": {"a": 0.4, "b": 0.4},
        "expert of a": {"a": 0.8, "b": 0.1},
        "expert of b": {"a": 0.1, "b": 0.6},
        **dict.fromkeys(["averaged", "task arithmetic, 0.3", "TIES", "consensus of 2"], even),
        "task arithmetic, 0.6": {"a": 0.6, "b": 0.6},
        "TALL masks": {"a": 0.7, "b": 0.7},
        "twin, rank 32": {"a": 0.7, "b": 0.6},
    }
    report = Report()

    tell(report, found, {"TIES": 2.0, "averaged": 1.0}, {"TALL masks": (90.0, 3.0)}, 90.0)

    claims = {claim.name: claim.value for claim in report.claims}
    assert claims["experts on their own domains, over the base"] == pytest.approx(0.3)
    assert claims["best merge (task arithmetic, 0.6), of the experts on their own domains"] == pytest.approx(
        0.6 / 0.7, abs=1e-3
    )
    assert claims["TALL masks, of the experts on their own domains"] == pytest.approx(1.0)
    assert claims["Twin-Merging of rank 32 over its task arithmetic"] == pytest.approx(0.05)
    assert claims["slowest merge of 2 MiniLM"] == 2.0


def test_a_mixed_batch_is_held_against_one_by_a_single_expert() -> None:
    report = Report()
    measured = {"merged": 0.14, "one": 0.15, "mixed": 0.2, "ready": 0.05, "bytes": 5e6}

    tell_costs(report, {"twin, rank 32": measured}, {"law": 1.0, "code": 0.9})

    claims = {claim.name: claim.value for claim in report.claims}
    name = "twin, rank 32: throughput of a batch that mixes eight adapters, over one by one adapter"
    assert claims[name] == pytest.approx(0.75)
    assert claims["the router, right on held-out texts of 2 domains"] == 0.95


def test_texts_of_a_batch_are_equally_long() -> None:
    assert [len(one) for one in equally_long([np.arange(5), np.arange(TOKENS + 9)])] == [TOKENS]


def test_eight_experts_differ_in_their_matrices_alone() -> None:
    draw = np.random.default_rng(1)
    shapes = {"tokens": (50, 4), "matrix": (4, 4), "bias": (4,)}
    base = {name: draw.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}

    found = changed(base)

    assert len(found) == 8
    for expert in found.values():
        assert {name for name in base if not np.array_equal(expert[name], base[name])} == {"matrix"}
