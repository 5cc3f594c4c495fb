"""A plugin of pytest: tests assert that a text rests on its sources.

    def test_the_answer_rests_on_the_handbook(assert_grounded):
        assert_grounded(answer(QUESTION), [HANDBOOK])

pytest loads it where tieback is installed, so nothing but pytest is imported before a test asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tieback_contract.method_choice import MethodLike

    from tieback_client import Checked, Client, Evidence

MARKER = "grounded"
SKIP, FAIL = "skip", "fail"
CONNECT_SECONDS = 2.0
_OPTIONS: Mapping[str, str] = {
    "server": "Address of the tieback server. [TIEBACK_SERVER; localhost:50051]",
    "token": "Bearer token of the server; better kept in TIEBACK_TOKEN. [TIEBACK_TOKEN]",
    "ca": "File of the certificate authorities of a server with TLS, in PEM.",
    "checker": "Method that checks claims. [the server's]",
    "least_share": "Least share of the decided claims that has to be supported, 0 to 1. [1]",
    "unreachable": "How a test ends where no server is reached: fail or skip. [fail]",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds an option of the command line and one of the settings file for each."""
    group = parser.getgroup("tieback", "texts that rest on their sources")
    for name, told in _OPTIONS.items():
        group.addoption(f"--tieback-{name.replace('_', '-')}", dest=f"tieback_{name}", help=told)
        parser.addini(f"tieback_{name}", told, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker, and refuses settings that are none."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(least_share, checker, collection, …): what assert_grounded takes in this test, unless it "
        "is given there",
    )
    share, unreachable = _setting(config, "least_share"), _setting(config, "unreachable")
    if share and not _is_share(share):
        raise pytest.UsageError(f"tieback_least_share is a number from 0 to 1, not {share!r}")
    if unreachable not in ("", SKIP, FAIL):
        raise pytest.UsageError(f"tieback_unreachable is {SKIP} or {FAIL}, not {unreachable!r}")


@pytest.fixture(scope="session")
def tieback(pytestconfig: pytest.Config) -> Iterator[Client]:
    """A client of the server that the options name."""
    from tieback_client import Client

    given = {name: _setting(pytestconfig, name) for name in ("token", "ca")}
    options = {name: one for name, one in given.items() if one}
    server = _setting(pytestconfig, "server") or os.environ.get("TIEBACK_SERVER")
    with Client(server, connect_timeout=CONNECT_SECONDS, **options) as client:
        yield client


@pytest.fixture
def assert_grounded(tieback: Client, request: pytest.FixtureRequest) -> AssertGrounded:
    """Asserts that a text rests on its sources; see `AssertGrounded.__call__`."""
    config = request.config
    options: dict[str, Any] = {"least_share": float(_setting(config, "least_share") or 1)}
    if checker := _setting(config, "checker"):
        options["checker"] = checker
    for marker in reversed(list(request.node.iter_markers(MARKER))):
        options |= marker.kwargs
    return AssertGrounded(tieback, options, skips=_setting(config, "unreachable") == SKIP)


class AssertGrounded:
    """The assertion, with what the options and the marker chose."""

    def __init__(self, client: Client, options: Mapping[str, Any], *, skips: bool) -> None:
        self._client, self._options, self._skips = client, options, skips

    def __call__(
        self,
        text: str,
        evidence: Sequence[str | Evidence] = (),
        *,
        least_share: float | None = None,
        checker: MethodLike | None = None,
        **options: Any,
    ) -> Checked:
        """Fails where less than `least_share` of the text's decided claims are supported, or none is decided.

        The passages are `evidence`, or found with `collection=`; other options are those of `Client.check`.
        Returns the checked text.
        """
        __tracebackhide__ = True
        from tieback_client.errors import Unavailable
        from tieback_client.shown.checked import shortfall

        chosen = dict(self._options) | options
        if evidence:  # passages that are given are asked before the marker's collection
            chosen = {name: one for name, one in chosen.items() if name != "collection" or name in options}
        share = chosen.pop("least_share")
        if checker is not None:
            chosen["checker"] = checker
        try:
            checked = self._client.check(text, evidence, **chosen)
        except Unavailable as error:
            why = f"no tieback server is reached: {error}"
            raise (pytest.skip.Exception(why) if self._skips else pytest.fail.Exception(why)) from None
        told = shortfall(checked, least_share=share if least_share is None else least_share)
        if told:
            raise AssertionError(told)
        return checked


def _setting(config: pytest.Config, name: str) -> str:
    """Value of the command line, or else of the settings file."""
    given = config.getoption(f"tieback_{name}")
    return str(config.getini(f"tieback_{name}") if given is None else given)


def _is_share(value: str) -> bool:
    try:
        return 0 <= float(value) <= 1
    except ValueError:
        return False
