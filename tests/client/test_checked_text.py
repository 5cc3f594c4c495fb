"""A checked text has one form: schema.json describes what the SDK has, and cases find what differs."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import jsonschema
from click.testing import CliRunner
from support.each import each
from tieback_client import (
    Checked,
    Citation,
    Claim,
    Conflict,
    ConflictKind,
    Disagreement,
    Evidence,
    NotCheckedReason,
    QuestionFit,
    Verdict,
    VerdictLabel,
)
from tieback_client.checked_text import FORM, schema
from tieback_client.checked_text.conformance import Case, cases, different, malformed, unfitting
from tieback_client.cli import app
from tieback_contract.claims import ConflictingPlace

TEXT = "Das Café öffnet um 9. 🌊 Es ist groß."
SOURCE = "Das Café öffnet um 10. Das Café öffnet um 9."
WHERE = len("Das Café öffnet um 10. ".encode())
CITED = (WHERE, len(SOURCE.encode()))


def checked() -> Checked:
    """A text with a claim that is supported and one that is not, and sources that disagree."""
    first, second = "Das Café öffnet um 9.", "🌊 Es ist groß."
    begin = len(f"{first} ".encode())
    ten = ConflictingPlace("a", "menu", "1", (0, WHERE - 1), (21, 23), "Das Café öffnet um 10.")
    nine = ConflictingPlace("a", "menu", "1", CITED, (WHERE + 21, WHERE + 22), "Das Café öffnet um 9.")
    verdicts = [
        Verdict(1, VerdictLabel.SUPPORTED, 0.9, "some", checker_revision="r1"),
        Verdict(
            2,
            VerdictLabel.UNSUPPORTED,
            0.1,
            "some",
            nearest=Citation(2, "a", "menu", "1", CITED, 0.2),
            disagreement=Disagreement.NOT_MENTIONED,
            marked=[(begin + len("🌊 Es ist ".encode()), begin + len("🌊 Es ist groß".encode()))],
            compared=ten,
            checker_revision="r1",
        ),
    ]
    return Checked(
        TEXT,
        [
            Claim(1, (0, begin - 1), first),
            Claim(2, (begin, len(TEXT.encode())), second),
        ],
        [Citation(1, "a", "menu", "1", CITED, 0.9)],
        {one.claim_id: one for one in verdicts},
        [Conflict(1, ConflictKind.NUMBER, nine, ten)],
        [Evidence(SOURCE, "a", "Menu", "menu", "1", "menu.md")],
        0.5,
    )


def test_spans_are_in_bytes_and_in_characters_with_their_words() -> None:
    found = checked().document

    assert [*malformed(found), *unfitting(found)] == []
    first, second = found["claims"]
    assert first["span"] == {"bytes": [0, 23], "characters": [0, 21]}
    assert second["span"] == {"bytes": [24, 42], "characters": [22, 36]}
    assert second["verdict"]["marked"] == [
        {"span": {"bytes": [36, 41], "characters": [31, 35]}, "text": "groß"}
    ]
    assert first["citations"][0]["quote"] == "Das Café öffnet um 9."
    assert found["conflicts"][0]["other"]["differs"]["text"] == "10"
    assert first["verdict"]["checker"] == {"name": "some", "revision": "r1"}


def test_the_schema_is_valid_and_requires_and_describes_every_field() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())

    for one in (schema(), *schema()["$defs"].values()):
        assert list(one["properties"]) == one["required"]
        assert one["description"]
        assert all(field["description"] for field in one["properties"].values())
    assert schema()["$id"] == schema()["properties"]["schema"]["const"] == FORM


def test_a_document_has_the_fields_of_the_schema_and_no_others() -> None:
    names: dict[str, set[str]] = {}

    def walk(value: Any, form: Mapping[str, Any]) -> None:
        kinds = [form, *form.get("anyOf", ())]
        named = next((one["$ref"].rpartition("/")[2] for one in kinds if "$ref" in one), "")
        form = schema()["$defs"][named] if named else form
        if isinstance(value, list):
            for one in value:
                walk(one, form.get("items", {}))
        elif isinstance(value, dict) and "properties" in form:
            assert list(value) == list(form["properties"]), named
            names.setdefault(named, set()).update(value)
            for name, one in value.items():
                walk(one, form["properties"][name])

    walk(checked().document, schema())
    assert names.keys() - {""} == schema()["$defs"].keys()


@each(
    "place",
    [
        ("verdict", "reason", NotCheckedReason, [None]),
        ("verdict", "answers_question", QuestionFit, [None]),
        ("verdict", "disagreement", Disagreement, [None]),
        ("verdict", "label", VerdictLabel, ["quoted"]),
        ("conflict", "kind", ConflictKind, []),
    ],
)
def test_the_values_of_a_field_are_those_of_the_sdk(place: tuple[str, str, Any, list[Any]]) -> None:
    owner, field, members, more = place

    found = schema()["$defs"][owner]["properties"][field]["enum"]
    assert set(found) == {*(one.value for one in members), *more}


def test_what_does_not_fit_together_is_found() -> None:
    def second(document: Any) -> Any:
        return document["claims"][1]

    changes: list[tuple[str, Any]] = [
        ("span.bytes", lambda one: one["claims"][0]["span"].update(bytes=[0, 22])),
        ("span.characters", lambda one: second(one)["span"].update(characters=[21, 36])),
        ("id: claims count", lambda one: second(one).update(id=3)),
        ("no such source", lambda one: one["claims"][0]["citations"][0].update(source_id="b")),
        ("quote", lambda one: one["claims"][0]["citations"][0].update(quote="Das")),
        ("has citations", lambda one: one["claims"][0].update(nearest=second(one)["nearest"])),
        ("reason", lambda one: second(one)["verdict"].update(reason="language")),
        ("score", lambda one: second(one)["verdict"].update(score=None)),
        ("marked", lambda one: second(one)["verdict"]["marked"][0].update(text="gross")),
        ("compared", lambda one: second(one)["verdict"]["compared"].update(quote="Das")),
        ("no such claim", lambda one: one["conflicts"][0].update(claim_id=3)),
        ("differs", lambda one: one["conflicts"][0]["cited"]["differs"].update(text="8")),
        ("supported_share", lambda one: one.update(supported_share=1.0)),
        ("supported_share", lambda one: one.update(supported_share=None)),
        ("two have one id", lambda one: one["sources"].append(one["sources"][0])),
    ]
    for name, change in changes:
        document = copy.deepcopy(checked().document)
        change(document)

        faults = [*malformed(document), *unfitting(document)]
        assert faults, name
        assert any(name.split(".")[0].split(":")[0] in one or name == "quote" for one in faults), (
            name,
            faults,
        )


def test_what_is_expected_is_a_part_of_a_document() -> None:
    found = {"a": [{"b": 1, "c": 2}], "d": None}

    assert list(different(found, {"a": [{"b": 1}]})) == []
    assert list(different(found, {"a": [{"b": {"any": [1, 3]}}], "d": {"any": [None]}})) == []
    wrong: list[Any] = [{"a": []}, {"a": [{"b": 2}]}, {"e": 1}, {"a": {"b": 1}}, {"d": {"any": [0]}}]
    for expected in wrong:
        assert len(list(different(found, expected))) == 1


def test_the_cases_cover_what_readers_get_wrong() -> None:
    labels = {one["verdict"]["label"] for case in cases() for one in case.expected["claims"]
              if isinstance(one.get("verdict", {}).get("label"), str)}  # fmt: skip
    reasons = {
        one["verdict"].get("reason")
        for case in cases()
        for one in case.expected["claims"]
        if one.get("verdict")
    }

    assert len({one.name for one in cases()}) == len(cases()) == 20
    assert labels == {"supported", "contradicted", "not_checked"}
    assert {"states_nothing", "language", "too_long", "no_text"} <= reasons
    assert any(len(one.input["sources"]) > 1 for one in cases())
    assert any("claims" in one.input for one in cases())
    assert any("question" in one.input for one in cases())
    assert any(not one.input["text"].isascii() for one in cases())


def test_a_program_that_makes_no_documents_fails_every_case() -> None:
    def tried(*program: str) -> Any:
        ran = CliRunner().invoke(app.tieback, ["conformance", "--json", "--", *program])
        assert ran.exit_code == 1
        return [json.loads(one) for one in ran.stdout.splitlines()]

    wrong = tried("echo", "{}")
    assert [one["case"] for one in wrong] == [one.name for one in cases()]
    assert not any(one["passes"] for one in wrong)
    assert "$: 'claims' is a required property" in wrong[0]["faults"]
    assert tried("false")[0]["faults"] == ["no document: the program ended with the code 1"]
    assert tried("echo", "no JSON")[0]["faults"][0].startswith("no document: Expecting value")


def test_a_case_names_what_differs_by_its_place() -> None:
    case = Case("one", "", {}, {"claims": [{"verdict": {"label": "contradicted"}}, {}]})

    assert case.faults(checked().document) == ["$.claims[0].verdict.label: 'supported' is not 'contradicted'"]
