"""Every architecture of transformers that folders may have, exported and held against transformers itself.

A row is a small model of random weights, saved as its makers save theirs, exported as `tieback models pull`
does, and asked in one batch, padded, and one by one. `parity` is the largest difference from transformers;
`int8` the lowest cosine of a vector to the one in float32, of random weights: what trained weights lose is
measured of a served model. `int8_apart` is the largest difference of a probability from float32, or
of a reranker's score, by the range of its scores. A model that cannot be exported has the reason in its row.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.report import Report

TESTS = Path(__file__).parents[1] / "tests"
LARGEST, FEWEST = 1e-4, 30
LOWER: Mapping[str, Any] = {"precisions": {"int8": {"smallest_cosine": 1e-6}}}
LENGTHS = (1, 2, 5, 17, 90, 700)


class Held(NamedTuple):
    """Outcome of a model: the difference in float32, and what int8 loses if it is made.

    Of vectors that is the lowest cosine to float32, of probabilities the largest difference, and of scores
    the largest difference by their range.
    """

    parity: float
    inputs: int
    longest: int | None = None
    int8: float | None = None
    int8_apart: float | None = None


class Case(NamedTuple):
    """A model: what it does, its architecture, and how it is held against transformers, in a folder."""

    use: str
    architecture: str
    hold: Callable[[Path, str], Held]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument(
        "--only", default="", metavar="NAME", help="the architectures with this in their name"
    )


def run(options: argparse.Namespace) -> Report:
    """Goes through all rows."""
    sys.path.insert(0, str(TESTS))  # the small models are those of the tests
    rows = [row(case) for case in cases() if options.only in case.architecture]
    report = Report()
    report.table("architectures", rows)
    found = [one["parity"] for one in rows if "parity" in one]
    lower = [one["int8"] for one in rows if one.get("int8") is not None]
    report.claim("architectures that are exported", len(found), "rows", f">= {FEWEST}")
    report.claim("architectures that are not", len(rows) - len(found), "rows", "<= 0")
    report.claim(
        "largest difference from transformers in float32", max(found, default=None), "", f"<= {LARGEST}"
    )
    report.claim(
        "lowest cosine of int8 to float32", min(lower, default=None), "", ">= 0.9", note="of random weights"
    )
    report.claim(
        "largest difference of a score in int8 from float32",
        max((one["int8_apart"] for one in rows if one.get("int8_apart") is not None), default=None),
        "",
        "<= 0.25",
        note="of random weights; of rerankers by the range of four scores",
    )
    return report


def row(case: Case) -> dict[str, Any]:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as there:
        folder = Path(there, "own")
        told: dict[str, Any] = {"use": case.use, "architecture": case.architecture}
        try:
            held = case.hold(folder, case.architecture)
        except Exception as error:  # noqa: BLE001 - the row says so, and a claim is missed
            return told | {"refused": f"{type(error).__name__}: {error}"[:200]}
        return {**told, **made(folder), **held._asdict()}


def made(folder: Path) -> Mapping[str, Any]:
    """The exporter of a folder's model, and its layers."""
    from tieback.catalog.own_directory import read_object
    from tieback.recipes.graphs.backbone import read_config
    from tieback.recipes.own.expected import exporter

    config = read_config(folder, "config.json")
    fields = read_object(folder, "config.json")
    return {"export": exporter(config, fields), "layers": getattr(config, "num_hidden_layers", None)}


def cases() -> list[Case]:
    """All rows, in the order of the table."""
    from support import own_pictures, own_sounds
    from support.architectures import LABELLERS, TOKEN_LABELLERS, WRITERS
    from support.text_architectures import TEXT_ARCHITECTURES
    from tieback.recipes.graphs.architectures import BACKBONES

    return [
        *(Case("encoder", name, encoder) for name in TEXT_ARCHITECTURES),
        *(Case("late interaction", name, late_interaction) for name in ("bert, PyLate", "bert, ColBERT")),
        *(Case("classifier", name, classifier) for name in LABELLERS),
        *(Case("classifier of tokens", name, token_classifier) for name in TOKEN_LABELLERS),
        *(Case("reranker", name, reranker) for name in BACKBONES),
        *(Case("reranker, yes or no", name, yes_no) for name in WRITERS),
        *(Case("encoder of pictures", name, pictures) for name in own_pictures.NETWORKS),
        *(Case("texts and pictures", name, pictures_and_texts) for name in own_pictures.PAIRS),
        *(Case("encoder of sounds", name, sounds) for name in own_sounds.NETWORKS),
        Case("texts and sounds", "clap", sounds_and_texts),
    ]


