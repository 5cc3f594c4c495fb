"""`tieback models merge`: writes the card of a model that is merged of others, and makes the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import yaml
from tieback_client.cli.output import say
from tieback_client.cli.parameters import AS_JSON, FILE, declared, option

from tieback.catalog.catalog import Catalog
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound
from tieback.methods.merging import LEARN, SPLIT, check_learned, having, mergings
from tieback.models.store import Store
from tieback.serving.commands.add_model import name_of
from tieback.serving.commands.explained import explained
from tieback.serving.commands.pull_progress import PullProgress
from tieback.serving.commands.train import assigned, train
from tieback.serving.settings import load_settings


@click.command()
@declared
def merge(
    name: str,
    method: str = option("How to merge: a method of docs/methods.md#merging.", required=True),
    base: str = option("The model that the experts were trained from.", "MODEL", required=True),
    experts: tuple[str, ...] = option(
        "A model, or a folder of PEFT with a LoRA of the base. May be repeated.",
        "MODEL|FOLDER",
        flags="--expert",
        required=True,
    ),
    assignments: tuple[str, ...] = option("A parameter of the method.", "KEY=VALUE", flags="--set"),
    adapter_assignments: tuple[str, ...] = option(
        "A parameter of how each expert is kept, for methods that keep them: rank=16. May be repeated.",
        "KEY=VALUE",
        flags="--adapters",
    ),
    routed: tuple[str, ...] = option(
        "Pairs of texts (JSONL or TSV) of an expert, by which a router learns to choose; one for each.",
        "EXPERT=FILE",
        flags="--router",
    ),
    samples: Path | None = option(
        "Pairs of texts (JSONL or TSV) that all experts read, for methods that match neurons by use.",
        type=FILE,
    ),
    learn: tuple[Path, ...] = option(
        "Pairs of texts (JSONL or TSV) that a method learns how to merge by. May be repeated.", type=FILE
    ),
    probe: Path | None = option(
        "Pairs of texts (JSONL or TSV) that the merged model has to do well on before it is served.",
        type=FILE,
    ),
    metric: str = option(type=click.Choice(["reciprocal_rank", "recall_at_1"]), default="reciprocal_rank"),
    against: str = option(type=click.Choice(["base", "best", "mean"]), default="base", show_default=True),
    margin: float = option("Of the metric, over --against.", default=0.0, show_default=True),
    as_json: bool = AS_JSON,
) -> None:
    """Merge encoders that were trained from one base into the model NAME.

    Writes a card into the folder that TIEBACK_CARDS names, and makes the model. It is kept only if it reaches
    what the probe asks.
    """
    from tieback.recipes.adapt.cards import experts_of

    with explained():
        settings = load_settings()
        if settings.cards is None:
            raise InvalidInput("set TIEBACK_CARDS to the folder where your cards are", field="cards")
        mergings.get(method)
        path = settings.cards / f"{name}.yaml"
        catalog = Catalog.load(settings.cards)
        if path.exists() or name in {card.name for card in catalog}:
            raise AlreadyExists(
                "model", name, f"the catalog has a model {name!r}; give the merge another name"
            )
        if learn:
            check_learns(method, alone=not (adapter_assignments or routed or samples or probe))
            named = (f"name={name}", f"base={base}", f"experts={','.join(experts)}", *assignments)
            click.get_current_context().invoke(
                train, name=method, assignments=named, data=learn, output=settings.cards, as_json=as_json
            )
            return
        recipe: dict[str, Any] = {"method": method, "base": base, **named_experts(experts, catalog)}
        if assignments:
            recipe["parameters"] = _plain(assigned(assignments, mergings.schema(method)))
        check_learned(method, recipe.get("parameters", {}))
        if adapter_assignments or routed:
            recipe |= _kept(method, adapter_assignments, routed)
        if samples is not None:
            recipe["samples"] = str(samples.resolve())
        if probe is not None:
            recipe["probe"] = {
                "pairs": str(probe.resolve()), "metric": metric, "against": against, "margin": margin
            }  # fmt: skip
        metrics = _made(name, recipe, catalog, path)
        asked = experts_of(recipe)[0]
    if as_json:
        click.echo(json.dumps({"name": name, "card": str(path), "metrics": metrics}, indent=2))
        return
    for model, value in metrics.get("probe", {}).items():
        say(f"{model}: {metric} {value:.3f}")
    if router := metrics.get("router"):
        say(f"router: right on {router['right']:.3f} of the texts that it did not learn from")
    say(f"wrote: {path}")
    say(f"To serve it: tieback serve (TIEBACK_SPACES={name} for it alone)")
    if mergings.has(SPLIT, method):
        say(f"To ask one expert: tieback encode TEXT --space {name} --adapter {asked}")


def check_learns(method: str, *, alone: bool) -> None:
    """InvalidInput for --learn of a method that learns nothing, or beside what is not learned with."""
    if not mergings.has(LEARN, method):
        learning = ", ".join(having(LEARN)) or "of extensions"
        raise InvalidInput(f"{method} learns nothing; those that learn are: {learning}", field="learn")
    if not alone:
        raise InvalidInput("--learn takes no --probe, --samples, --router or --adapters", field="learn")


def named_experts(experts: Sequence[str], catalog: Catalog) -> dict[str, Any]:
    """The fields `experts` and `folders` of a recipe. NotFound for what is neither a model nor a folder."""
    models = {card.name for card in catalog.encoders()}
    folders = {name: Path(name) for name in experts if name not in models}
    for name, folder in folders.items():
        if not folder.is_dir():
            raise NotFound("model", name, models, hint="an expert is a model, or a folder of PEFT")
    found = {
        "experts": [name for name in experts if name in models],
        "folders": {name_of(folder): str(folder.resolve()) for folder in folders.values()},
    }
    return {key: value for key, value in found.items() if value}


def _kept(method: str, adapters: Sequence[str], router: Sequence[str]) -> dict[str, Any]:
    """The parts of a recipe that are about experts by request."""
    if not mergings.has(SPLIT, method):
        keeping = ", ".join(having(SPLIT)) or "of extensions"
        raise InvalidInput(
            f"{method} makes one model of its experts and keeps none; those that keep them are: {keeping}",
            field="method",
        )
    files = {expert: Path(file).resolve() for expert, file in assigned(router, {}, "router").items()}
    for expert, file in files.items():
        if not file.is_file():
            raise InvalidInput(f"--router {expert}: there is no file {file}", field="router")
    kept = {
        "adapters": _plain(assigned(adapters, mergings.schema(method, SPLIT), "adapters")),
        "router": {expert: str(file) for expert, file in files.items()},
    }
    return {key: value for key, value in kept.items() if value}


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as numbers, as who writes a card by hand has them."""
    return {
        key: [yaml.safe_load(one) for one in value]
        if isinstance(value, list)
        else yaml.safe_load(value)
        if isinstance(value, str)
        else value
        for key, value in given.items()
    }


def _made(name: str, recipe: dict[str, Any], catalog: Catalog, path: Path) -> dict[str, Any]:
    """Writes the card and makes its model; without the model no card is left. Returns the metrics."""
    from tieback.recipes.adapt.cards import merged_fields, write_card
    from tieback.recipes.export import make_merged

    settings = load_settings()
    store = Store(settings.models)
    parents = [catalog.get(one) for one in (recipe["base"], *recipe.get("experts", ()))]
    write_card(path, merged_fields(name, recipe, parents))
    try:
        card = Catalog.load(settings.cards).get(name)
        with PullProgress() as progress:
            make_merged([card], store, progress.said)
    except BaseException:
        path.unlink()
        raise
    manifest = store.manifest(card)
    return dict(manifest.metrics) if manifest is not None else {}
