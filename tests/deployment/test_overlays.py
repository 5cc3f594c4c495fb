"""What the Kubernetes overlays ask a cluster for."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from deployment_files import OVERLAYS, Overlay
from tieback.serving.deployments import IMPORT_PATH
