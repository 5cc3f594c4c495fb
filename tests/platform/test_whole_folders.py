"""Folders as their makers save them, from `tieback models add` to a search, by the commands that are told.

One server, in a process of its own, serves all of them. Vectors and scores are held against transformers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from support.late_folders import QUERY_TOKENS, LateModel, save_pylate
from support.own_folders import preprocessor, save_dual_encoder
from support.own_yes_no import PASSAGES, QUERY, save_language_model, scores_of_transformers
from support.running_platform import Platform
from support.whole_folders import SENTENCE_FOLDERS, WIDTH, SentenceFolder
from tieback.recipes.own.yes_no import QWEN
from tieback_client.cli.app import tieback
from tieback_contract.arrays import Array
from tokenizers import Tokenizer
from transformers import SiglipImageProcessorPil

TEXTS = {
    "moon": "Moon and sun pull the sea, and the tide is highest at new moon.",
    "cat": "Cat hairs are on the sofa.",
    "yeast": "Yeast makes the dough rise, and so does patience, warmth and a little sugar, if there is some.",
}
ASKED = "when is the tide highest"
LATE_TEXTS = {"owl": "owl flies at night !", "wren": "wren flies", "both": "both owl wren", "night": "night"}
LATE_ASKED = "owl night"
CARD_OF_A_RERANKER = "---\nlicense: apache-2.0\nlibrary_name: transformers\npipeline_tag: text-ranking\n---\n"


def run(*words: str) -> str:
    """The output of a command that succeeds."""
    done = CliRunner().invoke(tieback, words)
    assert done.exit_code == 0, done.output
    return done.stdout


def run_json(*words: str) -> Any:
    return json.loads(run(*words, "--json"))


def next_of(output: str) -> list[str]:
    """The words of the command that an output tells to run next."""
    (told,) = re.findall(r"^next: tieback (.+)$", output, re.M)
    return str(told).split()


@dataclass(frozen=True)
class Served:
    """A server of all folders below `models`, and what transformers makes of some of them."""

    models: Path
    siglip: Any
    judge: Any
    late: LateModel


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("whole")
    made = place / "models"
    for one in SENTENCE_FOLDERS:
        one.save(made)
    judge = save_language_model(made / "Qwen3-Reranker")
    (made / "Qwen3-Reranker/README.md").write_text(CARD_OF_A_RERANKER)
    found = Served(made, save_dual_encoder(made / "siglip2", "siglip"), judge, save_pylate(made / "colbert"))
    (place / "cards").mkdir()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIEBACK_CARDS", str(place / "cards"))
        environment.setenv("TIEBACK_MODELS", str(place / "pulled"))
        names = []
        for folder in sorted(made.iterdir()):
            *pull, _ = pulling = next_of(run("models", "add", str(folder)))
            assert pull[:2] == pulling[:2] == ["models", "pull"]
            names += pulling[2:]
        serve, local, *options = next_of(run("models", "pull", *names))
        assert (serve, local) == ("serve", "--local")
        platform = Platform(place, "--local", *options, "--drain-seconds", "1")
        try:
            environment.setenv("TIEBACK_SERVER", platform.ready().address)
            yield found
        finally:
            platform.kill()


def write_texts(folder: Path, texts: dict[str, str]) -> str:
    """The folder, with a file for each text, which begins with its name: so no title is put before it."""
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
    return str(folder)


def encoded(space: str, *words: str) -> Array:
    return np.array(run_json("encode", *words, "--space", space)["vectors"])


@pytest.mark.usefixtures("served")
def test_a_server_that_lacks_models_is_told_which_options_serve_the_others() -> None:
    refused = CliRunner().invoke(tieback, ["serve", "--local", "--port", "0"])

    assert refused.exit_code == 1
    assert "; or serve what is there: --spaces colbert-document,colbert-query," in refused.output
    assert "siglip2-text --generator none" in refused.output


@pytest.mark.parametrize("one", SENTENCE_FOLDERS, ids=lambda one: one.name)
def test_an_encoder_reads_queries_and_documents_behind_the_prompts_that_its_folder_names(
    served: Served, tmp_path: Path, one: SentenceFolder
) -> None:
    folder, texts = served.models / one.name, list(TEXTS.values())

    run("index", write_texts(tmp_path / "notes", TEXTS), "--space", one.name, "-c", one.name)
    hits = run_json("search", ASKED, "-c", one.name, "--no-hybrid")["hits"]
    ordered = run_json("rerank", ASKED, *texts, "--space", one.name)
    checked = CliRunner().invoke(tieback, ["check", "-", "-c", one.name, "--json"], input=TEXTS["cat"])

    (query,) = one.vectors(folder, [ASKED], "query")
    documents = one.vectors(folder, texts, "document")
    for side, given, expected in (("query", [ASKED], query[None]), ("document", texts, documents)):
        np.testing.assert_allclose(encoded(f"{one.name}-{side}", *given), expected, atol=1e-4)
    expected_scores = dict(zip(TEXTS, documents @ query, strict=True))
    assert vector_scores(hits) == pytest.approx(expected_scores, abs=1e-4)
    assert len(ordered["results"]) == len(texts)
    assert json.loads(checked.stdout)["claims"]


def test_an_encoders_vectors_are_cut_to_the_widths_of_its_readme(served: Served) -> None:
    one, texts = SENTENCE_FOLDERS[0], list(TEXTS.values())

    found = encoded(f"{one.name}-document", *texts, "--width", "8")

    expected = one.vectors(served.models / one.name, texts, "document", 8)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    refused = CliRunner().invoke(tieback, ["encode", "moon", "--space", f"{one.name}-query", "--width", "12"])
    assert f"8, 16, {WIDTH}" in refused.output


def test_a_pair_finds_pictures_by_texts_and_by_pictures(served: Served, tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    pictures: dict[str, Image.Image] = {}
    for name, shape in {"owl": (40, 23, 3), "wren": (17, 64, 3), "night": (30, 30, 3)}.items():
        pictures[name] = Image.fromarray(drawn.integers(0, 256, shape, dtype=np.uint8))
        pictures[name].save(tmp_path / f"{name}.png")
    texts = ["owl flies", "wren at night"]

    run("index", str(tmp_path), "--space", "siglip2", "-c", "pictures")
    by_text = run_json("search", texts[0], "-c", "pictures", "--no-hybrid")["hits"]
    by_picture = run_json("search", "--image", str(tmp_path / "wren.png"), "-c", "pictures")["hits"]

    tokenizer = Tokenizer.from_file(str(served.models / "siglip2/tokenizer.json"))
    rows = [tokenizer.encode(text).ids for text in texts]
    ids = torch.tensor([row + [1] * (12 - len(row)) for row in rows])  # was trained on texts of one length
    pixels = SiglipImageProcessorPil(**preprocessor("siglip"))([*pictures.values()], return_tensors="pt")
    with torch.no_grad():
        words = unit(served.siglip.get_text_features(input_ids=ids).pooler_output)
        seen = unit(served.siglip.get_image_features(**pixels).pooler_output)
    files = [word for name in pictures for word in ("--file", str(tmp_path / f"{name}.png"))]
    np.testing.assert_allclose(encoded("siglip2-text", *texts), words, atol=1e-4)
    np.testing.assert_allclose(encoded("siglip2-image", *files), seen, atol=1e-4)
    assert vector_scores(by_text) == pytest.approx(
        dict(zip(pictures, seen @ words[0], strict=True)), abs=1e-4
    )
    assert by_picture[0]["hit"]["item_title"] == "wren"


def test_a_language_model_reranks_by_yes_and_no_with_the_template_of_its_makers(
    served: Served, tmp_path: Path
) -> None:
    notes = write_texts(tmp_path / "notes", TEXTS)
    run("index", notes, "--space", SENTENCE_FOLDERS[0].name, "-c", "judged")

    given = run_json("rerank", QUERY, *PASSAGES, "--method", "qwen3-reranker")["results"]
    found = run_json("search", ASKED, "-c", "judged", "--reranker", "qwen3-reranker")["hits"]

    def scores(query: str, passages: Sequence[str]) -> list[float]:
        folder, instruction = served.models / "Qwen3-Reranker", QWEN["instruction"]
        return scores_of_transformers(
            folder, served.judge, QWEN["template"], ("yes", "no"), query, passages, instruction=instruction
        )

    expected = dict(enumerate(scores(QUERY, PASSAGES)))
    assert {one["first_rank"]: one["rerank_score"] for one in given} == pytest.approx(expected, abs=1e-4)
    expected_hits = dict(zip(TEXTS, scores(ASKED, list(TEXTS.values())), strict=True))
    assert rerank_scores(found) == pytest.approx(expected_hits, abs=1e-4)


@pytest.mark.parametrize("kept", [True, False])
def test_a_model_for_late_interaction_compares_by_the_rules_of_both_sides(
    served: Served, tmp_path: Path, kept: bool
) -> None:
    name = "kept" if kept else "encoded"
    tokens = [
        "--token-vectors",
        "--token-space",
        "colbert",
        "--token-pooling",
        "1",
        "--token-codec",
        "float32",
    ]
    notes = write_texts(tmp_path / "notes", LATE_TEXTS)

    run("index", notes, "--space", "colbert", "-c", name, *(tokens if kept else ()))
    found = run_json("search", LATE_ASKED, "-c", name, "--reranker", "late_interaction")
    given = run_json("rerank", LATE_ASKED, *LATE_TEXTS.values(), "--space", "colbert")["results"]

    scores = [served.late.score(LATE_ASKED, text) / QUERY_TOKENS for text in LATE_TEXTS.values()]
    assert found["plan"]["token_vectors"] is kept
    assert rerank_scores(found["hits"]) == pytest.approx(dict(zip(LATE_TEXTS, scores, strict=True)), abs=1e-3)
    ranked = {one["first_rank"]: one["rerank_score"] for one in given}
    assert ranked == pytest.approx(dict(enumerate(scores)), abs=1e-3)


def unit(vectors: torch.Tensor) -> Array:
    found: Array = torch.nn.functional.normalize(vectors, dim=-1).numpy()
    return found


def vector_scores(hits: list[Any]) -> dict[str, float]:
    return {hit["hit"]["item_title"]: hit["hit"]["vector_score"] for hit in hits}


def rerank_scores(hits: list[Any]) -> dict[str, float]:
    return {hit["hit"]["item_title"]: hit["rerank_score"] for hit in hits}
