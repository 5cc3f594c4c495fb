"""Categorical features on the command line: ``--feature genre=jazz --feature genre=blues``."""

from __future__ import annotations

from typing import Any

import click

OPTION = "--feature"

feature_option = click.option(
    OPTION,
    "features",
    multiple=True,
    metavar="NAME=VALUE",
    help="A categorical feature, of a space of such; several values of a name may be given.",
)


def features_of(given: tuple[str, ...]) -> list[Any]:
    """The one content that all options together are; none where there is no option."""
    from tieback_client.content import Features

    values: dict[str, list[str]] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name or not equals or not value:
            raise click.BadParameter(f"{one!r} is not NAME=VALUE", param_hint=OPTION)
        values.setdefault(name, []).append(value)
    return [Features(values)] if values else []
