"""What a folder of the user's is: its kind, its sizes, what it lacks, and the cards that serve it.

Nothing of it is run, and no weights are read: configurations, headers, the tokenizer and the outputs of a
graph tell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tieback.catalog.own_directory import (
    LARGEST_JSON,
    LARGEST_TOKENIZER,
    PICKLES,
    directory_hashes,
    how_to_convert,
    own_file,
    own_files,
    read_object,
)
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.catalog.source import FilePath
from tieback.core.errors import StartupError
from tieback.methods.pooling import poolings
from tieback.models.pictures.fitting import PictureFitting
from tieback.models.reference import IDS, MASK
from tieback.recipes.export.cross_encoder import check_pairs, signs_of
from tieback.recipes.export.transformer_text import vocabulary_of
from tieback.recipes.graphs.architectures import CLIP, DUAL_ENCODERS, LABELLERS, positions
from tieback.recipes.graphs.backbone import read_config, read_text_config
from tieback.recipes.graphs.checkpoint import INDEX, Checkpoint
from tieback.recipes.graphs.edits import load_graph
from tieback.recipes.graphs.extend import read_tensor
from tieback.recipes.graphs.sentence_modules import SentenceModules, read_modules
from tieback.recipes.graphs.tensors import TYPES, described, find_tensors
from tieback.recipes.own.checker import checker_card, is_checker
from tieback.recipes.own.classifier import classifier_card
from tieback.recipes.own.generator import DEFAULT_BITS, GGUF, generator_card, gguf_card, writes
from tieback.recipes.own.late_interaction import is_late_interaction, late_interaction_cards
from tieback.recipes.own.yes_no import answers_yes_no, scores_pairs, yes_no_card

WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
PREPROCESSOR = "preprocessor_config.json"
GRAPHS = ("model.onnx", "onnx/model.onnx")
LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING")
UNSTATED = "unstated"
CLASSIFIER = "ForSequenceClassification"
RELEVANT = ("relevant", "is_relevant", "yes")
"""Names of a label that says that a passage answers, in lower case."""
TYPICAL_TOKENS = 512
SHOWN = 10
ENDLESS = 1_000_000  # transformers writes a number of thirty digits where a tokenizer has no limit
OTHERS = (*PICKLES, ".h5", ".msgpack", ".ot", ".md", ".txt", ".gitattributes")
MATRYOSHKA = re.compile(r"matryoshka_dims\W{1,4}\[([\d,\s]{1,200})\]")
"""In the README that sentence-transformers writes of its training."""
NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,3}")


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
    """Serves a sequence classification by its labels, whatever they are."""


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


def inspect(directory: Path, name: str, given: FolderOptions) -> OwnModel:
    """StartupError where the folder is of no kind that can be served, or has something that is refused."""
    files = own_files(directory)
    found = OwnModel()
    licence = _licence(directory, files, given, found)
    config = read_object(directory, CONFIG) if CONFIG in files else {}
    says = not given.pooling and answers_yes_no(directory, config, given.reranker)
    is_late = is_late_interaction(directory, config)
    others = says or is_late or scores_pairs(directory)  # of which modules.json has modules of their own
    modules = None if others else read_modules(directory)
    weights = _weights(modules.within(WEIGHTS) if modules else WEIGHTS, files)
    graph = next((one for one in (*GRAPHS, *_only_graph(files)) if one in files), None)
    architecture = config.get("model_type")
    if architecture in DUAL_ENCODERS:
        cards = _dual(directory, name, files, found)
    elif weights is not None and is_late:
        cards = _late_interaction(directory, name, weights, found)
    elif weights is not None and says:
        cards = [yes_no_card(directory, config, weights, (found.facts, found.missing, found.notes))]
    elif weights is not None and writes(config) and not (modules or given.pooling):
        cards = [generator_card(directory, config, weights, found.facts, found.missing, given.bits)]
    elif weights is not None and given.classifier and _is_classifier(directory, modules, given):
        cards = [classifier_card(directory, weights, (found.facts, found.notes))]
    elif weights is not None and _is_classifier(directory, modules, given) and _reranks(config, given):
        cards = [_reranker(directory, weights, given, found)]
    elif weights is not None and not (modules or given.pooling) and is_checker(config, given.labels):
        reported = (found.facts, found.missing, found.notes)
        cards = [checker_card(directory, config, weights, given.labels, reported)]
    elif weights is not None and _is_classifier(directory, modules, given):
        cards = [classifier_card(directory, weights, (found.facts, found.notes))]
    elif weights is not None:
        cards = [_text(directory, modules, weights, given, found)]
    elif (file := _only_gguf(files)) is not None and graph is None:
        cards = [gguf_card(directory, file, found.facts, found.missing, given.bits)]
    elif graph is not None:
        cards = [_graph(directory, modules, graph, given, found)]
    else:
        raise _nothing(directory, files)
    if given.bits != DEFAULT_BITS and cards[0].get("role") != "generator":
        raise StartupError("--bits is for language models, and the folder has none")
    if given.reranker and cards[0].get("role") != "reranker":
        raise StartupError(
            "--reranker is for language models that answer yes or no, and for classifiers of two labels"
        )
    if given.classifier and cards[0].get("role") != "classifier":
        raise StartupError("--classifier is for a sequence classification, and the folder has none")
    if given.labels and cards[0].get("role") != "checker":
        raise StartupError("--label is for classifiers of claims, and the folder has none")
    is_gguf = str(cards[0].get("options", {}).get("weights", "")).endswith(GGUF)
    if not is_gguf and not any(one.split("/")[-1] == TOKENIZER for one in files):
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


def _text(
    directory: Path, modules: SentenceModules | None, weights: str, given: FolderOptions, found: OwnModel
) -> dict[str, Any]:
    config_name = modules.within(CONFIG) if modules else CONFIG
    tokenizer = _tokenizer(directory, modules)
    config = read_text_config(directory, config_name)
    own_width = int(config.hidden_size)
    width = (modules.width if modules else None) or own_width
    places = getattr(config, "max_position_embeddings", None)
    most = positions(config.model_type, places, config.pad_token_id)
    limits = [limit for limit in (most, modules.max_tokens if modules else None) if limit]
    tokens = min(limits, default=TYPICAL_TOKENS)
    found.facts |= {
        "kind": "sentence-transformers folder" if modules else "transformers folder",
        "architecture": _sizes(config),
        "width": str(width),
        "weights": _sized(directory, weights),
    }
    pooling = _pooling(modules, given, found)
    _report_tokenizer(directory, tokenizer, tokens, found)
    options = _changed(weights=weights, config=config_name, tokenizer=tokenizer)
    return {
        "runtime": "transformer_text",
        "modality": "text",
        "width": width,
        "kinds": ["dense", "multi_vector"] if width == own_width else ["dense"],
        "max_tokens": tokens,
        **pooling,
        **_widths(directory, width, found),
        "options": options | _prompts(modules, given, found),
    }


def _widths(directory: Path, width: int, found: OwnModel) -> dict[str, Any]:
    """The card's entry for the prefixes that a vector may be cut to, as the folder's README has them."""
    said = MATRYOSHKA.search(_readme(directory))
    named = {int(one) for one in re.findall(r"\d+", said[1])} if said else set()
    widths = sorted(one for one in named if 0 < one < width)
    if not widths:
        return {}
    found.facts["widths"] = ", ".join(map(str, (*widths, width)))
    return {"widths": [*widths, width]}


def _late_interaction(directory: Path, name: str, weights: str, found: OwnModel) -> list[dict[str, Any]]:
    config = read_text_config(directory, CONFIG)
    places = getattr(config, "max_position_embeddings", None)
    most = positions(config.model_type, places, config.pad_token_id)
    found.facts |= {"architecture": _sizes(config), "weights": _sized(directory, weights)}
    cards = late_interaction_cards(directory, name, config, weights, most, found.facts)
    _report_tokenizer(directory, TOKENIZER, cards[0]["max_tokens"], found)
    return cards


def _is_classifier(directory: Path, modules: SentenceModules | None, given: FolderOptions) -> bool:
    """Whether the folder is of a sequence classification, and the user does not ask for its backbone."""
    if modules is not None or given.pooling or CONFIG not in own_files(directory):
        return False
    named = read_object(directory, CONFIG).get("architectures")
    return isinstance(named, list) and any(str(one).endswith(CLASSIFIER) for one in named)


def _reranks(config: Mapping[str, Any], given: FolderOptions) -> bool:
    """Tell if a sequence classification scores: by one logit, or by that of two labels that is relevance."""
    labels = config.get("id2label")
    names = labels.values() if isinstance(labels, dict) else ()
    return not given.labels and (len(names) == 1 or bool(given.reranker) or bool(_relevance(names)))


def _relevance(labels: Collection[str]) -> str:
    """The label of two that says that a passage answers, by its name; empty where none does."""
    return next((one for one in labels if len(labels) == 2 and one.lower() in RELEVANT), "")


def _reranker(directory: Path, weights: str, given: FolderOptions, found: OwnModel) -> dict[str, Any]:
    config = read_config(directory, CONFIG, LABELLERS)
    positive = given.reranker or _relevance(list(config.id2label.values()))
    signs_of(config, CONFIG, positive)
    most = positions(config.model_type, getattr(config, "max_position_embeddings", None), config.pad_token_id)
    tokens = min(limit for limit in (most, TYPICAL_TOKENS) if limit)
    found.facts |= {
        "kind": "cross-encoder's folder",
        "architecture": _sizes(config),
        "gives": "one score for a query and a passage"
        + (f": the logit of {positive!r}, less that of the other label" if positive else ""),
        "weights": _sized(directory, weights),
    }
    if TOKENIZER in own_files(directory):
        check_pairs(own_file(directory, TOKENIZER, largest=LARGEST_TOKENIZER))
    _report_tokenizer(directory, TOKENIZER, tokens, found)
    options = ({"weights": weights} if weights != WEIGHTS else {}) | (
        {"positive": positive} if positive else {}
    )
    card = {"role": "reranker", "runtime": "cross_encoder", "max_tokens": tokens}
    return card | ({"options": options} if options else {})


def _graph(
    directory: Path, modules: SentenceModules | None, graph: str, given: FolderOptions, found: OwnModel
) -> dict[str, Any]:
    model = load_graph(own_file(directory, graph))
    tokenizer = _tokenizer(directory, modules)
    options = TransformerText(weights=graph)
    found.facts |= {
        "kind": "ONNX folder",
        "architecture": described(model),
        "weights": _sized(directory, graph),
    }
    pooling = _pooling(modules, given, found) if given.pooling or modules else {}
    try:
        tensors = find_tensors(model, options, pooled_here="pooling" in pooling)
        found.facts.setdefault("pooling", "by the graph")
    except StartupError as error:
        if "pooling" in pooling:
            raise
        tensors = find_tensors(model, options, pooled_here=True)
        if modules is None:
            found.missing.append(f"pooling: {error.message}; or say --pooling NAME")
    sample = torch.arange(4)[None].numpy()
    feed = {IDS: sample, MASK: sample * 0 + 1, TYPES: sample * 0}
    width = int(read_tensor(own_file(directory, graph), tensors, feed).shape[-1])
    tokens = _limit(directory, modules)
    found.facts["width"] = str(width)
    _report_tokenizer(directory, tokenizer, tokens, found)
    return {
        "runtime": "transformer_text",
        "modality": "text",
        "width": width,
        "kinds": ["dense", "multi_vector"] if tensors.states else ["dense"],
        "max_tokens": tokens,
        **pooling,
        "options": _changed(weights=graph, tokenizer=tokenizer) | _prompts(modules, given, found),
    }


def _dual(directory: Path, name: str, files: Mapping[str, Path], found: OwnModel) -> list[dict[str, Any]]:
    weights = _weights(WEIGHTS, files)
    if weights is None:
        raise _nothing(directory, files)
    config = read_config(directory, CONFIG, DUAL_ENCODERS)
    text, vision = config.text_config, config.vision_config
    clip = config.model_type == CLIP
    width = int(config.projection_dim if clip else vision.hidden_size)
    found.facts |= {
        "kind": "dual encoder's folder",
        "architecture": f"{config.model_type}: text, {text.num_hidden_layers} layers of width "
        f"{text.hidden_size}; pictures, {vision.num_hidden_layers} layers of width {vision.hidden_size}",
        "width": f"{width}, one space for both towers",
        "pooling": "by the towers",
        "weights": _sized(directory, weights),
    }
    if PREPROCESSOR in files:
        fitting = PictureFitting.read(own_file(directory, PREPROCESSOR, largest=LARGEST_JSON))
        found.facts["pictures"] = f"{fitting.height} × {fitting.width}, {fitting.resampling.name.lower()}"
    else:
        found.missing.append(
            f"{PREPROCESSOR}, which says how pictures are made to fit; it comes from where the weights do"
        )
    _report_tokenizer(directory, TOKENIZER, int(text.max_position_embeddings), found)
    shared = {"runtime": "dual_encoder", "width": width, "kinds": ["dense"], "shares": name}
    if weights != WEIGHTS:
        shared |= {"options": {"weights": weights}}
    return [
        {"name": f"{name}-text", "modality": "text", "max_tokens": int(text.max_position_embeddings)}
        | shared,
        {"name": f"{name}-image", "modality": "image"} | shared,
    ]


def _pooling(modules: SentenceModules | None, given: FolderOptions, found: OwnModel) -> dict[str, Any]:
    """The card's entry for pooling; none if the folder's files define it."""
    if given.pooling:
        poolings.get(given.pooling)  # NotFound names the choices
        found.facts["pooling"] = f"{given.pooling}, as you say"
        return {"pooling": {"name": given.pooling}}
    if modules is None:
        found.missing.append(
            "pooling: the folder does not say how tokens become one vector; see the model's own description, "
            f"and say --pooling NAME, which is one of: {', '.join(poolings.names())}"
        )
        return {}
    steps = [type(step).__name__.lower() for step in modules.steps]
    found.facts["pooling"] = ", then ".join([modules.pooling, *steps]) + " (modules.json)"
    if "normalize" not in steps:
        compared = modules.similarity not in ("", "cosine")
        found.notes.append(
            "The folder does not normalise; vectors are served at length 1 all the same."
            + (f" It compares by {modules.similarity}, which may rank otherwise." if compared else "")
        )
    return {}


def _prompts(modules: SentenceModules | None, given: FolderOptions, found: OwnModel) -> dict[str, Any]:
    prompts = dict(modules.prompts) if modules else {}
    if given.prompt and given.prompt not in prompts:
        known = ", ".join(prompts) or "none"
        raise StartupError(f"the folder has no prompt {given.prompt!r}; it has: {known}")
    if not prompts:
        return {}
    chosen = given.prompt or (modules.default_prompt if modules else "")
    found.facts["prompts"] = ", ".join(f"{name} {text!r}" for name, text in prompts.items())
    if not chosen:
        found.notes.append(
            f"Texts get no prompt; for one of {', '.join(prompts)} say --prompt NAME. Cards that differ in "
            "their prompt alone may share a space (shares), with the kind dense alone."
        )
    return {"prompts": prompts} | ({"prompt": chosen} if chosen else {})


def _tokenizer(directory: Path, modules: SentenceModules | None) -> str:
    within = modules.within(TOKENIZER) if modules else TOKENIZER
    return within if within in own_files(directory) else TOKENIZER


def _report_tokenizer(directory: Path, name: str, tokens: int, found: OwnModel) -> None:
    if name in own_files(directory):
        words = vocabulary_of(own_file(directory, name, largest=LARGEST_TOKENIZER))
        found.facts["tokenizer"] = f"{name}, {words} tokens; at most {tokens} a text"


def _limit(directory: Path, modules: SentenceModules | None) -> int:
    """Tokens that a graph reads, by what lies beside it."""
    if modules is not None and modules.max_tokens:
        return modules.max_tokens
    files, limits = own_files(directory), []
    if CONFIG in files:
        config = read_object(directory, CONFIG)
        places = config.get("max_position_embeddings")
        limits.append(positions(config.get("model_type"), places, config.get("pad_token_id")))
    if "tokenizer_config.json" in files:
        limits.append(read_object(directory, "tokenizer_config.json").get("model_max_length"))
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < ENDLESS]
    return min(known, default=TYPICAL_TOKENS)


def _licence(directory: Path, files: Mapping[str, Path], given: FolderOptions, found: OwnModel) -> str:
    """The user's choice, else the head of the README, as model hubs write it."""
    file = next((name for name in LICENCES if name in files), None)
    head = re.match(r"---\n(.*?)\n---", _readme(directory), re.S)
    named = re.search(r"^license:\s*([\w.+-]+)\s*$", head[1], re.M) if head else None
    licence = given.licence or (named[1] if named else UNSTATED)
    found.facts["licence"] = licence + (f", and the file {file}" if file else "")
    if licence == UNSTATED:
        found.notes.append("The folder names no licence; say --license SPDX once you know it.")
    return licence


