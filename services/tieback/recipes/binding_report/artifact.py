"""Which binding is meant: a folder, a revision in the store, or the one that was made last."""

from __future__ import annotations

from pathlib import Path

from tieback.artifacts import HEADER, stored
from tieback.core.errors import NotFound, StartupError
from tieback.models.joint_space_artifact import REMEDY


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
