"""The Dockerfile and the compose file, as far as they can be judged without a container engine."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from support.certificates import Authority
from support.deployment import ROOT
from support.ports import free_port
from support.small_server import small_server
from support.tenants import write_tokens
from tieback.serving.processes.cluster import ENVIRONMENT
from tieback_client.cli.app import COMMANDS
from tieback_client.installing import GPU_BUILD

CATALOG = ROOT / "services/tieback/catalog"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@dataclass
class Stage:
    """A stage of the Dockerfile: what it starts from, and its instructions in order."""

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        return [text for name, text in self.instructions if name == keyword]


def stages() -> dict[str, Stage]:
    text = (ROOT / "Dockerfile").read_text()
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, Stage] = {}
    current = Stage("")
    for line in text.splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "FROM":
            base, _, name = rest.partition(" AS ")
            current = found[name] = Stage(base)
        elif keyword:
            current.instructions.append((keyword, rest.strip()))
    return found


def extras_of(stage: Stage) -> set[str]:
    """What a stage installs of the project, with the extras that extras bring."""
    optional = PROJECT["optional-dependencies"]
    asked = {
        extra
        for text in stage.all("RUN")
        for group in re.findall(r"\.whl\)\[([^\]]+)\]", text)
        for extra in group.split(",")
    }
    while True:
        brought = {
            one
            for extra in asked
            for requirement in optional[extra]
            for one in re.findall(r"^tieback\[(\w+)\]", requirement)
        }
        if brought <= asked:
            return asked
        asked |= brought


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path out, by the rule that matches last."""
    out = False
    for line in (ROOT / ".dockerignore").read_text().split():
        pattern = line.removeprefix("!")
        if pattern in ("*", path.split("/")[0], path):
            out = not line.startswith("!")
    return out


def test_what_the_image_copies_is_there_and_is_sent_to_the_engine() -> None:
    copied = [
        source
        for stage in stages().values()
        for text in stage.all("COPY")
        if "--from=" not in text
        for source in shlex.split(text)[:-1]
    ]

    assert {"pyproject.toml", "services", "clients"} <= set(copied)
    for source in copied:
        assert (ROOT / source).exists()
        assert not ignored(source)


def test_nothing_else_is_sent_to_the_engine() -> None:
    sent = {path.name for path in ROOT.iterdir() if not ignored(path.name)}

    assert sent == {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "services", "clients"}


def test_the_image_has_no_pytorch() -> None:
    found = stages()
    optional = PROJECT["optional-dependencies"]
    installed = PROJECT["dependencies"] + [
        requirement for extra in extras_of(found["serving"]) for requirement in optional[extra]
    ]
    copied_from = {name for text in found["image"].all("COPY") for name in re.findall(r"--from=(\S+)", text)}

    assert "train" not in extras_of(found["serving"])
    assert not any(re.match(r"(torch|transformers|onnxscript)\b", requirement) for requirement in installed)
    assert copied_from == {"serving", "weights"}
    assert any(requirement.startswith("torch") for requirement in optional["train"])  # what is left out


def test_the_weights_stage_brings_the_models_alone() -> None:
    found = stages()
    from_weights = [text for text in found["image"].all("COPY") if "--from=weights" in text]

    assert from_weights == ["--from=weights --chown=10001:10001 /models /models"]
    assert {"weights-volume", "weights-baked"} <= found.keys()
    assert found["weights"].base == "weights-${WEIGHTS}"
    assert extras_of(found["exporting"]) == {"train"}
    assert any("tieback models pull" in text for text in found["exporting"].all("RUN"))


@pytest.mark.parametrize("name", ["serving", "exporting"])
def test_every_extra_that_is_named_exists(name: str) -> None:
    assert extras_of(stages()[name]) <= PROJECT["optional-dependencies"].keys()


