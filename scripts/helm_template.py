"""Trees of objects with conditions, and their lines as templates of Helm. `helm_chart.py` makes them."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml


@dataclass
class Leaf:
    """A scalar, or a list that is taken as a whole."""

    value: Any


@dataclass
class Value:
    """What a user may choose; `kept` is what it stands for."""

    path: str
    kept: Any


@dataclass
class Optional:
    """What a user may add."""

    path: str
    is_text: bool


@dataclass
class Choice:
    """One of two, by whether a component is on."""

    component: str
    there: Any
    otherwise: Any


@dataclass
class Part:
    """A field of a map or an item of a list, there where every condition holds."""

    name: str
    node: Any
    conditions: list[str] = field(default_factory=list)


@dataclass
class Map:
    parts: list[Part]
    merged: str = ""
    """The value that is merged into it."""


@dataclass
class List:
    parts: list[Part]


def enabled(component: str) -> str:
    return f".Values.{component}.enabled"


def unmade(node: Any) -> Any:
    """The value of a node that has no conditions."""
    if isinstance(node, Map):
        return {part.name: unmade(part.node) for part in node.parts}
    if isinstance(node, List):
        return [unmade(part.node) for part in node.parts]
    return node.value if isinstance(node, Leaf) else node.kept


def lines(node: Any, indent: int, files: dict[str, str]) -> list[str]:
    """A map or a list as lines of a template."""
    pad, made = " " * indent, []
    if isinstance(node, Map) and node.merged:
        return merged_lines(node, indent)
    for conditions, parts in itertools.groupby(node.parts, lambda part: part.conditions):
        made += [f"{{{{- if {condition} }}}}" for condition in conditions]
        for part in parts:
            if isinstance(node, Map):
                made += field_lines(part.name, part.node, indent, files)
                continue
            inner = lines(part.node, indent + 2, files)
            simple = not inner[0].startswith("{{")
            made += [f"{pad}- {inner[0].strip()}", *inner[1:]] if simple else [f"{pad}-", *inner]
        made += ["{{- end }}"] * len(conditions)
    return made


def field_lines(name: str, node: Any, indent: int, files: dict[str, str]) -> list[str]:
    pad = " " * indent
    if isinstance(node, Choice):
        return [
            f"{{{{- if {enabled(node.component)} }}}}",
            *field_lines(name, node.there, indent, files),
            "{{- else }}",
            *field_lines(name, node.otherwise, indent, files),
            "{{- end }}",
        ]
    if isinstance(node, Value):
        if isinstance(node.kept, dict):
            return [f"{pad}{name}: {{{{- toYaml .Values.{node.path} | nindent {indent + 2} }}}}"]
        return [
            f"{pad}{name}: {{{{ .Values.{node.path} | {'quote' if isinstance(node.kept, str) else 'int'} }}}}"
        ]
    if isinstance(node, Optional):
        shown = "{{ . | quote }}" if node.is_text else f"{{{{- toYaml . | nindent {indent + 2} }}}}"
        return [f"{{{{- with .Values.{node.path} }}}}", f"{pad}{name}: {shown}", "{{- end }}"]
    if isinstance(node, Leaf):
        file = files.get(node.value) if isinstance(node.value, str) else None
        if file is not None:
            return [f'{pad}{name}: {{{{ .Files.Get "files/{file}" | quote }}}}']
        return [f"{pad}{name}: {scalar(node.value, indent)}"]
    return [f"{pad}{name}:", *lines(node, indent + 2, files)] if node.parts else [f"{pad}{name}: {{}}"]


def merged_lines(node: Map, indent: int) -> list[str]:
    """A map of texts, with what the user gives merged into it."""
    pad = " " * indent
    made = [f"{pad}{{{{- $data := dict }}}}"]
    for conditions, parts in itertools.groupby(node.parts, lambda part: part.conditions):
        made += [f"{pad}{{{{- if {condition} }}}}" for condition in conditions]
        for part in parts:
            if isinstance(part.node, Choice):
                made.append(f"{pad}{{{{- if {enabled(part.node.component)} }}}}")
                made.append(setting(pad, part.name, part.node.there.value))
                made.append(f"{pad}{{{{- else }}}}")
                made.append(setting(pad, part.name, part.node.otherwise.value))
                made.append(f"{pad}{{{{- end }}}}")
            else:
                made.append(setting(pad, part.name, part.node.value))
        made += [f"{pad}{{{{- end }}}}"] * len(conditions)
    given = f"range $name, $value := .Values.{node.merged}"
    made.append(f"{pad}{{{{- {given} }}}}{{{{- $_ := set $data $name $value }}}}{{{{- end }}}}")
    return [*made, f"{pad}{{{{- toYaml $data | nindent {indent} }}}}"]


def setting(pad: str, name: str, value: str) -> str:
    return f"{pad}{{{{- $_ := set $data {json.dumps(name)} {json.dumps(value)} }}}}"


def scalar(value: Any, indent: int) -> str:
    if isinstance(value, str) and value.startswith("{{ ."):
        return value
    if isinstance(value, str):
        if "\n" in value and not value[0].isspace():
            pad = " " * (indent + 2)
            text = "\n".join(pad + line if line else "" for line in value.rstrip("\n").split("\n"))
            return ("|" if value.endswith("\n") else "|-") + "\n" + escaped(text)
        is_simple = re.fullmatch(r"[A-Za-z0-9_./-]+", value) and yaml.safe_load(value) == value
        return value if is_simple else escaped(json.dumps(value, ensure_ascii=False))
    return escaped(json.dumps(value, ensure_ascii=False))  # JSON is YAML


def escaped(text: str) -> str:
    return text.replace("{{", '{{ "{{" }}')
