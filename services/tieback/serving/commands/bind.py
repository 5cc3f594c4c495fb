"""`tieback bind`: binds the stored models' spaces, shows the measured quality, lists the bindings."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from tieback_client.cli.output import SafeConsole, say
from tieback_client.cli.parameters import AS_JSON, FOLDER, TARGET, declared, option

from tieback.artifacts import stored
from tieback.catalog.catalog import Catalog
from tieback.core.errors import StartupError
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.store import Store
from tieback.recipes.default_binding import library
from tieback.recipes.export import check_packages
from tieback.serving.commands.bind_report import report
from tieback.serving.commands.explained import explained
from tieback.serving.commands.pull_progress import PullProgress
from tieback.serving.plan.bindings import kept_binding
from tieback.serving.settings import Settings, load_settings
from tieback.serving.settings.precisions import at_chosen_precisions

SHOWN = "R@1"
WHOLE = {"spaces": "--spaces", "imputation": "--imputation"}
"""Options, by their parameters, that go with binding anew alone."""


@click.group(invoke_without_command=True)
@declared
def bind(
    data: tuple[Path, ...] = option(
        "A folder of unpaired texts, photos and sounds; may be repeated. By default the store's media.",
        type=FOLDER,
    ),
    anchors: Path | None = option(
        'Your pairs, JSON lines of: "text" and one of "image", "audio", "points" (files) and "same".',
        type=TARGET,
    ),
    seed: int = option("Seed of all random numbers.", default=0, show_default=True),
    method: str | None = option("One projection method for all pairs of spaces.", "NAME"),
    spaces: str = option(
        "Encoders to bind, even where one adds nothing; by default those of TIEBACK_SPACES, or the store's "
        "that are not optional.",
        "A,B",
    ),
    imputation: str = option(
        "Method that fills the blocks of missing text spaces, where it loses less than leaving them empty.",
        "NAME",
        default="ridge",
        show_default=True,
    ),
    replaced: str | None = option(
        "Replace one encoder of a binding by another, and keep all else: what the encoder does not encode "
        "stays valid as it is stored.",
        "OLD=NEW",
        flags="--replace",
    ),
    keep: str = option(
        "With --replace: the binding, a revision or a folder; by default the one that is served.", "BINDING"
    ),
    out: Path | None = option("Where to write the binding, instead of into the store.", type=FOLDER),
    as_json: bool = AS_JSON,
) -> None:
    """Bind the stored models' spaces into one, from unpaired data.

    An interrupted run continues where it stopped. To serve: TIEBACK_BINDING=REVISION tieback serve.
    """
    context = click.get_current_context()
    if context.invoked_subcommand is not None:
        return
    names = _replacement(context, replaced, keep)
    with explained():
        settings, store = _opened()
        catalog = Catalog.load(settings.cards)
        cards = at_chosen_precisions(catalog.encoders(), settings.precision, settings.provider)
        if settings.spaces and not names:  # what is served takes part, optional or not
            served = [card for card in cards if card.name in settings.spaces]
            cards = tuple(card.model_copy(update={"optional": False}) for card in served)
        check_packages("binding")
        from tieback.recipes import binding as recipe  # with PyTorch

        options = recipe.BindingOptions(
            data=data or _shipped(catalog, store),
            seed=seed,
            spaces=tuple(name.strip() for name in spaces.split(",") if name.strip()),
            anchors=anchors,
            method=method,
            imputation=imputation,
        )
        kept = kept_binding(settings, keep) if names else None
        begin = time.monotonic()
        with PullProgress() as progress:
            if kept is None:
                outcome = recipe.bind(cards, store, options, progress.tell, out=out)
            else:
                one = recipe.Replacement(*names)
                outcome = recipe.replace_component(kept, one, cards, store, options, progress.tell, out=out)
        seconds = time.monotonic() - begin
    bound: JointSpaceArtifact = outcome.bound
    if as_json:
        steps = {"computed": len(outcome.made), "found": len(outcome.found)}
        stays = [
            {"space": str(ref), "modalities": sorted(modalities)} for ref, modalities in bound.stays.items()
        ]
        described = _described(outcome.folder, bound) | {
            "stays": stays,
            "seconds": round(seconds, 1),
            "steps": steps,
        }
        click.echo(json.dumps(described | {"metrics": bound.metrics, "losses": bound.losses}, indent=2))
        return
    _show(bound)
    for ref, modalities in bound.stays.items():
        say(f"Stored vectors of {', '.join(sorted(modalities))} stay as they are in collections of {ref}.")
    say(f"Bound {', '.join(bound.spaces)} in {seconds:.0f} s: {bound.revision}, in {outcome.folder}")
    place = bound.revision if out is None else outcome.folder
    say(f"Serve with it: TIEBACK_BINDING={place} tieback serve")


def _replacement(context: click.Context, replaced: str | None, keep: str) -> tuple[str, ...]:
    """The names of the old and the new encoder; empty where all is bound. UsageError where options clash."""
    if replaced is None:
        if keep:
            raise click.UsageError("--keep goes with --replace: it says in which binding")
        return ()
    names = tuple(name.strip() for name in replaced.split("="))
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise click.BadParameter(f"{replaced!r} is not OLD=NEW, two encoders", param_hint="--replace")
    given = [
        name for name in WHOLE if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        option = WHOLE[given[0]]
        raise click.UsageError(f"{option} is for binding anew; with --replace all else stays as it is")
    return names


bind.add_command(report)


@bind.command("list")
@declared
def list_bindings(as_json: bool = AS_JSON) -> None:
    """List the bindings in the store, with their spaces and main numbers."""
    with explained():
        _, store = _opened()
    rows = []
    for place in stored(store.bound):
        try:
            rows.append(_described(place, JointSpaceArtifact.load(place)))
        except StartupError as error:
            rows.append({"revision": place.name, "fault": error.message})
    if as_json:
        click.echo(json.dumps({"store": str(store.root), "bindings": rows}, indent=2))
        return
    if not rows:
        say(f"There is no binding in the store at {store.root}; make one: tieback bind")
    for row in rows:
        if "fault" in row:
            say(f"{row['revision']}\t{row['fault']}")
            continue
        numbers = ", ".join(f"{task} {value:.2f}" for task, value in row["numbers"].items())
        say(f"{row['revision']}\t{row['width']} wide\t{', '.join(row['spaces'])}\t{SHOWN}: {numbers}")


def _described(place: Path, bound: JointSpaceArtifact) -> dict[str, Any]:
    return {
        "revision": bound.revision,
        "folder": str(place),
        "spaces": list(bound.spaces),
        "width": bound.width,
        "numbers": {
            row["task"]: row["rows"][0]["value"]
            for row in bound.metrics.get("retrieval", ())
            if row["measure"] == SHOWN
        },
    }


def _show(bound: JointSpaceArtifact) -> None:
    """The quality of retrieval on held-out data."""
    table = Table("task", "queries", "chance", "routed", "uniform", "best single", title=f"{SHOWN}, held out")
    for row in bound.metrics["retrieval"]:
        if row["measure"] != SHOWN:
            continue
        values = {one["name"].partition(":")[0]: one for one in row["rows"]}
        cells = [_cell(values.get(name)) for name in ("routed", "uniform", "best single")]
        table.add_row(row["task"], str(row["queries"]), f"{row['chance']:.2f}", *cells)
    SafeConsole().print(table)
    decoupling = bound.metrics.get("decoupling", {})
    if len(decoupling.get("classes", ())) > 1:
        say(f"The router sends {decoupling['accuracy']:.0%} of texts to the blocks of what they describe.")
    for name, accuracies in bound.metrics.get("pairs", {}).items():
        if unseen := accuracies.get("held_out"):
            say(
                f"{name} finds the texts of {unseen['accuracy']:.0%} of the inputs that were held out, among "
                f"{unseen['texts']}; by chance of {1 / unseen['texts']:.0%}."
            )


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "–"
    space = row["name"].partition(": ")[2]
    return f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]" + (f" {space}" if space else "")


def _opened() -> tuple[Settings, Store]:
    settings = load_settings()
    return settings, Store(settings.models)


def _shipped(catalog: Catalog, store: Store) -> tuple[Path, ...]:
    """The texts that the project ships, and the store's media."""
    return (library(), *(store.media(card) for card in catalog.media() if store.is_ready(card)))
