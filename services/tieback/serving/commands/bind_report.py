"""`tieback bind report`: a page about a bound joint space."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from tieback_client.cli.output import say
from tieback_client.cli.parameters import AS_JSON, TARGET, argument, declared, option

from tieback.artifacts import HEADER, stored
from tieback.catalog.catalog import Catalog
from tieback.core.errors import NotFound, StartupError
from tieback.models.joint.artifact import REMEDY, JointSpaceArtifact
from tieback.models.store import Store
from tieback.serving.commands.explained import explained
from tieback.serving.settings import load_settings


@click.command()
@declared
def report(
    binding: str | None = argument(metavar="[REVISION|FOLDER]"),
    out: Path | None = option("Where to write the page. [binding-REVISION.html]", "FILE.html", type=TARGET),
    photos: Path | None = option(
        "Photos to search: they are encoded now, and the neighbours shown with thumbnails.",
        "DIR",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
    ),
    as_json: bool = AS_JSON,
) -> None:
    """Write a page about a binding: its spaces, weights, losses, claims. By default the newest.

    The page is one HTML file that loads nothing.
    """
    from tieback.reports.binding.page import claims_of, page

    with explained():
        settings = load_settings()
        store = Store(settings.models)
        bound = JointSpaceArtifact.load(folder_of(binding, store.bound))
        if photos is None:
            written = page(bound)
        else:
            from tieback.recipes.photo_search import search_photos

            written = page(
                bound, search_photos(bound, photos, Catalog.load(settings.cards).encoders(), store)
            )
    target = out or Path(f"binding-{bound.revision}.html")
    try:
        target.write_text(written, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written: {error.strerror}") from error
    if as_json:
        found = [asdict(claim) for claim in claims_of(bound.metrics)]
        size = len(written.encode())
        click.echo(
            json.dumps(
                {"revision": bound.revision, "page": str(target), "bytes": size, "claims": found}, indent=2
            )
        )
    else:
        say(f"Written: {target}")


def folder_of(binding: str | None, root: Path) -> Path:
    """The binding's folder; without a name the newest under `root`.

    NotFound, with the choices, for a revision that is not there; StartupError where there is none at all.
    """
    folders = stored(root)
    if binding is None:
        if not folders:
            raise StartupError(f"there is no binding in the store; {REMEDY}")
        return folders[-1]
    if (Path(binding) / HEADER).is_file():
        return Path(binding).absolute()
    by_revision = {folder.name: folder for folder in folders}
    if binding not in by_revision:
        raise NotFound("binding", binding, by_revision)
    return by_revision[binding]
