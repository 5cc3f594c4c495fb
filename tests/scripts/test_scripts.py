"""The scripts that a newcomer runs first."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from support.each import each

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    path for path in [*(ROOT / "scripts").iterdir(), ROOT / ".ci/run"] if path.is_file() and not path.suffix
)


def pinned() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


@each("script", SCRIPTS)
def test_a_script_can_be_run_and_says_what_it_is_for(script: Path) -> None:
    first, second = script.read_text(encoding="utf-8").splitlines()[:2]

    assert os.access(script, os.X_OK)
    assert first.startswith("#!/usr/bin/env ")
    assert second.startswith(("# ", '"""'))
    if "bash" in first:
        subprocess.run(["bash", "-n", script], check=True)


def test_every_dependency_has_an_exact_version_that_satisfies_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [
        Requirement(line)
        for line in project["dependencies"]
        + [line for name in extras if name != "gpu" for line in extras[name]]
    ]
    versions = pinned()

    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        if name in {"tieback", "torch"}:  # itself, and what is a range on purpose
            continue
        assert name in versions, f"constraints.txt lacks {name}"
        assert requirement.specifier.contains(versions[name]), f"{requirement} and {versions[name]}"


def test_the_clients_ranges_are_what_its_stubs_work_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ranges = {one.name: one.specifier for one in map(Requirement, project["dependencies"])}
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
    told = re.compile(r"""pip install (-\S+ )*["']?tieback(\[\w+\])?["']?(?! @)(\s|$|=)""")
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    sources = [*(ROOT / "services").rglob("*.py"), *(ROOT / "clients").rglob("*.py")]

    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in [*pages, *sources]
        for line in path.read_text(encoding="utf-8").splitlines()
        if told.search(line)
    ]

    assert found == []


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


def test_setup_explains_itself_when_asked_for_what_it_does_not_know() -> None:
    done = subprocess.run([ROOT / "scripts/setup", "--nonsense"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "--no-models" in done.stderr


def test_ci_runs_the_scripts_that_a_newcomer_runs() -> None:
    text = (ROOT / ".ci/run").read_text(encoding="utf-8")

    assert re.search(r"^timed scripts/check$", text, re.M)
    assert re.search(r"^timed scripts/test all$", text, re.M)
