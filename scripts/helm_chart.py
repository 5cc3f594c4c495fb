"""Makes the Helm chart k8s/chart of what kustomize builds and of k8s/chart-values.yaml.

Each component is built upon those that it needs, and what it changes is found by comparing the objects with
those without it. The chart has both, behind a condition. So no field of an object is written a second time.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from helm_template import Choice, Leaf, List, Map, Optional, Part, Value, enabled, lines, unmade

ROOT = Path(__file__).resolve().parent.parent
K8S = ROOT / "k8s"
HEAD = "# Made from k8s/base, k8s/components and k8s/chart-values.yaml by scripts/check_deployment --write.\n"
NAME = "tieback"  # of the namespace
CHART = K8S / "chart"
IDENTITIES = ("groupName", "name", "mountPath")
POD_KEYS = {"containers", "serviceAccountName"}
Key = tuple[str, str]


@functools.cache
def build(components: tuple[str, ...] = ()) -> dict[Key, dict[str, Any]]:
    """The objects of the smallest overlay with these folders of components/, by kind and name."""
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": NAME,
        "resources": ["../base"],
        "components": [f"../components/{name}" for name in components],
    }
    with tempfile.TemporaryDirectory() as folder:
        for name in ("base", "components"):
            shutil.copytree(K8S / name, Path(folder) / name)
        (Path(folder) / "overlay").mkdir()
        (Path(folder) / "overlay/kustomization.yaml").write_text(yaml.safe_dump(overlay))
        command = ["kustomize", "build", f"{folder}/overlay"]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise SystemExit(f"kustomize with {', '.join(components)}: {built.stderr}")
    return by_name(yaml.safe_load_all(built.stdout))


def by_name(objects: Any) -> dict[Key, dict[str, Any]]:
    return {(one["kind"], one["metadata"]["name"]): one for one in objects if one}


def plain(value: Any) -> Any:
    """The node of a value that no component changes yet."""
    if isinstance(value, dict):
        return Map([Part(key, plain(one)) for key, one in value.items()])
    if isinstance(value, list):
        named = identified(value)
        return Leaf(value) if named is None else List([Part(name, plain(one)) for name, one in named.items()])
    return Leaf(value)


def identified(items: list[Any]) -> dict[str, Any] | None:
    """The items of a list by their names, as Kubernetes merges them; of maps without names, by number."""
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    for identity in IDENTITIES:
        names = [str(item.get(identity, "")) for item in items]
        if all(names) and len(set(names)) == len(names):
            return dict(zip(names, items, strict=True))
    return {str(number): item for number, item in enumerate(items)}


def change(node: Any, before: Any, after: Any, component: str) -> Any:
    """The node with what a component changes behind a condition."""
    if before == after:
        return node
    if isinstance(before, list) and isinstance(after, list) and isinstance(node, List):
        former, latter = identified(before), identified(after)
        if former is not None and latter is not None:
            return List(changed_parts(node.parts, former, latter, component))
    if isinstance(before, dict) and isinstance(after, dict) and isinstance(node, Map):
        return Map(changed_parts(node.parts, before, after, component))
    return Choice(component, plain(after), node)


def changed_parts(
    parts: list[Part], before: dict[str, Any], after: dict[str, Any], component: str
) -> list[Part]:
    found = []
    for part in parts:
        if part.name in before and part.name in after:
            part.node = change(part.node, before[part.name], after[part.name], component)
        elif part.name in before:
            part.conditions.append(f"not {enabled(component)}")
        elif part.name in after:
            raise SystemExit(f"two components add {part.name}: {component} and {part.conditions}")
        found.append(part)
    added = [name for name in after if name not in before]
    return found + [Part(name, plain(after[name]), [enabled(component)]) for name in added]


def objects(components: dict[str, Any]) -> dict[Key, Part]:
    """Every object of the chart, with what the components change in it."""
    found = {key: Part("", plain(one)) for key, one in build().items()}
    for name, component in components.items():
        needed = tuple(components[one]["folder"] for one in component.get("needs", ()))
        before, after = build(needed), build((*needed, component["folder"]))
        for key in after:
            if key in before:
                found[key].node = change(found[key].node, before[key], after[key], name)
            else:
                found[key] = Part("", plain(after[key]), [enabled(name)])
    for (kind, _), part in found.items():
        metadata = child(part.node, "metadata")
        if (
            kind == "Namespace"
        ):  # Helm makes it by --create-namespace, without the label that pods are held to
            part.conditions.append(".Values.namespace.create")
            child(metadata, "name", put=lambda _: Leaf("{{ .Release.Namespace }}"))
        else:
            child(metadata, "namespace", put=lambda _: Leaf("{{ .Release.Namespace }}"))
    return found


def child(node: Any, name: str, put: Callable[[Any], Any] | None = None) -> Any:
    """A part of a node, whatever its conditions; with `put`, replaced by what that makes of it."""
    if isinstance(node, Choice):
        node = node.otherwise
    for part in node.parts:
        if part.name == name:
            if put is not None:
                part.node = put(part.node)
            return part.node
    raise KeyError(name)


def offer(found: dict[Key, Part], path: str, value: dict[str, Any]) -> tuple[Any, str]:
    """Puts a value in its places. Returns its default and its kind in JSON schema."""
    if "everywhere" in value:
        for (kind, _), part in found.items():
            if kind in value.get("kinds", (kind,)):
                part.node = replaced(part.node, value["everywhere"], path)
        return value["everywhere"], "string"
    default: Any = None
    for place in value["at"]:
        name, _, where = place.partition(" ")
        if name == "pods":
            for part in found.values():
                for pod in pods(part.node):
                    pod.parts.append(Part(where, Optional(path, is_text=False)))
            continue
        *above, last = where.split(".")
        kind, _, named = name.partition("/")
        node = found[kind, named].node
        for step in above:
            node = child(node, step)
        if "optional" in value:
            node.parts.append(Part(last, Optional(path, is_text=value["optional"] == "string")))
        elif "map" in value:
            child(node, last).merged = path
        else:
            kept = child(node, last)
            default = unmade(kept)
            child(node, last, put=lambda old: Value(path, unmade(old)))
    if "optional" in value:
        return {"array": [], "object": {}, "string": ""}[value["optional"]], value["optional"]
    if "map" in value:
        return {}, "settings"
    return default, {str: "string", int: "integer", dict: "object"}[type(default)]


def replaced(node: Any, text: str, path: str) -> Any:
    """The node with a value in place of every field that is this text."""
    if isinstance(node, Leaf):
        return Value(path, text) if node.value == text else node
    if isinstance(node, Choice):
        return Choice(node.component, replaced(node.there, text, path), replaced(node.otherwise, text, path))
    for part in getattr(node, "parts", ()):
        part.node = replaced(part.node, text, path)
    return node


def pods(node: Any) -> Iterator[Map]:
    """The specifications of pods in a node."""
    if isinstance(node, Map) and {part.name for part in node.parts} >= POD_KEYS:
        yield node
    elif isinstance(node, Choice):
        yield from (*pods(node.there), *pods(node.otherwise))
    else:
        for part in getattr(node, "parts", ()):
            yield from pods(part.node)


def described(values: dict[str, tuple[Any, str, str]]) -> tuple[str, dict[str, Any]]:
    """values.yaml, and its schema: of values by their paths, each with its default, kind and description."""
    tree: dict[str, Any] = {}
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}
    about: dict[str, str] = {}
    for path, (default, kind, text) in values.items():
        *above, last = path.split(".")
        branch, described_by = tree, schema
        for step in above:
            branch = branch.setdefault(step, {})
            closed = {"type": "object", "additionalProperties": False, "properties": {}}
            described_by = described_by["properties"].setdefault(step, closed)
        branch[last], about[path] = default, text
        described_by["properties"][last] = {"description": text, **KINDS[kind]}
    schema["properties"]["global"] = {"type": "object", "description": "Of Helm, for charts within charts."}
    return "\n".join(value_lines(tree, "", about)) + "\n", schema


KINDS: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer", "minimum": 0},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "array": {"type": "array", "items": {"type": "object"}},
    "settings": {
        "type": "object",
        "propertyNames": {"pattern": "^TIEBACK_[A-Z0-9_]+$"},
        "additionalProperties": {"type": "string"},
    },
}


def value_lines(tree: dict[str, Any], above: str, about: dict[str, str]) -> Iterator[str]:
    pad = "  " * (above.count("."))
    for name, value in tree.items():
        path = above + name
        if path in about:
            yield f"{pad}# {about[path]}"
            shown = yaml.safe_dump({name: value}, sort_keys=False, default_flow_style=False).rstrip("\n")
            yield from (pad + line for line in shown.split("\n"))
        else:
            yield f"{pad}{name}:"
            yield from value_lines(value, path + ".", about)


def chart() -> dict[str, str]:
    """The files of the chart, by their paths in it."""
    chosen = yaml.safe_load((K8S / "chart-values.yaml").read_text())
    components, version = chosen["components"], project_version()
    found = objects(components)
    contents = {name: (K8S / path).read_text() for name, path in chosen["files"].items()}
    files = {text: name for name, text in contents.items()}
    values: dict[str, tuple[Any, str, str]] = {
        "namespace.create": (False, "boolean", "Makes the namespace too, which refuses pods with privileges.")
    }
    for name, component in components.items():
        values[f"{name}.enabled"] = (False, "boolean", component["about"])
    for path, value in chosen["values"].items():
        values[path] = (*offer(found, path, value), value["about"])
    text, schema = described(values)
    schema = {"$schema": "https://json-schema.org/draft-07/schema#", **schema, "allOf": []}
    for name, component in components.items():
        for needed in component.get("needs", ()):
            schema["allOf"].append({"if": is_on(name), "then": is_on(needed)})
    made = {
        "Chart.yaml": HEAD + yaml.safe_dump(about_chart(version), sort_keys=False, width=110),
        "values.yaml": HEAD + text,
        "values.schema.json": json.dumps(schema, indent=2) + "\n",
        **{f"files/{name}": text for name, text in contents.items()},
    }
    for (kind, name), part in sorted(found.items()):
        body = lines(part.node, 0, files)
        opened = [f"{{{{- if {condition} }}}}" for condition in part.conditions]
        template = [*opened, *body, *["{{- end }}"] * len(opened)]
        made[f"templates/{kind.lower()}-{name}.yaml"] = HEAD + "\n".join(template) + "\n"
    for folder in sorted((K8S / "overlays").iterdir()):
        on = [name for name, one in components.items() if one["folder"] in used(folder)]
        preset = yaml.safe_dump({name: {"enabled": True} for name in on}, sort_keys=False) if on else "{}\n"
        made[f"presets/{folder.name}.yaml"] = HEAD + preset
    return made


def about_chart(version: str) -> dict[str, Any]:
    return {
        "apiVersion": "v2",
        "name": "tieback",
        "description": "Serving of multimodal retrieval and grounded generation over gRPC",
        "type": "application",
        "version": version,
        "appVersion": version,
        "kubeVersion": ">=1.27.0-0",  # readiness by gRPC's health protocol
    }


def is_on(component: str) -> dict[str, Any]:
    on = {"properties": {"enabled": {"const": True}}, "required": ["enabled"]}
    return {"properties": {component: on}, "required": [component]}


def used(overlay: Path) -> set[str]:
    """The folders of the components of an overlay, with those of the overlays that it is made of."""
    stated = yaml.safe_load((overlay / "kustomization.yaml").read_text())
    own = {Path(one).name for one in stated.get("components", ())}
    below = [overlay / one for one in stated["resources"] if Path(one).name != "base"]
    return own.union(*(used(one.resolve()) for one in below))


def components() -> dict[str, Any]:
    """The components that the chart offers, by the names of their values."""
    found: dict[str, Any] = yaml.safe_load((K8S / "chart-values.yaml").read_text())["components"]
    return found


def write() -> None:
    """Makes the chart's folder anew."""
    shutil.rmtree(CHART, ignore_errors=True)
    for name, text in chart().items():
        (CHART / name).parent.mkdir(parents=True, exist_ok=True)
        (CHART / name).write_text(text)
    for name, path in yaml.safe_load((K8S / "chart-values.yaml").read_text())["files"].items():
        (CHART / "files" / name).unlink()
        (CHART / "files" / name).symlink_to(Path("../..") / path)  # Helm puts the contents into a package


def project_version() -> str:
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return version
