"""Which binding is meant: a folder, a revision in the store, or the one that was made last."""

from __future__ import annotations

from pathlib import Path

from tieback.core.errors import NotFound, StartupError
from tieback.models.bound_space import HEADER, REMEDY


def folder_of(binding: str | None, root: Path) -> Path:
    """The binding's folder; without a name the newest under `root`.

    NotFound, with the choices, for a revision that is not there; StartupError where there is none at all.
    """
    headers = sorted(root.glob(f"*/{HEADER}"), key=lambda path: path.stat().st_mtime)
    if binding is None:
        if not headers:
            raise StartupError(f"there is no binding in the store; {REMEDY}")
        return headers[-1].parent
    if (Path(binding) / HEADER).is_file():
        return Path(binding).absolute()
    by_revision = {header.parent.name: header.parent for header in headers}
    if binding not in by_revision:
        raise NotFound("binding", binding, by_revision)
    return by_revision[binding]
