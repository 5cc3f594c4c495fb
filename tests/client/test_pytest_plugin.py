"""Tests of other people assert that a text rests on its sources: the plugin of pytest, in its own runs."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from support.local_platform import Running, served_locally
from tieback.serving.settings import Settings
from tieback_client import Client

pytest_plugins = "pytester"
PLUGIN = "tieback_client.pytest_plugin"
TESTS = """
import pytest

SOURCE = "The tide rises twice a day. Bake the bread at 220 degrees."
TEXT = "The tide rises twice a day. Bake the bread at 180 degrees. Is it so?"

def test_supported(assert_grounded):
    assert assert_grounded("The tide rises twice a day.", [SOURCE]).supported

def test_half(assert_grounded):
    assert_grounded(TEXT, [SOURCE])

def test_half_is_enough(assert_grounded):
    assert_grounded(TEXT, [SOURCE], least_share=0.5)

@pytest.mark.grounded(least_share=0.5, checker="lexical_embedding")
def test_marked(assert_grounded):
    assert_grounded(TEXT, [SOURCE])

def test_nothing_is_claimed(assert_grounded):
    assert_grounded("Is it so?", [SOURCE])
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    store = tmp_path_factory.mktemp("plugin") / "store"
    settings = Settings(
        store=store,
        port=0,
        metrics_port=None,
        spaces=("wordllama-256",),
        generator="none",
        drain_seconds=0,
    )
    with served_locally(settings) as running:
        with Client(running.address, timeout=60) as client:
            # A run within this process forgets the modules that were loaded while it ran: the server's, too.
            for checker in ("lexical_embedding", "verbatim"):
                client.check("Bake it at 180 degrees. Is it so?", ["Bake it at 220."], checker=checker)
        yield running


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """A run of the tests, with the plugin once: where tieback is installed, pytest has it already."""
    installed = any(one.value == PLUGIN for one in entry_points(group="pytest11"))
    pytester.makepyfile(TESTS)
    loaded = [] if installed else ["-p", PLUGIN]
    return pytester.runpytest_inprocess("-p", "no:asyncio", *loaded, *options)


def test_a_text_that_is_not_supported_fails_with_its_claims_and_what_to_read(
    pytester: pytest.Pytester, platform: Running
) -> None:
    found = run(pytester, "--tieback-server", platform.address)

    found.assert_outcomes(passed=3, failed=2)
    output = found.stdout.str()
    assert "AssertionError: 50% of the decided claims are supported, and 100% have to be" in output
    assert "✗ Bake the bread at 180 degrees." in output
    assert "passage 1: The tide rises twice a day. »Bake the bread at 220 degrees.«" in output
    assert "AssertionError: no claim of the text could be decided" in output
    assert "· Is it so?" in output
    assert "in __call__" not in output  # the traceback is the test's own
    assert "shortfall(" not in output


def test_the_settings_file_chooses_server_share_and_checker(
    pytester: pytest.Pytester, platform: Running
) -> None:
    pytester.makeini(
        f"""
        [pytest]
        tieback_server = {platform.address}
        tieback_least_share = 0.5
        tieback_checker = verbatim
        """
    )

    assert run(pytester, "-k", "half or marked").ret == 0
    run(pytester, "-k", "half", "--tieback-least-share", "0.9").assert_outcomes(passed=1, failed=1)


def test_without_a_server_tests_fail_or_are_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    failed = run(pytester, "-k", "supported", "--tieback-server", "localhost:1")
    skipped = run(
        pytester, "-k", "supported", "--tieback-server", "localhost:1", "--tieback-unreachable", "skip", "-rs"
    )

    failed.assert_outcomes(failed=1)
    skipped.assert_outcomes(skipped=1)
    for one in (failed, skipped):
        assert "no tieback server is reached: no server answers at localhost:1" in one.stdout.str()
        assert "During handling" not in one.stdout.str()


def test_wrong_settings_end_the_run_and_the_marker_is_known(pytester: pytest.Pytester) -> None:
    for option, value in (("least-share", "much"), ("least-share", "7"), ("unreachable", "maybe")):
        ended = run(pytester, f"--tieback-{option}", value)

        assert ended.ret == pytest.ExitCode.USAGE_ERROR
        assert f"tieback_{option.replace('-', '_')} is" in ended.stderr.str()
    assert "@pytest.mark.grounded(least_share, checker" in run(pytester, "--markers").stdout.str()


def test_pytest_finds_the_plugin_where_tieback_is_installed() -> None:
    project = tomllib.loads(
        (Path(__file__).parents[2] / "clients/pyproject.toml").read_text(encoding="utf-8")
    )

    assert project["project"]["entry-points"]["pytest11"] == {"tieback": PLUGIN}
