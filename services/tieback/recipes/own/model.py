"""A folder of the user's: its kind, its sizes, what it lacks, and the cards that serve it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tieback.catalog.own_directory import PICKLES, directory_hashes
from tieback.core.errors import StartupError
from tieback.recipes.own.audio_encoder import audio_encoder_cards, is_audio_encoder
from tieback.recipes.own.checker import checker_cards, is_checker
from tieback.recipes.own.classifier import classifier_cards, is_classifier
from tieback.recipes.own.dual_encoder import dual_encoder_cards, is_dual_encoder
from tieback.recipes.own.folder import (
    DEFAULT_BITS,
    GGUF,
    NAMED,
    TOKENIZER,
    FolderOptions,
    OwnFolder,
    OwnModel,
)
from tieback.recipes.own.generator import generator_cards, gguf_cards, is_generator, is_gguf
from tieback.recipes.own.graph import graph_cards, is_graph
from tieback.recipes.own.image_encoder import image_encoder_cards, is_image_encoder
from tieback.recipes.own.late_interaction import is_late_interaction, late_interaction_cards
from tieback.recipes.own.reranker import is_reranker, reranker_cards
from tieback.recipes.own.text import is_text, text_cards
from tieback.recipes.own.visual_document import is_visual_document, visual_document_cards
from tieback.recipes.own.yes_no import answers_yes_no, yes_no_cards

LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING")
UNSTATED = "unstated"
OTHERS = (*PICKLES, ".h5", ".msgpack", ".ot", ".md", ".txt", ".gitattributes")


class Kind(NamedTuple):
    """A kind of folder: how it is known, and the fields of the cards that serve it.

    `cards` adds to what was found. StartupError, with the reason, where it cannot be served.
    """

    matches: Callable[[OwnFolder], bool]
    cards: Callable[[OwnFolder], list[dict[str, Any]]]


KINDS = (
    Kind(is_dual_encoder, dual_encoder_cards),
    Kind(is_late_interaction, late_interaction_cards),
    Kind(is_visual_document, visual_document_cards),
    Kind(answers_yes_no, yes_no_cards),
    Kind(is_generator, generator_cards),
    Kind(is_reranker, reranker_cards),
    Kind(is_checker, checker_cards),
    Kind(is_classifier, classifier_cards),
    Kind(is_image_encoder, image_encoder_cards),
    Kind(is_audio_encoder, audio_encoder_cards),
    Kind(is_text, text_cards),
    Kind(is_gguf, gguf_cards),
    Kind(is_graph, graph_cards),
)
"""The first one that matches serves a folder."""


def inspect(directory: Path, name: str, given: FolderOptions) -> OwnModel:
    """StartupError where the folder is of no kind that can be served, or has something that is refused."""
    folder = OwnFolder(directory, name, given)
    found = folder.found
    licence = _licence(folder)
    kind = next((one for one in KINDS if one.matches(folder)), None)
    if kind is None:
        raise folder.nothing()
    cards = kind.cards(folder)
    _check_given(given, str(cards[0].get("role", "encoder")), str(cards[0]["runtime"]))
    is_one_file = str(cards[0].get("options", {}).get("weights", "")).endswith(GGUF)
    reads_text = cards[0].get("modality") not in ("image", "audio") and not is_one_file
    if reads_text and not any(one.split("/")[-1] == TOKENIZER for one in folder.files):
        found.missing.append(
            f'{TOKENIZER}: write it with python -c "from transformers import AutoTokenizer; '
            f"AutoTokenizer.from_pretrained('{directory}').save_pretrained('{directory}')\""
        )
    own = {"directory": str(directory.resolve()), "hashes": _hashes(directory)}
    about = {
        "description": f"A model of the user's own: {found.facts['architecture']}.",
        "license": licence,
        "upstream": directory.name,
    }
    found.cards = [{"name": name, "role": "encoder"} | about | card | own for card in cards]
    return found


def _check_given(given: FolderOptions, role: str, runtime: str) -> None:
    """StartupError where the user says of the folder what it is not."""
    if given.bits != DEFAULT_BITS and role != "generator":
        raise StartupError("--bits is for language models, and the folder has none")
    if given.widths and runtime != "transformer_text":
        raise StartupError("--widths is for encoders of texts, and the folder has none")
    if given.reranker and role != "reranker":
        raise StartupError(
            "--reranker is for language models that answer yes or no, and for classifiers of two labels"
        )
    if given.classifier and role != "classifier":
        raise StartupError(
            "--classifier is for a sequence classification or a token classification, and the folder has none"
        )
    if given.labels and role != "checker":
        raise StartupError("--label is for classifiers of claims, and the folder has none")


def _licence(folder: OwnFolder) -> str:
    """The user's choice, else the head of the README."""
    file = next((name for name in LICENCES if name in folder.files), None)
    licence = folder.given.licence or folder.of_readme("license") or UNSTATED
    folder.found.facts["licence"] = licence + (f", and the file {file}" if file else "")
    if licence == UNSTATED:
        folder.found.notes.append("The folder names no licence; say --license SPDX once you know it.")
    return licence


def _hashes(directory: Path) -> dict[str, str]:
    """Of the files that decide what is served."""
    return {
        name: digest
        for name, digest in directory_hashes(directory).items()
        if not name.endswith(OTHERS) and NAMED.fullmatch(name)
    }
