"""Which judges of answerability a server has, by its settings and its store."""

from __future__ import annotations

from pathlib import Path

import pytest
from tieback.core.errors import StartupError
from tieback.models.learned.answerability import JUDGE
from tieback.models.learned.question_reading import READER
from tieback.serving.plan import Plan, assembly
from tieback.serving.settings import Settings


def judge_of(**given: Path | list[str]) -> str:
    settings = Settings.model_validate(given)
    return assembly.load_judges(Plan(settings)).default.name


def test_the_judge_that_reads_is_the_default_and_a_folder_of_either_kind_takes_its_place() -> None:
    assert judge_of() == "question_reading"
    assert judge_of(artifacts=[str(READER.shipped())]) == "question_reading"
    assert judge_of(artifacts=[str(JUDGE.shipped())]) == "question_alignment"


def test_without_the_weights_of_the_encoder_it_is_judged_by_alignment(tmp_path: Path) -> None:
    assert judge_of(models=tmp_path) == "question_alignment"
    with pytest.raises(StartupError):
        judge_of(models=tmp_path, artifacts=[str(READER.shipped())])
