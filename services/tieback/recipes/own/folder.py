"""A user's folder of a model: its files, what the user says of it, and what was found.

Nothing of it is run, and no weights are read: configurations, headers and the tokenizer tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tieback.catalog.own_directory import (
    LARGEST_JSON,
    LARGEST_TOKENIZER,
    PICKLES,
    how_to_convert,
    own_file,
    own_files,
    read_object,
)
from tieback.core.errors import StartupError
from tieback.recipes.export.transformer_text import vocabulary_of
from tieback.recipes.graphs.architectures import positions
from tieback.recipes.graphs.checkpoint import INDEX, Checkpoint
from tieback.recipes.graphs.sentence_modules import SentenceModules, read_modules

WEIGHTS, CONFIG, TOKENIZER, README = "model.safetensors", "config.json", "tokenizer.json", "README.md"
GRAPHS = ("model.onnx", "onnx/model.onnx")
GGUF = ".gguf"
SENTENCE_CONFIG = "config_sentence_transformers.json"
NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,3}")
HEAD = re.compile(r"---\n(.*?)\n---", re.S)
DEFAULT_BITS = 8
"""Of a weight of a language model, where a card names none."""
TYPICAL_TOKENS = 512
SHOWN = 10


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """The user's options for a folder; an empty one is taken from the folder."""

    pooling: str = ""
    prompt: str = ""
    licence: str = ""
    bits: int = DEFAULT_BITS
    """Of a weight of a language model."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Meanings of the labels of a classifier of claims, by their names."""
    reranker: str = ""
    """The label of a classifier that says that a passage answers, or `yes_no` for a language model."""
    classifier: bool = False
    """Serves a classification of sequences or of tokens by its labels, whatever they are."""
    widths: tuple[int, ...] = ()
    """The prefixes that vectors may be cut to."""


@dataclass(slots=True)
class OwnModel:
    """`facts` are what was found, and `notes` what should be known of it.

    `missing` is what has to be added or said, with the way, before it can be served. `cards` are the fields
    of one card, or of one for each tower.
    """

    facts: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cards: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class OwnFolder:
    """A folder that is looked into, under the `name` that its model will have."""

    directory: Path
    name: str
    given: FolderOptions
    found: OwnModel = field(default_factory=OwnModel)

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """Its files by their names within it. StartupError where a link leads out of it."""
        return own_files(self.directory)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The fields of its `config.json`; none where there is no such file."""
        return read_object(self.directory, CONFIG) if CONFIG in self.files else {}

    @cached_property
    def modules(self) -> SentenceModules | None:
        """The modules of an encoder of sentence-transformers; None in other folders.

        StartupError for modules that are not those of an encoder of one vector a text.
        """
        return None if self.scores_pairs else read_modules(self.directory)

    @cached_property
    def scores_pairs(self) -> bool:
        """Tell whether sentence-transformers calls it a cross-encoder."""
        if SENTENCE_CONFIG not in self.files:
            return False
        return read_object(self.directory, SENTENCE_CONFIG).get("model_type") == "CrossEncoder"

    @cached_property
    def readme(self) -> str:
        """Its README, as far as it is read; empty where there is none."""
        if README not in self.files:
            return ""
        with self.files[README].open(encoding="utf-8", errors="replace") as readme:
            return readme.read(LARGEST_JSON)

    def of_readme(self, key: str) -> str:
        """An entry of the README's head, as model hubs write it; empty where there is none."""
        head = HEAD.match(self.readme)
        entry = re.search(rf"^{key}:\s*([\w.+-]+)\s*$", head[1], re.M) if head else None
        return entry[1] if entry else ""

    def is_class(self, *endings: str) -> bool:
        """Tell whether the name of its class in transformers ends with one of these."""
        named = self.config.get("architectures")
        return isinstance(named, list) and any(str(one).endswith(endings) for one in named)

    @property
    def keeps_head(self) -> bool:
        """Tell whether there are weights of which neither the files nor the user make an encoder."""
        return not self.given.pooling and self.find_weights() is not None and self.modules is None

    def find_weights(self, name: str = WEIGHTS) -> str | None:
        """The file of that name, or the index of its parts; None where neither is there."""
        index = f"{name.removesuffix('.safetensors')}{INDEX}"
        return next((one for one in (name, index) if one in self.files), None)

    def weights(self, name: str = WEIGHTS) -> str:
        """`find_weights`. StartupError, with what is there, where there are none."""
        found = self.find_weights(name)
        if found is None:
            raise self.nothing()
        return found

    @property
    def weights_option(self) -> dict[str, Any]:
        """The card's option for weights that do not have the usual name."""
        weights = self.weights()
        return {"weights": weights} if weights != WEIGHTS else {}

    def nothing(self) -> StartupError:
        """Says that there is no model, and what there is."""
        pickles = [name for name in self.files if name.endswith(PICKLES)]
        if pickles:
            return StartupError(how_to_convert(self.directory, pickles[0]))
        names = ", ".join(list(self.files)[:SHOWN]) or "nothing"
        return StartupError(
            f"{self.directory} has no weights: {WEIGHTS} with {CONFIG}, {' or '.join(GRAPHS)}, or a {GGUF} "
            f"file. It has: {names}"
        )

    def sized(self, name: str) -> str:
        """A file of weights with its size."""
        if name.endswith(INDEX):
            parts = Checkpoint.open(self.directory, name)
            return f"{name}, {len(set(parts.files.values()))} parts, {parts.bytes / 1e6:,.1f} MB"
        return f"{name}, {self.files[name].stat().st_size / 1e6:,.1f} MB"

    def report_tokenizer(self, name: str, tokens: int) -> None:
        """Adds the tokenizer to the facts, where it is there."""
        if name in self.files:
            words = vocabulary_of(own_file(self.directory, name, largest=LARGEST_TOKENIZER))
            self.found.facts["tokenizer"] = f"{name}, {words} tokens; at most {tokens} a text"


def sizes(config: Any) -> str:
    """The architecture of a configuration of transformers with its depth and its width."""
    return f"{config.model_type}, {config.num_hidden_layers} layers of width {config.hidden_size}"


def places(config: Any) -> int | None:
    """The longest text that a configuration of transformers has places for; None for no known limit."""
    most = getattr(config, "max_position_embeddings", None)
    return positions(config.model_type, most, config.pad_token_id)


def tokens_read(config: Any, typical: int = TYPICAL_TOKENS) -> int:
    """The tokens that a card says: as many as are typical, at most as many as there are places for."""
    return min(limit for limit in (places(config), typical) if limit)
