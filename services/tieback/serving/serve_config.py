"""Ray Serve's configuration file for the platform, as `serve deploy` and KubeRay's RayService take it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import yaml

from tieback.serving.deployments import APPLICATION
from tieback.serving.settings import Settings

IMPORT_PATH = "tieback.serving.deployments:application"


def serve_config(settings: Settings, given: Collection[str]) -> str:
    """YAML with the settings whose names were given; the environment of the cluster decides the others."""
    application: dict[str, Any] = {
        "name": APPLICATION,
        "import_path": IMPORT_PATH,
        "route_prefix": None,
        "args": settings.model_dump(mode="json", include=set(given)),
    }
    return yaml.safe_dump({"proxy_location": "Disabled", "applications": [application]}, sort_keys=False)
