"""Speech over the wire: transcripts with times, alone and with the language model, SDK and command line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner, Result
from support.lab import lab as lab
from support.local_platform import Running, served_locally
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.serving.settings import Settings
from tieback_client import Audio, Client, Evidence, InvalidArgument, NotFound
from tieback_client.cli import app
from tieback_contract.locators import LocatorKind

MODEL = "whisper-tiny-en-recogniser"
SECONDS = 7


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = Settings(
        store=tmp_path_factory.mktemp("speech") / "store",
        port=0,
        metrics_port=None,
        drain_seconds=1,
        spaces=("all-minilm-l6-v2",),
        recognisers=(MODEL,),
    )
    with served_locally(settings) as running:
        yield running


@pytest.fixture(scope="module")
def client(platform: Running) -> Iterator[Client]:
    with Client(platform.address, timeout=300) as made:
        yield made


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first seconds of a reading of A Tale of Two Cities."""
    samples, rate = soundfile.read(Store().media(Catalog.load().get_media("speech")) / "two_cities.wav")
    path = tmp_path_factory.mktemp("clips") / "clip.wav"
    soundfile.write(path, samples[: SECONDS * rate], rate)
    return path


def run(platform: Running, *arguments: str) -> Result:
    return CliRunner().invoke(app.tieback, arguments, env={"TIEBACK_SERVER": platform.address})


def test_a_clip_is_written_down_with_times(client: Client, clip: Path) -> None:
    (found,) = client.recognise(clip)

    assert found.models == [MODEL]
    assert "best of times" in found.text.lower()
    for words, segment in found.parts:
        assert words
        assert segment.place.kind is LocatorKind.TIME_RANGE
        begin, end = segment.place.place
        assert 0 <= begin < end <= SECONDS


def test_the_command_line_prints_what_is_said_and_when(platform: Running, clip: Path) -> None:
    result = run(platform, "recognise", str(clip))

    assert result.exit_code == 0, result.output
    assert "times" in result.output
    assert "[0.0–" in result.output


def test_a_language_model_takes_part_and_without_weight_changes_nothing(
    platform: Running, client: Client, clip: Path
) -> None:
    (alone,) = client.recognise(clip)
    (weightless,) = client.recognise(clip, fusion=("gfd", {"weight": 0}))
    result = run(platform, "recognise", str(clip), "--json", "--fusion", "gfd", "--set", "weight=0.1")

    assert weightless.text == alone.text
    assert result.exit_code == 0, result.output
    assert "times" in json.loads(result.output)["text"].lower()


def test_a_bad_sound_fails_alone_and_a_wrong_fusion_fails_all(client: Client, clip: Path) -> None:
    bad, good = client.recognise([Audio(b"no sound"), clip]).outcomes

    assert isinstance(bad, InvalidArgument)
    assert bad.field == "contents[0].audio"
    assert not isinstance(good, InvalidArgument)
    with pytest.raises(NotFound, match="gfd"):
        client.recognise(clip, fusion="magic")
    with pytest.raises(InvalidArgument, match="weight"):
        client.recognise(clip, fusion=("gfd", {"weight": 2}))


def test_a_server_without_a_language_model_refuses_to_fuse_by_name(tmp_path: Path, clip: Path) -> None:
    settings = Settings(
        store=tmp_path, port=0, metrics_port=None, drain_seconds=1, spaces=("all-minilm-l6-v2",),
        recognisers=(MODEL,), generator="none",
    )  # fmt: skip
    with (
        served_locally(settings) as running,
        Client(running.address, timeout=300) as client,
        pytest.raises(InvalidArgument, match="'gfd' asks a language model") as error,
    ):
        client.recognise(clip, fusion="gfd")

    assert error.value.field == "fusion.name"


def test_a_transcript_is_evidence_that_is_cited_by_time(client: Client, clip: Path) -> None:
    (found,) = client.recognise(clip)
    evidence = Evidence(found.text, id="clip.wav", segments=found.segments)

    checked = client.check(found.text, [evidence])

    assert checked.supported, (found.text, checked.verdicts)
    citation = checked.citations[0]
    assert citation.time is not None
    assert 0 <= citation.time[0] < citation.time[1] <= SECONDS


def test_a_sound_without_speech_has_an_empty_transcript(client: Client, tmp_path: Path) -> None:
    silence = io.BytesIO()
    soundfile.write(silence, [0.0] * 16_000, 16_000, format="WAV")

    (found,) = client.recognise(Audio(silence.getvalue()))

    assert (found.text, list(found.segments)) == ("", [])
