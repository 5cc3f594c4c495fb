"""`tieback models add`: inspects a user's folder, prints what it found, and writes the card."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml
from tieback_client.cli.output import say
from tieback_client.cli.parameters import AS_JSON, argument, declared, option
from tieback_client.installing import how_to_install

from tieback.catalog.catalog import Catalog, read_card
from tieback.core.errors import AlreadyExists, StartupError
from tieback.serving.commands.explained import explained
from tieback.serving.settings import load_settings

if TYPE_CHECKING:
    from tieback.recipes.own.folder import OwnModel

LINE = 100
BY_ENDPOINT = (
    "Or have a server that runs such models serve the folder (text-embeddings-inference, vLLM, Infinity), "
    "and use it from there: tieback models add-endpoint URL"
)
"""The way out where a folder cannot be served here."""


@click.command()
@declared
def add(
    directory: Path = argument(type=click.Path(exists=True, file_okay=False, path_type=Path)),
    name: str = option("The name of the model; by default the name of the folder."),
    pooling: str = option("How tokens become one vector, if the folder does not say."),
    prompt: str = option(
        "The prompt of the folder that is put before all texts. [those for queries and for documents]"
    ),
    widths: str = option(
        "Of an encoder of texts, the widths that its vectors were trained to be cut to (Matryoshka). [the "
        "README's]",
        "N,N",
    ),
    licence: str = option("The licence of the weights, as an SPDX expression.", flags="--license"),
    bits: str = option(
        "Of a language model's weights: 4 take half the memory of 8, 16 and 32 are floats.",
        type=click.Choice(["4", "8", "16", "32"]),
        default="8",
    ),
    labels: tuple[str, ...] = option(
        "What a label of a classifier of claims means: supported, contradicted or unsupported. Repeatable.",
        "NAME=OUTCOME",
        flags="--label",
    ),
    reranker: str = option(
        "The model reranks: yes_no for a language model that answers yes or no, or of a classifier with two "
        "labels the one of a passage that answers.",
        "yes_no|LABEL",
    ),
    classifier: bool = option("The model gives texts its labels, even if it could rerank or check claims."),
    base: str = option("Of a folder of PEFT, the model that it adapts; by default what it names.", "MODEL"),
    only_print: bool = option("Print the card and write nothing.", flags="--print"),
    as_json: bool = AS_JSON,
) -> None:
    """Add a model of your own, from its folder.

    The folder has a model of transformers, sentence-transformers, ONNX, a dual encoder like CLIP, an
    encoder of pictures, a cross-encoder or a language model that answers yes or no, which rerank, a
    classifier of texts, or of claims, which checks them, or a language model, which writes answers, also as
    one GGUF file; or it is one of PEFT with a LoRA of an encoder that the catalog has.

    Says what was found, what will be exported, the memory that it will need and about how many tokens a
    second this machine will read with it, and writes a card, with the hashes of the files, into the folder
    that TIEBACK_CARDS names, or else prints it. No code of the folder is run.
    """
    with explained():
        settings = load_settings()
        catalog = Catalog.load(settings.cards)
        given = (pooling, prompt, licence, int(bits), _meant(labels), reranker, classifier, _numbers(widths))
        found = _inspect(directory, name or name_of(directory), given, base, catalog)
        written: list[Path] = []
        if not found.missing:
            check_names(found.cards, catalog)
            check_cards(found.cards)
            if settings.cards is not None and not only_print:
                written = write_cards(found.cards, settings.cards)
    if as_json:
        paths = [str(path) for path in written]
        result = {"found": found.facts, "missing": found.missing, "notes": found.notes}
        click.echo(json.dumps(result | {"cards": found.cards, "written": paths}, indent=2))
    else:
        _report(found, written)
    if found.missing:
        raise click.exceptions.Exit(1)


def _meant(labels: Sequence[str]) -> dict[str, str]:
    for label in labels:
        if "=" not in label:
            raise StartupError(f"--label is NAME=OUTCOME, and {label!r} has no =")
    return {name: outcome for name, _, outcome in (label.rpartition("=") for label in labels)}


def _numbers(widths: str) -> tuple[int, ...]:
    if not re.fullmatch(r"(\d{1,6}(,\d{1,6})*)?", widths):
        raise StartupError(f"--widths is numbers with commas between them, as in 128,256, and not {widths!r}")
    return tuple(map(int, filter(None, widths.split(","))))


def _inspect(
    directory: Path,
    name: str,
    given: tuple[str, str, str, int, dict[str, str], str, bool, tuple[int, ...]],
    base: str,
    catalog: Catalog,
) -> OwnModel:
    try:
        from tieback.recipes.own.audio_encoder import is_audio_encoder
        from tieback.recipes.own.expected import expected
        from tieback.recipes.own.folder import FolderOptions, OwnFolder, OwnModel
        from tieback.recipes.own.image_encoder import is_image_encoder
        from tieback.recipes.own.lora import adapter_card, is_adapter
        from tieback.recipes.own.model import inspect
    except ModuleNotFoundError as error:
        raise StartupError(
            f"looking into a model needs the package {error.name}: {how_to_install('train')}"
        ) from error
    if is_adapter(directory):
        encoders = {card.name: card for card in catalog.encoders()}
        facts, missing, cards = adapter_card(directory, name, base, encoders, given[2])
        return OwnModel(facts, missing, cards=cards)
    if base:
        raise StartupError("--base is for a folder of PEFT, and this is none")
    folder = OwnFolder(directory.resolve(), name, FolderOptions(*given))
    try:
        found = inspect(folder.directory, name, folder.given)
        if not found.missing:
            found.facts |= expected(folder, found.cards)
        return found
    except StartupError as error:
        if is_image_encoder(folder) or is_audio_encoder(folder):  # endpoints read texts
            raise
        raise StartupError(f"{error.message}. {BY_ENDPOINT}") from None


def name_of(directory: Path) -> str:
    """A model's name for a folder."""
    return re.sub(r"[^a-z0-9.]+", "-", directory.resolve().name.lower()).strip("-.") or "own"


