"""What every method of every family promises, tested by listing them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from support.each import each
from support.lab import lab as lab
from support.lab import lab_in_use
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.family import Family
from tieback.methods import families
from tieback.methods.reranking import PASSES, rerankings
from tieback.serving.plan.assembly import request_families
from tieback.serving.requests.contract import METHOD_FIELDS, MethodField

with lab_in_use():
    FAMILIES = list(families().values())
    METHODS = [pytest.param(one, name, id=f"{one.name}-{name}") for one in FAMILIES for name in one.names()]


def bad_values(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Values that a parameter of this JSON schema must refuse."""
    beyond = {"minimum": -1, "exclusiveMinimum": 0, "maximum": 1, "exclusiveMaximum": 0}
    for kind in (schema, *schema.get("anyOf", ())):
        yield from (kind[bound] + step for bound, step in beyond.items() if bound in kind)
        if kind.get("type") in ("number", "integer"):
            yield from ("many", float("nan"), float("inf"))
        if kind.get("type") == "integer":
            yield 1.5
        if kind.get("type") == "string":
            yield 3
        if "enum" in kind:
            yield "no such choice"
        if kind.get("type") == "array":
            yield from ([bad] for bad in bad_values(kind["items"]))
        if isinstance(kind.get("additionalProperties"), Mapping):
            yield from ({"a": bad} for bad in bad_values(kind["additionalProperties"]))


with lab_in_use():
    OUT_OF_RANGE = [
        pytest.param(one, name, {key: bad}, id=f"{one.name}-{name}-{key}-{bad}")
        for one in FAMILIES
        for name in one.names()
        for key, schema in one.schema(name).get("properties", {}).items()
        for bad in bad_values(schema)
    ]


@each("family, name", METHODS)
def test_a_method_can_be_configured_with_its_defaults(family: Family[Any], name: str) -> None:
    assert callable(family.configure(name))


@each("family, name", METHODS)
def test_a_method_refuses_a_parameter_it_does_not_have_and_lists_those_it_has(
    family: Family[Any], name: str
) -> None:
    with pytest.raises(InvalidInput, match="its parameters are") as refusal:
        family.configure(name, {"no_such_parameter": 1}, field="method")

    assert str(refusal.value.field) == "method.parameters.no_such_parameter"


@each("family, name, parameters", OUT_OF_RANGE)
def test_a_parameter_out_of_its_range_is_refused_by_its_path(
    family: Family[Any], name: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        family.configure(name, parameters)

    assert str(refusal.value.field).startswith("parameters." + next(iter(parameters)))


@each("family, name", METHODS)
def test_a_method_is_described_by_a_sentence_and_a_valid_schema_that_accepts_its_defaults(
    family: Family[Any], name: str
) -> None:
    description = family.describe(name)

    assert description.summary.endswith((".", ")"))
    jsonschema.Draft202012Validator.check_schema(description.schema)
    assert json.loads(json.dumps(description.schema)) == description.schema
    jsonschema.validate({}, description.schema)


@each("family, name", METHODS)
def test_every_form_of_a_method_can_be_had_with_its_defaults(family: Family[Any], name: str) -> None:
    for form in family.forms:
        if form.required or family.has(form, name):
            assert callable(family.form(form, name))
            jsonschema.validate({}, family.schema(name, form))


@each("family", FAMILIES)
def test_an_unknown_method_is_not_found_and_the_choices_are_named(family: Family[Any]) -> None:
    with pytest.raises(NotFound) as refusal:
        family.configure("no_such_method")

    assert refusal.value.choices == family.names()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Where methods of the family reranking are looked for; a test may write into the folder `folder`."""
    found = importlib.import_module(rerankings.package)
    monkeypatch.setattr(found, "__path__", [*found.__path__, str(tmp_path)])
    monkeypatch.setattr(found, "folder", tmp_path, raising=False)
    return found


METHOD = '''"""A method."""

from tieback.methods.reranking import rerankings

{before}

@rerankings.method
def {name}(query, rows, mask, checkpoint, *, beta: float = 1.0):
    """Nothing."""
'''


@pytest.mark.parametrize(
    ("name", "before", "says"),
    [
        ("lacking", "", r"needs a function passes\('width',\)"),
        ("strange", "def passes(height): ...", r"takes \['height'\], not \['width'\]"),
        ("costly", "def passes(width, *, steps): ...", "parameters that costly lacks: {'steps'}"),
    ],
)
def test_a_file_that_lacks_what_the_family_asks_for_is_refused(
    package: ModuleType, name: str, before: str, says: str
) -> None:
    (package.folder / f"{name}.py").write_text(METHOD.format(name=name, before=before))

    with pytest.raises(TypeError, match=says):
        rerankings.get(name)


def test_a_file_without_a_method_of_its_name_is_refused(package: ModuleType) -> None:
    (package.folder / "misnamed.py").write_text(METHOD.format(name="other", before="passes = len"))

    with pytest.raises(TypeError, match="holds no function misnamed"):
        rerankings.get("misnamed")


def test_a_method_of_other_data_is_refused() -> None:
    with pytest.raises(TypeError, match=r"methods of this family take \['query', 'rows', 'mask'"):
        rerankings.method(lambda query, rows: None)  # type: ignore[arg-type]  # the mistake is meant


def test_a_form_is_given_the_parameters_that_it_names_and_no_others() -> None:
    few, many = (rerankings.form(PASSES, "optimal_transport", {"iterations": n, "beta": 1}) for n in (1, 9))

    assert many(64) - few(64) == 8
    with pytest.raises(InvalidInput, match="has no parameter 'steps'"):
        rerankings.form(PASSES, "optimal_transport", {"steps": 1})


def test_the_families_that_are_listed_are_those_whose_methods_the_contract_names() -> None:
    assert {family.name for family in request_families()} == METHOD_FIELDS.keys()
    assert MethodField("RouterService.Fuse", "routing.imputation") in METHOD_FIELDS["imputation"]
    assert (
        MethodField("AnswerService.Answer", "retrieval.options.rank_fusion") in METHOD_FIELDS["rank_fusion"]
    )
