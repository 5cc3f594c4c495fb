"""The collections that the ranker which ships learns from."""

import json
from pathlib import Path

import pytest
from support.small_library import small_library
from tieback.models.store import Store
from tieback_client import Client, Item

from benchmarks.lab.ranker_training import Training, asked, collections, learned

pytestmark = pytest.mark.all


def row(source: str, evidence: str, claim: str, label: str = "supported") -> dict[str, str]:
    return {"source": source, "evidence": evidence, "claim": claim, "label": label}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    grounding = [
        row("fool-me-twice", "The heron\0 stands.", "a heron stands in reeds"),
        row("fool-me-twice", "The heron\0 stands.", "a heron never stands still", "contradicted"),
        row("fool-me-twice", "An owl flies.", "the owl is very old", "unsupported"),
        row("feverous", "Tide\tIt is high.\nTide\tIt follows the moon.", "the tide follows the moon"),
        row("feverous", "Tide\tIt is low at noon.\nMoon\tIt is round.", "the tide is low at noon"),
    ]
    long = " ".join(f"Sentence {n} of a long passage about herons." for n in range(8))
    grounding += [row("factcheck-gpt", long, claim) for claim in ("herons are birds", "herons are tall")]
    fever = [{"source": "fever", "premise": "Bread is baked.", "hypothesis": "bread is baked at night"}]
    other = [{"source": "snli", "premise": "A man sings.", "hypothesis": "a man makes a sound"}]
    graph = tmp_path / "graphs" / "wn18rr"
    for folder in ("grounding", "nli", "graphs/wn18rr"):
        (tmp_path / folder).mkdir(parents=True)
    for place, rows in (("grounding", grounding), ("nli", [*fever, *other])):
        (tmp_path / place / "train.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    words = [f"w{n}" for n in range(400)]
    (graph / "texts.tsv").write_text("".join(f"{one}\tword {one}\tits gloss {one}\n" for one in words))
    pairs = [f"w{n}\t_hypernym\tw{(n + step) % 400}\n" for n in range(400) for step in (1, 2, 3)]
    (graph / "train.tsv").write_text("".join(pairs))
    for part in ("valid", "test"):
        (graph / f"{part}.tsv").write_text("")
    return tmp_path


def by_name(data: Path) -> dict[str, Training]:
    return {one.name: one for one in collections(data)}


def test_claims_find_their_evidence_whether_it_supports_or_contradicts_them(data: Path) -> None:
    fever = by_name(data)["fever"]

    assert {text for _, text in fever.documents.values()} == {
        "The heron  stands.", "An owl flies.", "Bread is baked.",
    }  # fmt: skip
    assert set(fever.queries) == {
        "a heron stands in reeds", "a heron never stands still", "bread is baked at night",
    }  # fmt: skip


def test_a_claim_finds_its_sentences_first_and_then_those_of_their_pages(data: Path) -> None:
    feverous = by_name(data)["feverous"]

    grades = feverous.queries["the tide is low at noon"]
    named = {feverous.documents[document][1]: grade for document, grade in grades.items()}
    assert named == {
        "It is low at noon.": 2, "It is round.": 2, "It is high.": 1, "It follows the moon.": 1,
    }  # fmt: skip


def test_a_title_finds_the_sentences_of_its_page_where_there_are_enough(data: Path) -> None:
    titles = by_name(data)["titles"]

    [(title, grades)] = titles.queries.items()
    assert title == "Tide"
    assert {titles.documents[one] for one in grades} == {
        ("", "It is high."), ("", "It follows the moon."), ("", "It is low at noon."),
    }  # fmt: skip


def test_the_beginning_of_a_passage_finds_the_rest_and_is_no_document(data: Path) -> None:
    passages = by_name(data)["passages"]

    [(query, grades)] = passages.queries.items()
    assert query.startswith("Sentence 0 of")
    assert [passages.documents[one][1].split()[1] for one in grades] == ["2", "4", "6"]
    assert set(grades) == set(passages.documents)


def test_a_word_that_is_asked_for_is_no_document_and_finds_related_ones(data: Path) -> None:
    wordnet = by_name(data)["wordnet"]

    documents = {text for _, text in wordnet.documents.values()}
    assert wordnet.queries
    for query, grades in wordnet.queries.items():
        assert query not in documents
        assert set(grades) <= set(wordnet.documents)


def test_the_same_texts_give_the_same_collections(data: Path) -> None:
    first, again = by_name(data), by_name(data)

    assert {name: list(one.queries.items()) for name, one in first.items()} == {
        name: list(one.queries.items()) for name, one in again.items()
    }


def test_a_ranker_is_learned_of_what_a_server_gives(tmp_path: Path) -> None:
    documents = {"heron": ("", "heron reeds"), "owl": ("", "owl night"), "tide": ("", "tide moon night")}
    queries = {"heron in the reeds": {"heron": 1}, "owl of the night": {"owl": 1}}
    training = Training("birds", documents, queries)
    with small_library(tmp_path / "library") as address, Client(address) as client:
        client.ingest("birds", [Item.from_text(id, text) for id, (_, text) in documents.items()]).collect()
        candidates = tmp_path / "candidates.jsonl"
        candidates.write_text("".join(f"{one}\n" for one in asked(client, [training], lambda _: None)))

    report = learned(candidates, Store(tmp_path / "models"), tmp_path / "out")

    assert list((tmp_path / "out").glob("*/state.safetensors"))
    [claim] = report.claims
    assert claim.note.startswith("2 queries")
