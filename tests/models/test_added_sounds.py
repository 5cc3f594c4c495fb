"""`tieback models add`, on folders of encoders of sounds."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result
from support.own_sounds import save_sounds
from tieback.serving.commands.models import models


def add(*arguments: str) -> Result:
    return CliRunner().invoke(models, ["add", *arguments], prog_name="tieback models")


def test_an_encoder_of_sounds_is_added_as_one_card(own_cards: Path) -> None:
    save_sounds(own_cards.parent / "hubert", "hubert")

    added = add(str(own_cards.parent / "hubert"), "--license", "MIT")

    assert added.exit_code == 0, added.output
    assert "sounds: 16,000 samples a second, windows of 30 s, of mean 0 and variance 1" in added.stderr
    assert "next: tieback models pull hubert" in added.output


def test_an_encoder_of_sounds_that_is_refused_is_sent_to_no_endpoint(own_cards: Path) -> None:
    save_sounds(own_cards.parent / "first", "wav2vec2", conv_kernel=[1000, 8, 4, 2])

    refused = add(str(own_cards.parent / "first"))

    assert refused.exit_code == 1
    assert "does not take that" in refused.stderr
    assert "endpoint" not in refused.stderr