def encoder(folder: Path, name: str) -> Held:
    """Vectors of texts of each length."""
    import torch
    from support.own_encoder import WORDS, card_for, served
    from support.text_architectures import PLACES, TEXT_ARCHITECTURES, WIDTH
    from tieback.core.types.encoding import EncodePlan
    from tieback.methods.pooling import poolings
    from tieback.models.encoder_model import Prepared
    from tieback.models.loading import load_encoder
    from tieback.models.store import Store
    from tieback.models.text.tokenization import TokenizedText

    architecture = TEXT_ARCHITECTURES[name]
    model, pool = architecture.save(folder), poolings.configure(architecture.pooling)
    card = card_for(
        folder,
        width=WIDTH,
        max_tokens=PLACES - 2,
        pooling={"name": architecture.pooling},
        **LOWER,
    )
    loaded = served(card, folder.parent)
    numbers = [torch.randint(4, len(WORDS), (length,)) for length in LENGTHS]
    with torch.no_grad():
        states = [model(input_ids=ids[None]).last_hidden_state for ids in numbers]
        pooled = [pool([one], torch.ones(1, one.shape[1]))[0] for one in states]
    expected = [torch.nn.functional.normalize(one, dim=-1).numpy() for one in pooled]
    batch = [Prepared(len(ids), TokenizedText(ids.numpy())) for ids in numbers]
    plan = EncodePlan(kinds=card.kinds)
    together = [one.dense for one in loaded.run(batch, plan)]
    alone = [loaded.run([one], plan)[0].dense for one in batch]
    lower = load_encoder(card.at("int8"), Store(folder.parent / "store")).run(batch, plan)
    cosines = [float(one.dense @ exact) for one, exact in zip(lower, together, strict=True)]  # type: ignore[operator]  # all have a dense vector
    return Held(largest([*together, *alone], expected * 2), len(batch), max(LENGTHS), min(cosines))


def late_interaction(folder: Path, name: str) -> Held:
    """Vectors of tokens, of queries and of documents."""
    from support.late_folders import save_colbert, save_pylate
    from support.own_encoder import Silent
    from tieback.catalog.catalog import read_card
    from tieback.core.types.content import Content
    from tieback.core.types.encoding import EncodePlan, Truncation
    from tieback.models.loading import load_encoder
    from tieback.models.store import Store
    from tieback.recipes.own.folder import FolderOptions
    from tieback.recipes.own.model import inspect
    from tieback.recipes.pull import pull
    from tieback.serving.commands.add_model import write_cards
    from tieback_contract.limits import Limits
    from tieback_contract.modality import Modality

    folder.mkdir()
    expected = (save_pylate if name.endswith("PyLate") else save_colbert)(folder)
    texts = ("owl flies at night", "wren", "owl wren owl at night " * 5)
    written = [{**one, **LOWER} for one in inspect(folder, "own", FolderOptions()).cards]
    cards: list[Any] = [read_card(path) for path in write_cards(written, folder.parent)]
    store = Store(folder.parent / "store")
    pull(cards, [], store, Silent())
    apart, cosines, longest = [0.0], [1.0], 0
    for card, side in zip(cards, ("query", "document"), strict=True):
        model, plan = load_encoder(card, store), EncodePlan(kinds=card.kinds, truncation=Truncation.END)
        batch = [model.prepare(Content(Modality.TEXT, text), plan, Limits()) for text in texts]
        found: list[Any] = [one.rows for one in model.run(batch, plan)]
        lower: list[Any] = [one.rows for one in load_encoder(card.at("int8"), store).run(batch, plan)]
        apart.append(largest(found, [expected.rows(text, side) for text in texts]))
        cosines += [float((one * other).sum(axis=1).min()) for one, other in zip(found, lower, strict=True)]
        longest = max(longest, *(one.tokens for one in batch))
    return Held(max(apart), len(texts), longest, min(cosines))


def classifier(folder: Path, name: str) -> Held:
    """Probabilities of labels of texts."""
    from support.own_classifier import save_classifier

    return labelled(folder, save_classifier(folder, name))


def token_classifier(folder: Path, name: str) -> Held:
    """Probabilities of labels of tokens."""
    from support.own_classifier import save_token_classifier

    return labelled(folder, save_token_classifier(folder, name))


def labelled(folder: Path, model: Any) -> Held:
    """Probabilities of a classifier's folder, and of its model as it was saved."""
    from support.own_checker import bare_logits
    from support.own_classifier import TEXTS, classifier_card, served
    from tieback.classifier.scores import scores_of
    from tieback.core.types.content import Content
    from tieback.core.types.encoding import Truncation
    from tieback.models.store import Store
    from tieback_contract.limits import Limits
    from tieback_contract.modality import Modality

    def scores(**options: str) -> list[Any]:
        loaded = served(classifier_card(folder, options=options), Store(folder.parent / "store"))
        batch = [loaded.prepare(one, Limits(), Truncation.REFUSE) for one in contents]
        tokens.extend(one.tokens for one in batch)
        return [scores_of(row, "single_label") for row in loaded.run(batch)]

    tokens: list[int] = []
    expected = [scores_of(bare_logits(folder, model, text)[0].numpy(), "single_label") for text in TEXTS]
    contents = [Content(Modality.TEXT, text) for text in TEXTS]
    found, lower = scores(), scores(precision="int8")
    return Held(largest(found, expected), len(found), max(tokens), int8_apart=largest(lower, found))