def test_onnx_runtimes_two_builds_never_meet() -> None:
    extras = PROJECT["optional-dependencies"].values()
    (installing,) = [text for text in stages()["serving"].all("RUN") if "--require-hashes" in text]

    assert [one for one in PROJECT["dependencies"] if one.startswith("onnxruntime")] == ["onnxruntime>=1.32"]
    assert not [one for extra in extras for one in extra if one.startswith("onnxruntime")]
    assert installing.index("uninstall --yes onnxruntime") < installing.index(f"install {GPU_BUILD}")


def test_the_image_runs_as_a_user_that_it_made() -> None:
    image = stages()["image"]

    assert image.all("USER") == ["10001:10001"]
    assert "useradd --uid 10001 --gid 10001" in " ".join(image.all("RUN"))


def test_the_versions_of_the_image_are_supported() -> None:
    text = (ROOT / "Dockerfile").read_text()
    (version,) = re.findall(r"^ARG PYTHON=(\S+)$", text, re.MULTILINE)

    assert (3, 11) <= tuple(map(int, version.split("."))) < (3, 14)


def test_the_health_check_is_a_command_of_the_command_line() -> None:
    check = stages()["image"].all("HEALTHCHECK")[0]
    (command,) = re.findall(r'CMD \["tieback", "(\w+)"', check)

    assert command in COMMANDS
    assert "127.0.0.1:50052" in check
    assert "TIEBACK_HEALTH_PORT=50052" in " ".join(stages()["image"].all("ENV"))


async def test_the_health_check_needs_neither_a_certificate_nor_a_token(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("server")
    tokens = write_tokens(tmp_path / "tokens", {"alice": {"secret": "read"}})
    port = free_port()
    check = stages()["image"].all("HEALTHCHECK")[0]
    command = json.loads(check[check.index("[") :].replace("127.0.0.1:50052", f"127.0.0.1:{port}"))
    # The small server has the router and no pipeline, as one without an index.
    command[0] = str(Path(sys.executable).with_name(command[0]))

    async with small_server(
        tls_certificate=pair.certificate, tls_key=pair.key, tokens=tokens, health_port=port
    ) as server:
        ready = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
        await server.grpc.set_all_ready(False)
        not_ready = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)

    assert ready.returncode == 0, ready.stderr
    assert not_ready.returncode == 1, not_ready.stderr


