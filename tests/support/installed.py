"""Programs that tests need and Python packages cannot bring."""

from __future__ import annotations

import os
import shutil

import pytest


def need(program: str, package: str) -> str:
    """The program's path. Where it is not installed, the test is skipped; in CI, it fails."""
    found = shutil.which(program)
    if found is None:
        message = f"{program} is not installed (Debian: apt-get install {package})"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found
