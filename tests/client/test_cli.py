"""The command line as a person, a pipe and a program see it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import click
import pytest
from click.testing import CliRunner
from support.command_line import Run, documents
from support.each import each
from support.present import present
from support.terminal import in_a_terminal
from tieback_client import Client
from tieback_client.cli import app, connection


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["spaces"], "tiny\ttext, image, audio\t8\t256\tint8\tcomponent\tyes\tA tiny space."),
        (["spaces", "tiny"], "width\t8 (or 4, 8)"),
        (["spaces", "tiny"], "cosine, smallest\t0.9934 (in float32 1)"),
        (["spaces", "tiny"], "layers\t2, 4"),
        (["spaces", "tiny"], "token reduction\tpitome at 0.9, served: 1.40 times as fast for 0.4 points"),
        (["methods"], "reranking\tlate_interaction\tpairs=5\tSums each query token's best match."),
        (["health"], "encoder:tiny\tyes"),
        (["status"], "encoder:tiny\tyes"),
        (["collections"], "notes\t0\t0\ttiny\t8\t2023-11-14 22:13"),
        (["collections", "list"], "notes\t0\t0\ttiny\t8\t2023-11-14 22:13"),
    ],
)
def test_lists_are_tab_separated_in_a_pipe(run: Run, served: Any, words: list[str], line: str) -> None:
    with Client(served.address) as client:
        client.create_collection("notes", "tiny")

    assert line in run(*words).stdout.splitlines()


@pytest.mark.parametrize(
    "words",
    [
        ["search", "moon", "-c", "notes"],
        ["ask", "why", "-c", "notes"],
        ["rerank", "moon", "a", "the moon"],
        ["encode", "a", "--space", "tiny"],
        ["spaces"],
        ["spaces", "tiny"],
        ["methods"],
        ["health"],
        ["collections"],
        ["collections", "items", "notes"],
        ["collections", "delete", "notes", "--yes"],
    ],
)
def test_every_command_speaks_json(run: Run, served: Any, words: list[str]) -> None:
    with Client(served.address) as client:
        client.create_collection("notes", "tiny")

    result = run(*words, "--json")

    assert result.exit_code == 0, result.output
    documents(result)


def test_a_failed_call_is_one_line_with_the_way_out_and_exit_code_1(run: Run) -> None:
    result = run("encode", "a", "--space", "nope")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: no space is named 'nope'; the choices are: tiny\n"


def test_a_failed_call_is_json_where_asked_for(run: Run) -> None:
    error = json.loads(run("encode", "a", "--space", "nope", "--json").stderr)["error"]

    assert (error["code"], error["reason"]) == ("NOT_FOUND", "SPACE_NOT_FOUND")


def test_a_server_that_is_not_there_is_told_with_how_to_start_one() -> None:
    result = CliRunner().invoke(
        app.tieback, ["search", "moon", "--server", "localhost:1", "--timeout", "0.5"]
    )

    assert result.exit_code == 1
    assert "no server answers at localhost:1" in result.stderr
    assert "tieback serve --local" in result.stderr


def test_a_server_without_tls_is_told_of_in_one_line_of_ours(served: Any) -> None:
    command = [sys.executable, "-m", "tieback_client.cli", "spaces", "--server", served.address, "--tls"]
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}

    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error: no server answers at {served.address} (it does not use TLS); leave --tls, --ca, "
        "--certificate and --key out\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["search"], "Give a query: words, --image, --audio, --points or --feature."),
        (["encode", "--space", "tiny"], "Give the inputs"),
        (["rerank"], "Give the query: QUERY or --query-file."),
        (["rerank", "moon"], "Give the candidates: texts, --file"),
        (["rerank", "moon", "a", "--set", "beta=1"], "a parameter needs a method; name it with --method"),
        (["encode", "a", "--lines", "-", "--space", "tiny"], "--lines cannot be combined"),
        (["search", "a", "--weights", "tiny"], "'tiny' is not SPACE=NUMBER"),
        (["search", "a", "--weights", "tiny=1", "--policy", "top_k"], "leave --policy out"),
        (["ask", "a", "--set", "layer=25"], "a parameter needs a method; name it with --strategy"),
        (["ask", "a", "--strategy", "lol", "--set", "25"], "'25' is not NAME=VALUE"),
        (["search", "a", "--image", "nowhere.png"], "File 'nowhere.png' does not exist"),
        (["serch", "a"], "Did you mean search?"),
        (["xyz"], "The commands are: index, search, ask"),
    ],
)
def test_wrong_usage_has_exit_code_2(run: Run, words: list[str], message: str) -> None:
    result = run(*words)

    assert result.exit_code == 2
    assert message in result.stderr


def test_a_collection_is_not_deleted_unless_that_is_meant(run: Run, served: Any) -> None:
    with Client(served.address) as client:
        client.create_collection("notes", "tiny")

    assert run("collections", "delete", "notes", input="n\n").exit_code == 2
    assert run("collections", "delete", "notes", input="y\n").exit_code == 0
    assert run("collections", "list").stdout == ""


def test_a_question_that_nobody_can_answer_is_answered_by_no(run: Run, served: Any) -> None:
    with Client(served.address) as client:
        client.create_collection("notes", "tiny")

    result = run("collections", "delete", "notes", input="")

    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert "notes" in run("collections", "list").stdout


def test_a_token_is_sent_and_never_shown(run: Run, served: Any) -> None:
    result = run("spaces", "--token", "hush-hush")

    assert served.log.metadata[-1]["authorization"] == "Bearer hush-hush"
    assert "hush-hush" not in result.output
    assert (
        "hush-hush"
        not in CliRunner(env={"TIEBACK_TOKEN": "hush-hush"}).invoke(app.tieback, ["search", "-h"]).output
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "spaces"],
        ["--timeout=5", "--json", "collections"],
        ["--json", "--timeout", "5", "collections", "list"],
    ],
)
def test_options_of_the_server_may_stand_before_the_command(run: Run, words: list[str]) -> None:
    result = run(*words)

    assert result.exit_code == 0, result.output
    assert isinstance(json.loads(result.stdout), list)


def test_a_commands_own_options_count_before_those_in_front_of_it(served: Any) -> None:
    words = ["--server", "127.0.0.1:1", "--json", "spaces", "--server", served.address]

    assert CliRunner().invoke(app.tieback, words).exit_code == 0


@pytest.mark.parametrize("words", [["--help"], ["--json", "--help"], ["--server", "there", "--help"]])
def test_the_help_of_a_group_shows_its_commands_whatever_options_stand_before_it(words: list[str]) -> None:
    *options, wanted = words
    result = CliRunner().invoke(app.tieback, [*options, "collections", wanted])

    assert "Usage: tieback collections [OPTIONS] COMMAND" in result.output


@pytest.mark.parametrize("words", [["--json"], ["--json", "--help"], ["--server", "there"]])
def test_options_without_a_command_show_the_commands(words: list[str]) -> None:
    assert "Usage: tieback [OPTIONS] COMMAND" in CliRunner().invoke(app.tieback, words).output


def test_the_options_that_may_stand_before_a_command_are_those_that_all_share() -> None:
    command = present(app.tieback.get_command(click.Context(app.tieback), "search"))
    options = {one.name: one for one in command.params if isinstance(one, click.Option)}
    shared = [options[name] for name in connection.SHARED]

    assert {one.opts[0] for one in shared if one.is_flag} == app.FLAGS
    assert {one.opts[0] for one in shared if not one.is_flag} == app.WITH_VALUE


def test_the_list_of_commands_cuts_no_description_short() -> None:
    shown = CliRunner().invoke(app.tieback, ["--help"]).output

    assert "Commands:" in shown
    assert "..." not in shown.partition("Commands:")[2]


@each("name", [*app.COMMANDS])
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(app.tieback, [name, "--help"])

    assert result.exit_code == 0
    assert f"Usage: tieback {name}" in result.output


def test_the_servers_commands_say_what_to_install_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = EntryPoint("serve", "a_package_that_is_not_there.commands:serve", app.SERVER_GROUP)
    monkeypatch.setattr(app, "entry_points", lambda group: [absent])

    result = CliRunner().invoke(app.tieback, ["serve", "--local"])

    assert result.exit_code == 1
    assert "python -m pip install 'tieback @ " in result.stderr
    assert "a_package_that_is_not_there" in result.stderr


def test_a_client_alone_says_how_to_get_the_commands_of_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "entry_points", lambda group: [])

    result = CliRunner().invoke(app.tieback, ["doctor"])

    assert "No such command 'doctor'" in result.stderr
    assert "python -m pip install 'tieback @ " in result.stderr


def test_without_its_two_packages_the_command_line_says_what_to_install() -> None:
    program = "import sys; sys.modules['rich'] = None; from tieback_client.cli import main; main()"

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert result.returncode == 1
    assert "python -m pip install 'tieback-client[cli] @ " in result.stderr
    assert "Traceback" not in result.stderr


def test_in_a_terminal_there_is_colour_and_none_where_it_is_not_wanted(served: Any) -> None:
    assert "\x1b[1mTides" in in_a_terminal(served.address, "search", "moon")
    assert "\x1b[1;33m" not in in_a_terminal(served.address, "search", "moon", NO_COLOR="1")


def test_in_a_terminal_an_answer_grows_and_ends_with_its_sources(served: Any) -> None:
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", in_a_terminal(served.address, "ask", "why"))

    assert "The moon moves it. ✓[1]" in shown
    assert shown.index("Sources") < shown.index("tokens by writer")


def test_an_interrupt_is_quiet(served: Any) -> None:
    program = (
        "import sys, time, threading, os, signal; from tieback_client.cli import app, output\n"
        "def slow(*a, **k):\n    os.kill(os.getpid(), signal.SIGINT); time.sleep(5)\n"
        "output.Output.table = slow\n"
        # A shell that runs the tests in the background has children ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "app.tieback(['spaces'], prog_name='tieback')"
    )
    environment = os.environ | {"TIEBACK_SERVER": served.address}

    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )

    assert result.returncode == 130
    assert result.stderr.strip() == ""


def test_a_reader_that_goes_away_is_no_error(served: Any) -> None:
    command = f"{sys.executable} -m tieback_client.cli ask why --json | head -1"

    result = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env=os.environ | {"TIEBACK_SERVER": served.address},
        check=False,
    )

    assert json.loads(result.stdout)["event"] == "retrieval"
    assert result.stderr == ""


def test_a_damaged_collection_is_shown_as_one_with_what_to_do(run: Run, client: Client) -> None:
    client.create_collection("broken", "tiny")
    client.create_collection("notes", "tiny")

    shown = run("collections")

    assert [line.split("\t")[-1] for line in shown.stdout.splitlines()] == ["damaged", "good"]
    assert "broken: its files are damaged; delete it" in shown.stderr
    assert documents(run("collections", "--json"))[0][0]["damage"] == "its files are damaged; delete it"


def test_whoami_says_whose_token_it_is_and_how_much_of_the_quota_is_used(run: Run) -> None:
    told = run("whoami", "--token", "acme-token")
    found = documents(run("whoami", "--token", "acme-token", "--json"))[0]

    assert told.exit_code == 0
    for part in (
        "acme",
        "role write",
        "1,200",
        "2,000",
        "globex/handbook",
        "read",
        "5,000,000",
        "none",
        "500",
    ):
        assert part in told.output
    assert (found["tenant"], found["role"], found["quota"]["item_count"]) == ("acme", "write", 2000)
    assert found["shared"] == {"globex/handbook": "read"}


def test_whoami_says_where_no_tokens_are_asked_for(run: Run) -> None:
    assert "needs no token" in run("whoami").output


def test_a_wrong_token_is_told_with_the_way_to_give_another(run: Run) -> None:
    result = run("whoami", "--token", "wrong")

    assert result.exit_code == 1
    assert "the token is not one of this server's" in result.output
    assert "--token or TIEBACK_TOKEN" in result.output
    assert "metadata" not in result.output
    assert "token=" not in result.output
