"""The bill of materials of the image, by an engine that is a script: Debian's packages join the wheel's."""

import importlib.util
import json
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGINE = """#!/bin/sh
echo "$@" >>"$(dirname "$0")/asked"
[ "$1" = build ] || echo "openssl 3.5.4-1~deb13u1 amd64"
"""


def test_the_images_bill_has_debians_packages_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    loader = SourceFileLoader("release", str(ROOT / "scripts/release"))
    found = importlib.util.spec_from_loader("release", loader)
    assert found is not None
    release = importlib.util.module_from_spec(found)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(release)
    (tmp_path / "podman").write_text(ENGINE)
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    dist = tmp_path / "dist"
    dist.mkdir()
    wheels = {"bomFormat": "CycloneDX", "metadata": {}, "components": [{"name": "ray"}]}
    (dist / f"{release.SERVER}.cdx.json").write_text(json.dumps(wheels))

    release.image(dist, "0" * 40)

    bill = json.loads((dist / f"{release.SERVER}-image.cdx.json").read_text())
    assert bill["metadata"]["component"]["type"] == "container"
    assert [one["name"] for one in bill["components"]] == ["ray", "openssl"]
    assert bill["components"][1]["purl"] == "pkg:deb/debian/openssl@3.5.4-1~deb13u1?arch=amd64"
    assert f"--tag tieback:{release.VERSION} " in (tmp_path / "asked").read_text()
