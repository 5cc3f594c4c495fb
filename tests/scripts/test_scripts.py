"""The scripts that a newcomer runs first."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from support.each import each

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    path for path in [*(ROOT / "scripts").iterdir(), ROOT / ".ci/run"] if path.is_file() and not path.suffix
)


def pinned() -> dict[str, Version]:
    found = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M)
    return {canonicalize_name(name): Version(version) for name, version in found}


def server() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def client() -> dict[str, Any]:
    text = (ROOT / "clients/pyproject.toml").read_text(encoding="utf-8")
    project: dict[str, Any] = tomllib.loads(text)["project"]
    return project


@each("script", SCRIPTS)
def test_a_script_can_be_run_and_says_what_it_is_for(script: Path) -> None:
    first, second = script.read_text(encoding="utf-8").splitlines()[:2]

    assert os.access(script, os.X_OK)
    assert first.startswith("#!/usr/bin/env ")
    assert second.startswith(("# ", '"""'))
    if "bash" in first:
        subprocess.run(["bash", "-n", script], check=True)


def test_every_dependency_has_an_exact_version_that_satisfies_it() -> None:
    projects = [server(), client()]
    wanted = [
        Requirement(line)
        for project in projects
        for lines in (project["dependencies"], *project["optional-dependencies"].values())
        for line in lines
    ]
    versions = pinned()

    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        if name in {"tieback", "tieback-client", "torch"}:  # itself, and what is a range on purpose
            continue
        assert name in versions, f"constraints.txt lacks {name}"
        assert requirement.specifier.contains(versions[name]), f"{requirement} and {versions[name]}"


def test_the_clients_ranges_are_what_its_stubs_work_with() -> None:
    ranges = {one.name: one.specifier for one in map(Requirement, client()["dependencies"])}
    stubs = [*(ROOT / "services/tieback/v1").glob("*_pb2*.py")]

    for stub in stubs:
        text = stub.read_text(encoding="utf-8")
        made = {
            "protobuf": re.findall(r"^# Protobuf Python Version: (.*)$", text, re.M),
            "grpcio": re.findall(r"^GRPC_GENERATED_VERSION = '(.*)'$", text, re.M),
        }
        assert any(made.values()), stub
        for name, versions in made.items():
            for version in map(Version, versions):
                assert ranges[name].contains(version), f"{stub.name} works with {name} {version}"
                assert not ranges[name].contains(Version(f"{version.major}.{version.minor - 1}")), stub.name
    # Protobuf promises that stubs work with their own major version and the next.
    (major,) = {Version(one).major for one in made["protobuf"]} or {6}
    assert ranges["protobuf"].contains(f"{major + 1}.99")
    assert not ranges["protobuf"].contains(f"{major + 2}.0")


def test_no_message_and_no_page_installs_from_a_package_index_where_tieback_is_not() -> None:
    told = re.compile(r"""pip install (-\S+ )*["']?tieback(-client)?(\[\w+\])?["']?(?! @)(\s|$|=)""")
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    sources = [*(ROOT / "services").rglob("*.py"), *(ROOT / "clients").rglob("*.py")]

    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in [*pages, *sources]
        for line in path.read_text(encoding="utf-8").splitlines()
        if told.search(line)
    ]

    assert found == []


def test_every_version_has_the_hashes_of_its_files() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = re.split(r"^(?=[\w.-]+==)", text, flags=re.M)[1:]

    assert len(pins) == len(pinned())
    assert [pin.split()[0] for pin in pins if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", pin)] == []


def test_the_client_that_a_server_needs_is_of_its_version() -> None:
    needed = [
        line
        for lines in (server()["dependencies"], server()["optional-dependencies"]["dev"])
        for line in lines
    ]

    assert {line.split("==")[1] for line in needed if line.startswith("tieback-client")} == {
        server()["version"]
    }


def test_the_next_version_is_written_into_every_file_that_names_it(tmp_path: Path) -> None:
    files = [
        "pyproject.toml",
        "clients/pyproject.toml",
        "k8s/chart-values.yaml",
        "scripts/release",
        "scripts/shipped.py",
    ]
    tags = [str(path.relative_to(ROOT)) for path in ROOT.glob("k8s/**/kustomization.yaml")]
    for name in [*files, *tags]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)

    subprocess.run(
        [sys.executable, tmp_path / "scripts/release", "--next", "7.8.9"], check=True, capture_output=True
    )

    after = {name: (tmp_path / name).read_text(encoding="utf-8") for name in [*files[:3], *tags]}
    assert [
        name
        for name, text in after.items()
        if re.search(r"(newTag: |tieback:|==|^version = \")" + server()["version"], text, re.M)
    ] == []
    assert 'version = "7.8.9"' in after["pyproject.toml"]
    assert after["pyproject.toml"].count("==7.8.9") == 2
    assert "newTag: 7.8.9\n" in after["k8s/base/kustomization.yaml"]


def test_constraints_pin_nothing_whose_build_depends_on_the_machine() -> None:
    for name, version in pinned().items():
        assert version.local is None, name
        assert not name.startswith(("torch", "nvidia", "cuda")), name
        assert name != "triton", "the compiler; tritonclient is a wheel for every machine"


def test_setup_says_how_much_it_will_download_before_it_does(tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "scripts/setup", "--plan"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TIEBACK_MODELS": str(tmp_path)},
    )
    cards = [*(ROOT / "services/tieback/catalog").glob("*/*.yaml")]
    sizes: dict[str, int] = {}
    for card in cards:
        text = card.read_text(encoding="utf-8")
        for hashed, size in re.findall(r"sha256: (\w+)\n\s+size: (\d+)", text):
            sizes[hashed] = int(size)

    assert f"up to {sum(sizes.values()) / 1e6:.0f} MB" in done.stderr
    assert str(tmp_path) in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_help_of_serve_downloads_nothing(tmp_path: Path) -> None:
    for part in ("scripts", "services/tieback/catalog"):
        shutil.copytree(ROOT / part, tmp_path / part)
    for part in ("pyproject.toml", "clients/pyproject.toml", "constraints.txt"):
        (tmp_path / part).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / part, tmp_path / part)

    done = subprocess.run(
        [tmp_path / "scripts/serve", "--help"], capture_output=True, text=True, check=True, timeout=20
    )

    assert "scripts/serve --local" in done.stdout
    assert "670 MB to download" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_setup_explains_itself_when_asked_for_what_it_does_not_know() -> None:
    done = subprocess.run([ROOT / "scripts/setup", "--nonsense"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "--no-models" in done.stderr


def test_ci_runs_the_scripts_that_a_newcomer_runs() -> None:
    text = (ROOT / ".ci/run").read_text(encoding="utf-8")

    assert re.search(r"^timed scripts/check$", text, re.M)
    assert re.search(r"^timed scripts/test all$", text, re.M)
