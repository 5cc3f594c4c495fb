"""Recipes that learn are found by their files, configured by their signatures, and keep what they learned."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.each import each
from tieback.artifacts import Artifact, Kind
from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.models.store import Store
from tieback.recipes import trained
from tieback.recipes.train import REPORT, TrainingOutcome, train
from tieback.serving.commands.recipes import recipes as recipes_command
from tieback.serving.commands.train import assigned
from tieback.serving.commands.train import train as train_command

COUNTS = Kind("word_counts", "table of words", 1, "train it again: tieback train counting")
COUNTING = '''"""Counts words of at least some letters (Someone et al., 2019, arXiv:1901.00001).

A recipe as short as one can be.
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from tieback.artifacts import Kind
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.texts import read_texts, text_files

MAKES = "a table of words"


def count(texts, *, letters=1):
    lengths = [sum(len(word) >= letters for word in text.split()) for text in texts]
    return {"counts": np.array(lengths, np.int64)}


@recipes.method
def counting(
    run: TrainingRun, *, letters: Annotated[int, Field(ge=1)] = 3, kinds: tuple[int, ...] = (1, 2)
) -> Learned:
    """Counts."""
    files = text_files(run.data)
    texts = read_texts(files, most=99, seed=0)
    run.say(f"counting in {len(texts)} texts")
    arrays = run.steps.arrays(
        "counts", count, {"texts": texts, "letters": letters}, lambda: count(texts, letters=letters)
    )
    total = int(arrays["counts"].sum())
    kind = Kind("word_counts", "table of words", 1, "train it again: tieback train counting")
    facts, metrics, report = {"kinds": list(kinds)}, {"words": total}, {"Words": [{"n": total}]}
    return Learned(kind, arrays, (), files, facts, metrics, report)
