"""Ray Serve's configuration file for the platform, as `serve deploy` and KubeRay's RayService take it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tieback.serving.deployments import APPLICATION

IMPORT_PATH = "tieback.serving.deployments:application"


def serve_config(arguments: Mapping[str, Any]) -> str:
    """YAML with the settings that were given; the environment of the cluster decides the others."""
    given = {name: value for name, value in arguments.items() if value is not None}
    application: dict[str, Any] = {
        "name": APPLICATION,
        "import_path": IMPORT_PATH,
        "route_prefix": None,
        "args": given,
    }
    return yaml.safe_dump({"proxy_location": "Disabled", "applications": [application]}, sort_keys=False)
