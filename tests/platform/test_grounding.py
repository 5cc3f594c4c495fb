"""Checks of other people's texts over the wire, with the real encoder: SDK, command line, metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.local_platform import Running, served_locally
from tieback.models.learned.claim_reading import CLAIMS
from tieback.serving.settings import Settings
from tieback_client import (
    AnswerStyle,
    AsyncClient,
    Check,
    Client,
    ConflictKind,
    Evidence,
    InvalidArgument,
    Item,
    NotFound,
    Unimplemented,
    VerdictLabel,
)
from tieback_client.cli import app
from tieback_client.shown.marks import legend

SPACE = "all-minilm-l6-v2"
TIDES = "The tide rises and falls twice a day. The moon pulls the water of the sea."
BREAD = "Knead the dough for ten minutes. Bake the bread at 220 degrees for half an hour."
TEXT = "The moon pulls the water of the sea. Bake the bread at 180 degrees for half an hour."


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    store = tmp_path_factory.mktemp("grounding") / "store"
    settings = Settings(
        store=store, port=0, metrics_port=None, drain_seconds=1, spaces=(SPACE,), generator="none"
    )
    with served_locally(settings) as running:
        with Client(running.address, timeout=60) as client:
            client.ingest("notes", [Item("tides", TIDES, "Tides"), Item("bread", BREAD, "Bread")]).collect()
        yield running


@pytest.fixture
def client(platform: Running) -> Iterator[Client]:
    with Client(platform.address, timeout=60) as client:
        yield client


def run(platform: Running, *words: str, given: str = "") -> Result:
    return CliRunner().invoke(
        app.tieback, ["check", *words], input=given, env={"TIEBACK_SERVER": platform.address}
    )


def test_a_text_is_checked_by_passages_and_each_claim_is_counted(platform: Running, client: Client) -> None:
    before = platform.value("tieback_checked_claims_total", label="supported")
    checked = client.check(TEXT, [TIDES, Evidence(BREAD, "recipe", title="Bread")])

    assert [checked.verdicts[one.id].label for one in checked.claims] == [
        VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED,
    ]  # fmt: skip
    assert [[one.evidence_id for one in checked.citations_of(claim)] for claim in checked.claims] == [
        ["1"], ["recipe"],
    ]  # fmt: skip
    assert [one.id for one in checked.evidence] == ["1", "recipe"]
    assert (checked.supported, checked.supported_share) == (False, 0.5)
    assert checked.timing.total > 0
    assert {one.checker_revision for one in checked.verdicts.values()} == {CLAIMS.shipped().name}
    assert platform.value("tieback_checked_claims_total", label="supported") == before + 1


def test_the_passages_of_each_claim_can_be_those_that_a_collection_has(client: Client) -> None:
    checked = client.check(TEXT, collection="notes", limit=1)

    assert [one.text for one in checked.claims] == TEXT.replace(". B", ".|B").split("|")
    assert [checked.verdicts[one.id].label for one in checked.claims] == [
        VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED,
    ]  # fmt: skip
    assert [[one.item_id for one in checked.citations_of(claim)] for claim in checked.claims] == [
        ["tides"], ["bread"],
    ]  # fmt: skip
    assert {one.item_id for one in checked.evidence} == {"tides", "bread"}
    assert checked.supported_share == 0.5
    with pytest.raises(NotFound):
        client.check(TEXT, collection="nothing")


async def test_many_texts_are_checked_in_one_call_and_a_bad_one_fails_alone(platform: Running) -> None:
    async with AsyncClient(platform.address, timeout=60) as client:
        checks = await client.check_all([Check(TEXT, [TIDES]), Check("", [TIDES]), Check(TIDES, [TIDES])])

    assert len(checks) == 3
    assert checks[2].supported
    with pytest.raises(InvalidArgument, match=r"the text is empty"):
        checks[1]
    assert isinstance(checks.outcomes[1], InvalidArgument)
    assert str(checks.outcomes[1].violations[0].field) == "checks[1].text"


def test_what_cannot_be_asked_is_refused_before_it_is_sent(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="the passages, or the collection"):
        client.check(TEXT)
    with pytest.raises(InvalidArgument, match="the passages, or the collection"):
        client.check(TEXT, [TIDES], collection="notes")
    with pytest.raises(InvalidArgument, match="passages of a collection"):
        client.check(TEXT, [TIDES], filter='modality = "text"')
    with pytest.raises(InvalidArgument, match="chooses passages of a collection"):
        client.check(TEXT, [TIDES], limit=2)
    with pytest.raises(InvalidArgument, match="nothing to check"):
        client.check_all([])
    with pytest.raises(InvalidArgument, match="from its first to before its end"):
        client.check(TEXT, [TIDES], claims=[(5, 2)])


def test_the_command_marks_each_claim_and_its_exit_code_tells_whether_all_are_supported(
    platform: Running, tmp_path: Path
) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "tides.md").write_text(f"# Tides\n\n{TIDES}\n")
    (folder / "bread.txt").write_text(BREAD)
    answer = tmp_path / "answer.txt"
    answer.write_text(TEXT)

    wrong = run(platform, str(answer), "--against", str(folder))
    right = run(platform, "-", "--against", str(folder / "tides.md"), given=TIDES)
    found = run(platform, str(answer), "--collection", "notes", "--json")

    assert wrong.exit_code == 1, wrong.output
    assert "✓ The moon pulls the water of the sea." in wrong.stdout
    assert "✗ Bake the bread at 180 degrees for half an hour." in wrong.stdout
    assert "number differs: “180” in the text, “220” in [" in wrong.stdout
    assert "notes/bread.txt" in wrong.stdout
    assert "✓ 1 supported   ✗ 1 contradicted" in wrong.stdout
    assert right.exit_code == 0, right.output
    assert "notes/tides.md#L3" in right.stdout
    assert "✓ 2 supported" in right.stdout
    assert [one["verdict"]["label"] for one in json.loads(found.stdout)["claims"]] == [
        "supported", "contradicted",
    ]  # fmt: skip


def test_what_no_passage_supports_is_shown_with_the_nearest_sentence_and_what_is_not_checked_with_its_reason(
    platform: Running, tmp_path: Path
) -> None:
    (tmp_path / "tides.md").write_text(f"# Tides\n\n{TIDES}\n")
    text = (
        "The tide of the year 1900 rose forty times a day. Is it so? Der Mond zieht das Wasser der Meere an."
    )

    shown = run(platform, "-", "--against", str(tmp_path / "tides.md"), given=text).stdout
    found = json.loads(
        run(platform, "-", "--against", str(tmp_path / "tides.md"), "--json", given=text).stdout
    )

    first, second, third = found["shown"]["claims"]
    assert first["claim"]["sign"] in "?~"
    assert first["is_nearest"]
    [passage] = first["passages"]
    assert passage["place"].endswith("tides.md#L3")
    assert [run for run in passage["runs"] if run["is_marked"]] == [
        {"text": "The tide rises and falls twice a day.", "is_marked": True}
    ]
    assert found["claims"][0]["nearest"]["source_id"] == passage["id"]
    assert "»The tide rises and falls twice a day.«" in shown
    assert f"nearest: {passage['place']}" in shown
    for one in (second, third):
        assert (one["claim"]["sign"], one["passages"]) == ("·", [])
        assert one["reason"] in " ".join(shown.split())
    assert found["shown"]["legend"]
    for line in found["shown"]["legend"]:
        assert line in shown


def test_the_legend_of_marks_is_in_the_help_of_check_and_ask() -> None:
    for command in ("check", "ask"):
        told = CliRunner().invoke(app.tieback, [command, "--help"]).output

        assert [line for line in legend() if line not in told] == []


def test_the_command_names_the_way_out_where_it_cannot_check(platform: Running, tmp_path: Path) -> None:
    answer, large, photo = tmp_path / "answer.txt", tmp_path / "large.txt", tmp_path / "drawing.svg"
    answer.write_text(TEXT)
    large.write_text("The tide rises. " * 20_000)
    photo.write_text("<svg/>")

    neither = run(platform, str(answer))
    too_large = run(platform, str(answer), "--against", str(large))
    nothing = run(platform, str(answer), "--against", str(photo))

    assert (neither.exit_code, too_large.exit_code, nothing.exit_code) == (2, 1, 1)
    assert "--against PATH, or --collection NAME" in neither.output
    assert "index them (tieback index), and check against the collection" in too_large.output
    assert "it is a drawing without words" in nothing.output
    assert "the files hold no text to check by" in nothing.output


def test_a_question_is_answered_by_a_quote_where_no_language_model_is_served(
    platform: Running, client: Client
) -> None:
    answer = client.answer("notes", "What pulls the water of the sea?").collect()

    assert answer.text == "The moon pulls the water of the sea."
    [citation] = answer.citations
    begin, end = citation.span or (0, 0)
    assert (citation.item_id, TIDES.encode()[begin:end].decode()) == ("tides", answer.text)
    assert answer.finish is not None
    assert answer.finish.style is AnswerStyle.QUOTE
    assert (client.models(), client.server_info().styles) == ([], [AnswerStyle.QUOTE])


def test_the_command_line_quotes_and_says_that_no_language_model_is_served(platform: Running) -> None:
    def said(*words: str) -> Result:
        return CliRunner().invoke(app.tieback, words, env={"TIEBACK_SERVER": platform.address})

    asked = ("ask", "What pulls the water of the sea?", "--collection", "notes")
    written = said(*asked, "--style", "write")

    assert "The moon pulls the water of the sea." in said(*asked).output
    assert "answers: quoted; no language model is served" in said("health").output
    assert written.exit_code != 0
    assert "no language model, so it quotes: ask for the style quote" in written.output


async def test_what_needs_a_language_model_is_unimplemented(platform: Running) -> None:
    async with AsyncClient(platform.address, timeout=60) as client:
        with pytest.raises(Unimplemented, match="no language model"):
            await client.generate("What pulls the water?", [TIDES], style=AnswerStyle.WRITE).collect()


def test_passages_that_disagree_are_named_with_what_each_says(platform: Running, client: Client) -> None:
    policy, draft = (f"Interns get {days} days of paid leave a year." for days in (20, 25))
    answer = client.generate("How many days of leave do interns get?", [policy, draft, TIDES]).collect()
    checked = client.check("Interns get 20 days of paid leave a year.", [policy, draft])

    for conflict in (answer.conflicts[0], checked.conflicts[0]):
        assert conflict.kind is ConflictKind.NUMBER
        assert {(one.evidence_id, one.said) for one in (conflict.cited, conflict.other)} == {
            ("1", "20"), ("2", "25"),
        }  # fmt: skip
    assert (len(answer.conflicts), len(checked.conflicts)) == (1, 1)
    assert client.generate("What pulls the water of the sea?", [TIDES, BREAD]).collect().conflicts == []


def test_the_command_line_shows_passages_that_disagree(platform: Running, tmp_path: Path) -> None:
    for name, hour in (("policy", 9), ("draft", 10)):
        (tmp_path / f"{name}.md").write_text(f"The office of the harbour opens at {hour} in the morning.\n")
    claim = "The office of the harbour opens at 9 in the morning."

    result = run(platform, "-", "--against", str(tmp_path), given=claim)

    assert "The sources disagree (another number). Read both." in result.output
    assert "opens at 9 in the morning" in result.output
    assert "opens at 10 in the morning" in result.output