def check_names(cards: Sequence[dict[str, Any]], catalog: Catalog) -> None:
    """AlreadyExists where a card's name is taken."""
    taken = {card.name for card in catalog} | {
        shared for card in catalog.encoders() if (shared := card.shares) is not None
    }
    for card in cards:
        for name in filter(None, (card["name"], card.get("shares"))):
            if name in taken:
                said = f"the catalog has a model or a space {name!r}; say another --name"
                raise AlreadyExists("model", name, said)


def check_cards(cards: Sequence[dict[str, Any]]) -> None:
    """Reads them as a server will. StartupError names the key that is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        for card in cards:
            path = Path(folder, f"{re.sub('[^a-z0-9.-]', '-', card['name'])}.yaml")
            path.write_text(as_yaml(card), encoding="utf-8")
            try:
                read_card(path)
            except StartupError as error:
                raise StartupError(error.message.replace(f"{folder}/", "")) from None


def write_cards(cards: Sequence[dict[str, Any]], folder: Path) -> list[Path]:
    """Writes each card into the folder of cards. AlreadyExists where there is one of its name."""
    paths = [folder / f"{card['name']}.yaml" for card in cards]
    for path in paths:
        if path.exists():
            raise AlreadyExists("card", path.name, f"{path} is there; remove it, or say another --name")
    for path, card in zip(paths, cards, strict=True):
        path.write_text(as_yaml(card), encoding="utf-8")
    return paths


def as_yaml(card: dict[str, Any]) -> str:
    """A card as its file has it."""
    return yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=LINE)


def _report(found: OwnModel, written: Sequence[Path]) -> None:
    """Facts go to standard error, so that a card that is printed can be sent to a file."""
    for key, value in found.facts.items():
        say(f"{key}: {value}", err=True)
    for note in found.notes:
        say(note, err=True)
    for missing in found.missing:
        say(f"missing: {missing}", err=True)
    if found.missing:
        say(f"No card was written. {BY_ENDPOINT}", err=True)
        return
    for path in written:
        say(f"wrote: {path}")
    if written:
        say(f"next: tieback models pull {' '.join(card['name'] for card in found.cards)}")
        for card in found.cards:
            if folders := card.get("merge", {}).get("folders"):
                say(
                    f"or several by request: tieback models merge NAME --method low_rank "
                    f"--base {card['merge']['base']} --expert {next(iter(folders.values()))} --expert …"
                )
            if card["role"] == "generator":
                say(
                    f"to write with it by default: TIEBACK_GENERATOR={card['name']}; the card changes nothing"
                )
        return
    say("---\n".join(as_yaml(card) for card in found.cards), nl=False)
    say("Save each card as NAME.yaml in a folder, and name that folder in TIEBACK_CARDS.", err=True)