def reranker(folder: Path, name: str) -> Held:
    """Scores of pairs."""
    from support.own_reranker import PASSAGES, QUERY, own_scores, save_cross_encoder

    expected = own_scores(folder, save_cross_encoder(folder, name))
    return scored(folder, expected, (QUERY, PASSAGES), {})


def yes_no(folder: Path, name: str) -> Held:
    """Scores of pairs in a template, padded on the left."""
    from support.own_yes_no import PASSAGES, QUERY, save_language_model, scores_of_transformers

    template = "<|im_start|>Query: {query} Document: {document}<|im_end|>"
    expected = scores_of_transformers(folder, save_language_model(folder, name), template)
    fields = {"runtime": "yes_no_reranker", "max_tokens": 256, "options": {"template": template}}
    return scored(folder, expected, (QUERY, PASSAGES), fields)


def scored(folder: Path, expected: Any, pairs: tuple[str, Sequence[str]], fields: Mapping[str, Any]) -> Held:
    """Scores of a query with passages, by a card of the folder with these fields."""
    from support.own_reranker import reranker_card, served
    from tieback.models.store import Store

    def scores(**options: str) -> list[float]:
        card = reranker_card(folder, **{**fields, "options": {**fields.get("options", {}), **options}})
        loaded = served(card, Store(folder.parent / "store"))
        batch = [loaded.prepare(query, passage) for passage in passages]
        tokens.extend(one.tokens for one in batch)
        return loaded.run(batch)

    tokens: list[int] = []
    query, passages = pairs
    found, lower = scores(), scores(precision="int8")
    apart = largest(lower, found) / float(np.ptp(found))  # their scale is the model's own
    return Held(largest(found, expected), len(found), max(tokens), int8_apart=apart)


def pictures(folder: Path, name: str) -> Held:
    """Vectors of pictures of several sizes, made to fit as well."""
    from support.own_pictures import PICTURES, save_network, vectors_of_network

    _, expected = vectors_of_network(folder, save_network(folder, name))
    return Held(served_apart(folder, 0, PICTURES, expected), len(PICTURES))


def pictures_and_texts(folder: Path, name: str) -> Held:
    """Vectors of both towers."""
    from support.own_encoder import TEXTS
    from support.own_pictures import PICTURES, save_pair, vectors_of_pair

    texts, seen = vectors_of_pair(folder, save_pair(folder, name))
    found = max(served_apart(folder, 0, TEXTS, texts), served_apart(folder, 1, PICTURES, seen))
    return Held(found, len(PICTURES))


def sounds(folder: Path, name: str) -> Held:
    """Vectors of sounds of several lengths, front end included."""
    from support.own_sounds import NETWORKS, SHORT, save_sounds, vector_of, wav

    model = save_sounds(folder, name)
    expected = np.stack([vector_of(model, NETWORKS[name][2], one) for one in SHORT])
    return Held(served_apart(folder, 0, tuple(map(wav, SHORT)), expected), len(SHORT))


def sounds_and_texts(folder: Path, name: str) -> Held:  # noqa: ARG001 - there is one architecture
    """Vectors of both towers."""
    from support.own_encoder import TEXTS
    from support.own_sounds import PAIR_RATE, save_pair, tone, vectors_of_pair, wav

    both = [tone(0.2, 300, PAIR_RATE), tone(1, 700, PAIR_RATE)]
    texts, heard = vectors_of_pair(folder, save_pair(folder), both)
    files = tuple(wav(one, PAIR_RATE) for one in both)
    return Held(max(served_apart(folder, 0, TEXTS, texts), served_apart(folder, 1, files, heard)), len(both))


def served_apart(folder: Path, place: int, contents: tuple[str | bytes, ...], expected: Any) -> float:
    """The largest difference from what a card of the folder serves, in a batch and one by one."""
    from support.own_encoder import encodings, served
    from support.own_pictures import own_card

    loaded = served(own_card(folder, place), folder.parent)
    together = encodings(loaded, contents)
    alone = [encodings(loaded, (one,))[0] for one in contents]
    return largest([one.dense for one in (*together, *alone)], [*expected] * 2)


def largest(found: Any, expected: Any) -> float:
    """The largest difference of any number."""
    return max(
        float(np.abs(np.asarray(one) - np.asarray(other)).max())
        for one, other in zip(found, expected, strict=True)
    )