def _readme(directory: Path) -> str:
    if "README.md" not in own_files(directory):
        return ""
    with own_file(directory, "README.md").open(encoding="utf-8", errors="replace") as readme:
        return readme.read(LARGEST_JSON)


def _hashes(directory: Path) -> dict[str, str]:
    """Of the files that decide what is served."""
    return {
        name: digest
        for name, digest in directory_hashes(directory).items()
        if not name.endswith(OTHERS) and NAMED.fullmatch(name)
    }


def _changed(**files: FilePath) -> dict[str, Any]:
    """Options that differ from their defaults."""
    defaults = TransformerText()
    return {key: value for key, value in files.items() if value != getattr(defaults, key)}


def _only_graph(files: Mapping[str, Path]) -> list[str]:
    graphs = [name for name in files if name.endswith(".onnx") and NAMED.fullmatch(name)]
    return graphs if len(graphs) == 1 else []


def _only_gguf(files: Mapping[str, Path]) -> str | None:
    found = [name for name in files if name.endswith(GGUF)]
    if len(found) > 1:
        raise StartupError(f"the folder has several GGUF files; leave one in it: {', '.join(found[:SHOWN])}")
    return next(iter(found), None)


def _weights(name: str, files: Mapping[str, Path]) -> str | None:
    """The file of that name, or the index of its parts where it lies in several; None where neither does."""
    index = f"{name.removesuffix('.safetensors')}{INDEX}"
    return next((one for one in (name, index) if one in files), None)


def _sizes(config: Any) -> str:
    return f"{config.model_type}, {config.num_hidden_layers} layers of width {config.hidden_size}"


def _sized(directory: Path, name: str) -> str:
    if name.endswith(INDEX):
        parts = Checkpoint.open(directory, name)
        return f"{name}, {len(set(parts.files.values()))} parts, {parts.bytes / 1e6:,.1f} MB"
    return f"{name}, {own_file(directory, name).stat().st_size / 1e6:,.1f} MB"


def _nothing(directory: Path, files: Mapping[str, Path]) -> StartupError:
    pickles = [name for name in files if name.endswith(PICKLES)]
    if pickles:
        return StartupError(how_to_convert(directory, pickles[0]))
    names = ", ".join(list(files)[:SHOWN]) or "nothing"
    return StartupError(
        f"{directory} has no weights: {WEIGHTS} with {CONFIG}, {' or '.join(GRAPHS)}, or a {GGUF} file. "
        f"It has: {names}"
    )
