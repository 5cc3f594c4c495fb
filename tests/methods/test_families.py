"""What every method of a request's families promises, tested by listing them."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from tieback.core.errors import InvalidInput, NotFound
from tieback.methods.binding import bindings
from tieback.methods.composition import compositions
from tieback.methods.missing import missing
from tieback.methods.projection import projections
from tieback.methods.ranking import rankings
from tieback.methods.reranking import rerankings
from tieback.methods.routing import routings
from tieback.serving.assembly import request_families

FAMILIES = [bindings, compositions, missing, projections, rankings, rerankings, routings]
METHODS = [
    pytest.param(family, name, id=f"{family.name}-{name}") for family in FAMILIES for name in family.names()
]


@pytest.mark.parametrize(("family", "name"), METHODS)
def test_a_method_can_be_configured_with_its_defaults(family, name):
    assert callable(family.configure(name))


@pytest.mark.parametrize(("family", "name"), METHODS)
def test_a_method_refuses_a_parameter_it_does_not_have_and_lists_those_it_has(family, name):
    with pytest.raises(InvalidInput, match="its parameters are") as refusal:
        family.configure(name, {"no_such_parameter": 1}, field="method")

    assert str(refusal.value.field) == "method.parameters.no_such_parameter"


@pytest.mark.parametrize(("family", "name"), METHODS)
def test_a_method_is_described_by_a_sentence_and_a_valid_schema_that_accepts_its_defaults(family, name):
    description = family.describe(name)

    assert description.summary.endswith((".", ")"))
    jsonschema.Draft202012Validator.check_schema(description.schema)
    assert json.loads(json.dumps(description.schema)) == description.schema
    jsonschema.validate({}, description.schema)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_an_unknown_method_is_not_found_and_the_choices_are_named(family):
    with pytest.raises(NotFound) as refusal:
        family.configure("no_such_method")

    assert refusal.value.choices == family.names()


@pytest.mark.parametrize(
    ("family", "name", "parameters"),
    [
        (rankings, "reciprocal_rank", {"k": 0}),
        (rankings, "reciprocal_rank", {"weights": [1, -1]}),
        (rankings, "standard_scores", {"absent": "best"}),
        (rerankings, "optimal_transport", {"beta": 0}),
        (rerankings, "optimal_transport", {"iterations": 0}),
        (routings, "explicit", {"weights": {"a": float("nan")}}),
        (routings, "explicit", {"weights": {"a": -1}}),
        (bindings, "class_names", {"top": 0}),
        (missing, "pool", {"k": 0}),
        (missing, "pool", {"k": 2.5}),
        (missing, "pool", {"k": 1_000_000}),
        (missing, "pool", {"sharpness": float("nan")}),
    ],
)
def test_a_parameter_out_of_its_range_is_refused_by_its_path(family, name, parameters):
    with pytest.raises(InvalidInput) as refusal:
        family.configure(name, parameters)

    assert str(refusal.value.field).startswith("parameters." + next(iter(parameters)))


def test_a_method_without_a_function_that_its_family_asks_for_is_refused():
    def free_of_charge(query, tokens, mask, checkpoint):
        """Says nothing of its cost."""

    with pytest.raises(TypeError, match="needs a function passes"):
        rerankings.method(free_of_charge)


def test_the_families_that_are_listed_are_those_that_the_contract_names() -> None:
    contract = "".join(
        re.sub(r"\n\s*//", "", path.read_text(encoding="utf-8"))
        for path in (Path(__file__).parents[2] / "protos/tieback/v1").glob("*.proto")
    )

    named = set(re.findall(r'famil(?:y|ies)\s+"(\w+)"', contract))
    assert {family.name for family in request_families()} == named