'''


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of recipes beside the project's, with one recipe, and a text to learn from."""
    folder = tmp_path / "more_recipes"
    folder.mkdir()
    (folder / "counting.py").write_text(COUNTING)
    monkeypatch.setattr(trained, "__path__", [*trained.__path__, str(folder)])
    (tmp_path / "text.md").write_text("an owl flies at night")
    yield tmp_path
    forget()


def forget() -> None:
    """As in a process that has not loaded the recipe."""
    sys.modules.pop(f"{trained.__name__}.counting", None)
    trained.recipes._methods.pop("counting", None)
    trained.recipes._checked.discard("counting")


def run(folder: Path, **parameters: Any) -> TrainingOutcome:
    return train(
        "counting", parameters, cards=(), store=Store(folder / "store"), data=[folder / "text.md"],
        output=folder / "out", say=lambda _: None,
    )  # fmt: skip


@each("name", trained.recipes.names())
def test_every_recipe_says_its_paper_what_it_makes_and_its_parameters(name: str) -> None:
    one = trained.describe(name)

    assert one.papers
    assert one.makes
    assert one.summary.endswith((".", ":"))
    assert all("default" in schema for schema in one.schema["properties"].values())


def test_a_file_in_the_folder_is_a_recipe(counting: Path) -> None:
    listed = CliRunner().invoke(recipes_command)
    as_json = json.loads(CliRunner().invoke(recipes_command, ["--json"]).stdout)

    assert "counting" in trained.recipes.names()
    assert "counting  (arXiv:1901.00001)" in listed.stdout
    assert "makes a table of words" in listed.stdout
    assert "--set letters=3" in listed.stdout
    assert "--set kinds=1,2" in listed.stdout
    (one,) = [one for one in as_json["recipes"] if one["name"] == "counting"]
    assert one["papers"] == ["1901.00001"]
    assert one["schema"]["properties"]["letters"] == {
        "default": 3, "minimum": 1, "title": "Letters", "type": "integer",
    }  # fmt: skip


def test_a_run_keeps_an_artifact_with_metrics_a_report_and_how_it_came_about(counting: Path) -> None:
    outcome = run(counting)

    found = Artifact.load(outcome.folder, COUNTS)
    assert found.arrays["counts"].tolist() == [3]
    assert found.facts == {"recipe": "counting", "kinds": [1, 2], "metrics": {"words": 3}}
    report = found.files[REPORT].decode()
    assert "| letters | 3 |" in report
    assert "## Words" in report
    provenance = found.provenance
    assert provenance["recipe"] == "counting"
    assert provenance["configuration"] == {"letters": 3, "kinds": [1, 2]}
    assert [one["file"] for one in provenance["data"]] == ["text.md"]
    assert len(provenance["data"][0]["sha256"]) == 64
    assert len(provenance["code"]) == 20
    assert {"python", "numpy"} <= provenance["versions"].keys()
    assert provenance["seconds"] >= 0


def test_the_same_run_again_computes_nothing_and_makes_the_same(counting: Path) -> None:
    first, again, other = run(counting), run(counting), run(counting, letters=2)

    assert (first.made, again.made) == (("counts",), ())
    assert again.folder == first.folder
    assert other.made == ("counts",)
    assert other.artifact.arrays["counts"].tolist() == [5]
    assert other.folder != first.folder


def test_changed_code_of_the_recipe_is_not_answered_by_what_was_computed_before(counting: Path) -> None:
    first = run(counting)
    recipe = counting / "more_recipes" / "counting.py"
    recipe.write_text(COUNTING.replace("sum(len(word) >= letters for", "2 * sum(len(word) >= letters for"))
    forget()

    again = run(counting)

    assert again.made == ("counts",)
    assert again.artifact.arrays["counts"].tolist() == [6]
    assert again.artifact.provenance["code"] != first.artifact.provenance["code"]


def test_what_is_unknown_or_out_of_range_is_refused_with_the_choices(counting: Path) -> None:
    with pytest.raises(NotFound, match="no recipe is named 'countin'; did you mean 'counting'"):
        train("countin", {}, cards=(), store=Store(counting), data=(), output=counting, say=print)
    with pytest.raises(InvalidInput, match="has no parameter 'leters'; its parameters are: letters, kinds"):
        run(counting, leters=2)
    with pytest.raises(InvalidInput, match=r"recipe 'counting': parameter 'letters': .*or equal to 1"):
        run(counting, letters=0)
    with pytest.raises(StartupError, match="no texts to learn from"):
        train("counting", {}, cards=(), store=Store(counting), data=(), output=counting, say=print)


def test_assignments_are_read_by_the_recipes_own_types() -> None:
    kinds = {"widths": "array", "steps": "integer", "fit": "object"}
    schema = {"properties": {name: {"type": kind} for name, kind in kinds.items()}}

    assert assigned(["widths=64,128", "steps=3", "other=a=b", 'fit={"heads": 2}'], schema) == {
        "widths": ["64", "128"], "steps": "3", "other": "a=b", "fit": {"heads": 2},
    }  # fmt: skip
    with pytest.raises(InvalidInput, match="--set fit takes JSON, for instance"):
        assigned(["fit=heads"], schema)
    with pytest.raises(InvalidInput, match="--set takes KEY=VALUE, not 'steps'"):
        assigned(["steps"], schema)
    with pytest.raises(InvalidInput, match="--set steps is given twice"):
        assigned(["steps=1", "steps=2"], schema)


def test_the_command_trains_and_tells(counting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBACK_MODELS", str(counting / "store"))
    text, out = str(counting / "text.md"), str(counting / "out")

    def command(*arguments: str) -> Any:
        return CliRunner().invoke(train_command, ["counting", "--output", out, *arguments])

    told = command("--data", text, "--set", "letters=2", "--set", "kinds=4,5")
    as_json = json.loads(command("--data", text, "--json").stdout)
    unknown = CliRunner().invoke(train_command, ["cuonting", "--output", out])
    wrong = command("--data", text, "--set", "letters=many")
    without = command()

    assert told.exit_code == 0, told.output
    assert re.search(r"Learned in \d+ s: [0-9a-f]{12}, in ", told.stdout)
    assert as_json["kind"] == "word_counts"
    assert as_json["metrics"] == {"words": 3}
    assert as_json["card"] is None
    assert as_json["provenance"]["configuration"]["letters"] == 3
    assert Artifact.load(Path(as_json["folder"]), COUNTS).revision == as_json["revision"]
    assert (unknown.exit_code, wrong.exit_code, without.exit_code) == (1, 1, 1)
    assert "did you mean 'counting'" in unknown.output
    assert "parameter 'letters'" in wrong.output
    assert "no texts to learn from" in without.output


def test_recipes_are_listed_without_what_they_are_trained_with() -> None:
    script = (
        "import sys; sys.modules['torch'] = None; sys.modules['onnx'] = None\n"
        "from tieback.serving.commands.recipes import recipes\n"
        "recipes(['--json'], standalone_mode=False)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert [one["name"] for one in json.loads(done.stdout)["recipes"]] == trained.recipes.names()


def test_an_artifact_of_a_newer_release_is_told_by_its_schema(counting: Path) -> None:
    folder = run(counting).folder

    with pytest.raises(StartupError, match="schema version 1 of an earlier release"):
        Artifact.load(folder, replace(COUNTS, schema=2))