def test_the_wheel_that_the_image_installs_holds_what_a_server_reads(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    for folder in (ROOT, ROOT / "clients"):
        subprocess.run(build, cwd=folder, check=True, capture_output=True)
    wheels = sorted(tmp_path.glob("*.whl"))

    server, client = (set(zipfile.ZipFile(wheel).namelist()) for wheel in wheels)
    names = server | client

    assert [wheel.name.split("-")[0] for wheel in wheels] == ["tieback", "tieback_client"]
    assert not server & client
    assert {"tieback/v1/answer_pb2.py", "tieback_client/client.py", "tieback_contract/codec.py"} < client
    assert not [name for name in client if name.startswith(("tieback/serving", "tieback/models"))]
    cards = {f"tieback/catalog/cards/{card.name}" for card in (CATALOG / "cards").glob("*.yaml")}
    assert cards
    assert cards < names
    assert "tieback/serving/processes/deployments.py" in server
    library = ROOT / "examples/library"
    texts = {f"tieback/library/{one.relative_to(library)}" for one in library.rglob("*") if one.is_file()}
    assert texts
    assert texts < names
    assert not [name for name in names if name.startswith("tests")]


def test_the_image_is_built_from_all_that_the_wheel_is_built_from() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    folders = ["clients", *(Path(one).parts[0] for one in wheel["packages"]), *wheel["force-include"]]

    recipe = (ROOT / "Dockerfile").read_text()
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    for folder in folders:
        assert f"COPY {folder} {folder}\n" in recipe
        assert f"!{folder}" in sent


def test_the_images_ray_is_the_one_that_shows_what_the_platform_says(tmp_path: Path) -> None:
    [install] = [text for text in stages()["serving"].all("RUN") if "pip install" in text]
    [script] = re.findall(r"printf '(.+?)' +> /opt/tieback/bin/ray", install)
    program = tmp_path / "ray.py"
    program.write_text(script.replace("\\n", "\n"))

    done = subprocess.run(
        [sys.executable, str(program), "--version"], capture_output=True, text=True, check=False
    )

    assert script.startswith(
        "#!/opt/tieback/bin/python\\nfrom tieback.serving.processes.ray_node import main"
    )
    assert done.stdout.startswith("ray, version "), done.stderr


def test_a_cluster_that_somebody_else_starts_has_what_an_own_one_is_given() -> None:
    recipe = (ROOT / "Dockerfile").read_text()

    for name in (
        "OMP_NUM_THREADS",
        "TOKENIZERS_PARALLELISM",
        "MALLOC_ARENA_MAX",
        "RAY_preload_python_modules",
        "RAY_health_check_period_ms",
    ):
        assert re.search(rf"^ *{name}={re.escape(ENVIRONMENT[name])}( \\)?$", recipe, re.MULTILINE), name


def test_the_image_says_what_it_is() -> None:
    image = stages()["image"]
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', " ".join(image.all("LABEL"))))
    defaults = dict(re.findall(r"^ARG (\w+)=(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))

    assert labels.keys() == {"title", "description", "licenses", "version", "revision", "source"}
    assert (labels["title"], labels["licenses"]) == (PROJECT["name"], PROJECT["license"])
    for label in ("version", "revision", "source"):
        assert labels[label] == f"${{{label.upper()}}}"
        assert label.upper() in image.all("ARG")
    assert defaults["VERSION"] == PROJECT["version"]


def test_the_compose_file_is_reachable_from_this_machine_alone() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_platform_has_as_much_memory_by_compose_as_its_pod_and_more_than_it_was_measured_to_take() -> (
    None
):
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    cluster = yaml.safe_load((ROOT / "k8s/base/rayservice.yaml").read_text())
    (group,) = cluster["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    (container,) = group["template"]["spec"]["containers"]
    claims = json.loads((ROOT / "benchmarks/results/footprint.json").read_text())["claims"]
    (measured,) = (claim["value"] for claim in claims if claim["name"].startswith("Ray Serve: proportional"))

    assert all("mem_limit" in service for service in services.values())
    assert services["platform"]["mem_limit"].replace("g", "Gi") == container["resources"]["limits"]["memory"]
    assert 1.5 * measured < int(services["platform"]["mem_limit"].removesuffix("g"))


def test_prometheus_and_grafana_find_what_the_compose_file_mounts() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    mounted = {
        target: ROOT / source
        for service in services.values()
        for source, target, *_ in (volume.split(":") for volume in service["volumes"])
        if source.startswith("./")
    }
    prometheus = yaml.safe_load(mounted["/etc/prometheus/prometheus.yml"].read_text())
    provisioning = mounted["/etc/grafana/provisioning"]
    provider = yaml.safe_load((provisioning / "dashboards/tieback.yaml").read_text())["providers"][0]
    source = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"][0]

    assert all(path.exists() for path in mounted.values())
    assert [f"/etc/prometheus/{name}" in mounted for name in prometheus["rule_files"]] == [True]
    assert prometheus["scrape_configs"][0]["static_configs"][0]["targets"] == ["platform:9464"]
    assert f"{provider['options']['path']}/tieback.json" in mounted
    assert source["url"] == "http://prometheus:9090"
    assert services.keys() >= {"platform", "prometheus"}


def test_the_compose_file_builds_a_stage_and_arguments_that_the_dockerfile_has() -> None:
    build = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["platform"]["build"]
    arguments = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))

    assert build["target"] in stages()
    assert build["args"].keys() <= arguments
    assert f"weights-{build['args']['WEIGHTS']}" in stages()
