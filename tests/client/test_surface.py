"""Both clients offer the same, and everything in the contract is offered."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from typing import Any

import pytest
import tieback_client
from support.each import each
from support.present import present
from tieback.v1 import catalog_pb2
from tieback_client import AsyncClient, Client, Limits, TiebackError, errors
from tieback_client.procedures import Methods
from tieback_client.transport.rpc import RPCS

PACKAGE: Any = tieback_client  # its names are found when they are asked for
PUBLIC: list[str] = PACKAGE.__all__


def public(owner: type) -> dict[str, Any]:
    return {name: inspect.getattr_static(owner, name) for name in dir(owner) if not name.startswith("_")}


def test_both_clients_have_the_same_methods_and_properties() -> None:
    assert public(Client).keys() == public(AsyncClient).keys()


@each("name", [name for name in public(Client) if inspect.isfunction(getattr(Client, name))])
def test_a_method_takes_the_same_in_both_clients_and_is_documented(name: str) -> None:
    one, other = getattr(Client, name), getattr(AsyncClient, name)

    assert inspect.signature(one).parameters == inspect.signature(other).parameters
    assert one.__doc__
    assert other.__doc__


def test_every_rpc_of_the_contract_is_called_by_some_operation() -> None:
    sources = "".join(inspect.getsource(present(inspect.getmodule(one))) for one in Methods.__bases__)

    uncalled = {name for name in RPCS if f'RPCS["{name}"]' not in sources}
    assert uncalled == set()


def test_every_procedure_is_a_method_of_both_clients() -> None:
    procedures = {
        name
        for methods in Methods.__bases__
        for name, one in vars(present(inspect.getmodule(methods))).items()
        if inspect.isfunction(one) and one.__module__ == methods.__module__ and not name.startswith("_")
    }

    assert procedures == public(Methods).keys()


def test_public_names_are_found_by_name_by_star_and_in_the_directory_and_no_others_are() -> None:
    found: dict[str, Any] = {}
    exec("from tieback_client import *", found)

    assert set(PUBLIC) == found.keys() - {"__builtins__"} == set(dir(tieback_client))
    assert all(found[name] is getattr(tieback_client, name) for name in PUBLIC)
    assert all(name[0].isupper() for name in PUBLIC)
    for wrong in ("Nonsense", "nonsense", "__wrapped__"):
        assert not hasattr(tieback_client, wrong)


@pytest.mark.parametrize("name", ["__version__", "errors.TiebackError", "Client"])
def test_after_a_plain_import_the_version_the_errors_and_the_client_are_there(name: str) -> None:
    program = f"import tieback_client; print(tieback_client.{name})"

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout.strip()


def test_the_package_alone_does_not_load_grpc() -> None:
    program = "import sys, tieback_client.cli; print('grpc' in sys.modules); tieback_client.Client"

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout == "False\n"


def test_no_public_name_comes_from_the_generated_stubs() -> None:
    for name in PUBLIC:
        assert "_pb2" not in getattr(getattr(tieback_client, name), "__module__", "")


@each(
    "error", [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, TiebackError)]
)
def test_every_error_is_documented_and_in_the_drawn_tree(error: type[TiebackError]) -> None:
    assert error.__doc__
    assert error.__name__ in (errors.__doc__ or "")


def test_help_shows_the_parameters_of_an_operation_and_not_arguments_without_names() -> None:
    assert list(inspect.signature(Client.retrieve).parameters)[:3] == ["self", "collection", "query"]


def test_importing_the_client_imports_no_server_no_models_and_no_command_line() -> None:
    program = "import sys, tieback_client; tieback_client.Client; print('\\n'.join(sys.modules))"

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()

    servers = {"tieback.core.errors", "tieback.core.types", "tieback.serving"}
    assert not {"ray", "torch", "onnxruntime", "click", "rich", "pydantic", "PIL", *servers}.intersection(
        loaded
    )


def test_every_limit_of_the_contract_is_in_the_sdk() -> None:
    of_contract = {field.name for field in catalog_pb2.Limits.DESCRIPTOR.fields}

    assert {field.name for field in dataclasses.fields(Limits)} == of_contract
