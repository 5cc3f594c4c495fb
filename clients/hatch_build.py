"""Puts into the client's wheel what it needs of services/: the paths that the server's wheel leaves out."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SharedModules(BuildHookInterface):
    """Reads the list from the server's pyproject.toml, where it is said once."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds each path under its name in the package; of a checkout, where services/ is beside it, none."""
        if version == "editable":  # copies would hide the sources
            return
        source = Path(self.root).parent
        project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))
        for path in project["tool"]["hatch"]["build"]["targets"]["wheel"]["exclude"]:
            build_data["force_include"][str(source / path)] = path.removeprefix("services/")
