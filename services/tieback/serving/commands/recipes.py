"""`tieback recipes`: what can be trained, with its paper and its parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click
from tieback_client.cli.output import say
from tieback_client.cli.parameters import AS_JSON, declared

from tieback.core.extensions import VARIABLE, unused, used
from tieback.recipes.trained import describe
from tieback.recipes.trained import recipes as known


@click.command()
@declared
def recipes(as_json: bool = AS_JSON) -> None:
    """List the recipes of `tieback train` and their parameters."""
    described = [describe(name) for name in known.names()]
    if as_json:
        click.echo(json.dumps({"recipes": [asdict(one) for one in described]}, indent=2))
        return
    for one in described:
        papers = ", ".join(f"arXiv:{paper}" for paper in one.papers)
        say(f"{one.name}  ({papers})")
        say(f"  {one.summary}")
        say(f"  makes {one.makes}")
        for key, schema in one.schema.get("properties", {}).items():
            say(f"  --set {key}={_shown(schema)}")
    if others := unused():
        names = ",".join((*used(), *others))
        say(f"Extensions that are not used may have more: {VARIABLE}={names} tieback recipes")


def _shown(schema: Mapping[str, Any]) -> str:
    """The default, as the command takes it."""
    default = schema.get("default")
    return ",".join(map(str, default)) if isinstance(default, list | tuple) else str(default)
